"""What findings say of a tokenizer of letters: who says otherwise, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from toolkit.compare.differences import Difference
from toolkit.tasks.ctc.vocabulary import Letters

TOKENS = ("<pad>", "<s>", "</s>", "<unk>", "|", "a", "b")
RIGHT = {token: row for row, token in enumerate(TOKENS)}


class Wav2Vec2CTCTokenizer:
    """As transformers' own, as far as its ids and settings go."""

    padding_side = "right"
    clean_up_tokenization_spaces = False

    def __init__(self, ids: Mapping[str, int], **settings: Any) -> None:
        self.ids = dict(ids)
        self.special_tokens_map = {"word_delimiter_token": "|"}
        self.all_special_tokens = ["<pad>", "<s>", "</s>", "<unk>"]
        names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
        beside = {"replace_word_delimiter_char": " ", "do_lower_case": False}
        vars(self).update({**names, "unk_token": "<unk>", **beside, **settings})

    def get_vocab(self) -> dict[str, int]:
        return self.ids

    def convert_ids_to_tokens(self, rows: list[int]) -> list[str]:
        tokens = {row: token for token, row in self.ids.items()}
        return [tokens.get(row, "<unk>") for row in rows]


def compared(tokenizer: Any) -> tuple[Difference, ...]:
    return Letters(tokens=TOKENS, encodings={}, decodings={}).compare(tokenizer)


def test_right_ids_and_settings_differ_in_nothing() -> None:
    assert compared(Wav2Vec2CTCTokenizer(RIGHT)) == ()


@pytest.mark.parametrize(
    ("ids", "wrong"),
    [
        ({**RIGHT, "<pad>": 1, "<s>": 0}, ("0: '<pad>' became '<s>'", "1: '<s>' became '<pad>'")),
        ({t: i for t, i in RIGHT.items() if t != "b"}, ("6: 'b' is missing",)),
        ({**RIGHT, "a": 6}, ("5: 'a' is missing",)),
        (
            {**RIGHT, "</s>": 3, "<unk>": 2},
            ("2: '</s>' became '<unk>'", "3: '<unk>' became '</s>'"),
        ),
        ({**RIGHT, "c": 7}, ("1 token more than symbols: 'c'",)),
        ({**RIGHT, "c": 7, "d": 8}, ("2 tokens more than symbols: 'c', 'd'",)),
    ],
)
def test_rows_are_said_with_what_became_of_them(ids, wrong) -> None:
    (found,) = compared(Wav2Vec2CTCTokenizer(ids))
    assert (found.keys, found.wrong) == (("vocab.json",), wrong)
    assert "the number of its row in the dictionary" in found.fix


def test_a_token_whose_id_is_another_than_that_of_its_row_is_wrong_both_ways() -> None:
    tokenizer = Wav2Vec2CTCTokenizer(RIGHT)
    tokenizer.get_vocab = lambda: {**RIGHT, "<pad>": 1, "<s>": 0}
    (found,) = compared(tokenizer)
    assert found.wrong == ("0: '<pad>' has the id 1", "1: '<s>' has the id 0")
    assert "added_tokens_decoder" in found.fix


def test_a_setting_is_no_matter_of_rows_and_is_set() -> None:
    (found,) = compared(Wav2Vec2CTCTokenizer(RIGHT, do_lower_case=True))
    assert found.said_by == "fairseq's task and dictionary"
    assert found.fix == "set `tokenizer_config.do_lower_case` to False"


def test_a_symbol_that_decoding_drops_is_left_out_of_the_special_ones() -> None:
    tokenizer = Wav2Vec2CTCTokenizer(RIGHT)
    tokenizer.all_special_tokens.append("a")
    (found,) = compared(tokenizer)
    assert found.fix == "leave `tokenizer_config.extra_special_tokens` out"


def test_an_extra_token_that_is_no_symbol_is_blamed_on_the_setting_that_adds_it() -> None:
    tokenizer = Wav2Vec2CTCTokenizer({**RIGHT, "ß": 7})
    tokenizer.all_special_tokens.append("ß")
    (found,) = compared(tokenizer)
    assert found.keys == ("tokenizer_config.extra_special_tokens",)
    assert found.wrong == ("'ß' is no symbol, and gets an id that no frame can say",)


def test_another_class_is_one_cause_and_is_set() -> None:
    class OtherTokenizer(Wav2Vec2CTCTokenizer):
        pass

    (found,) = compared(OtherTokenizer(RIGHT, do_lower_case=True))
    assert found.fix == "set `tokenizer_config.tokenizer_class` to 'Wav2Vec2CTCTokenizer'"
