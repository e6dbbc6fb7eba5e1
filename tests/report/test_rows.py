"""Facts for the terminal, in whole words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from toolkit.report.rows import fold_rows

WORDS = st.lists(st.text("abc.", min_size=1, max_size=30), min_size=1, max_size=40)


def test_a_long_fact_takes_two_rows_and_says_that_there_is_more() -> None:
    said = fold_rows([("becomes", "word " * 40)], 40)
    first, second = said.splitlines()
    assert first.startswith("becomes   word ")
    assert second.startswith("          word ")
    assert second.endswith(" ...")


def test_what_a_reader_copies_stays_in_one_line() -> None:
    line = "toolkit convert " + "a/" * 60
    assert fold_rows([("next", line)], 40, kept_whole=("next",)) == f"next      {line}"


def test_what_would_act_on_the_terminal_is_shown() -> None:
    assert "\x1b" not in fold_rows([("file", "\x1b[2J")], 80)


@given(words=WORDS, columns=st.integers(1, 120))
def test_no_word_is_broken(words: list[str], columns: int) -> None:
    said = fold_rows([("is", " ".join(words))], columns)
    shown = said.removeprefix("is").removesuffix(" ...").split()
    assert shown == words[: len(shown)]
