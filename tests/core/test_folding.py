"""Lines break between words, and what may be copied stays whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from toolkit.core.folding import fold

TEXT = st.text("ab `.\n", max_size=200)


@given(text=TEXT, columns=st.integers(1, 100))
def test_nothing_is_lost_and_no_word_is_broken(text: str, columns: int) -> None:
    assert fold(text, columns).split() == text.split()


@given(
    text=st.lists(st.text("ab", min_size=1, max_size=20), max_size=30), columns=st.integers(20, 99)
)
def test_no_line_is_longer_than_the_terminal(text: list[str], columns: int) -> None:
    assert all(len(line) <= columns for line in fold(" ".join(text), columns).split("\n"))


def test_a_command_stays_in_one_line_where_it_fits() -> None:
    said = fold("It is none. Install it with `pip install --no-deps ve-fairseq`, or not.", 40)
    assert said == ("It is none. Install it with\n`pip install --no-deps ve-fairseq`, or\nnot.")


def test_a_command_that_is_longer_than_a_line_breaks_between_its_words() -> None:
    assert fold("`toolkit convert model.pt`", 12) == "`toolkit\nconvert\nmodel.pt`"


def test_lines_that_are_indented_stay_so() -> None:
    assert fold("first\n  second", 80) == "first\n  second"


@given(text=st.lists(st.text("ab", min_size=1, max_size=8), min_size=1), hang=st.integers(0, 10))
def test_what_goes_on_is_set_in_and_nothing_else_is(text, hang):
    first, *more = fold(" ".join(text), 20, hang=hang).split("\n")
    assert not first.startswith(" ")
    assert all(line[:hang].isspace() or not hang for line in more)
    assert all(len(line) <= 20 for line in more)
    assert " ".join([first, *(line[hang:] for line in more)]) == " ".join(text)
