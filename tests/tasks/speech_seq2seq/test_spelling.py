"""Texts as letters, held against fairseq's own labels and dictionary."""

from __future__ import annotations

import pytest
from fairseq.data.data_utils import post_process
from fairseq.tasks.audio_finetuning import LabelEncoder
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.variants.ctc_kinds import LETTERS, ODD
from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS, Dictionary
from toolkit.folder.contents import FolderContents
from toolkit.oracle.tasks.ctc import make_dictionary
from toolkit.tasks.speech_seq2seq.special_tokens import maybe_boundary
from toolkit.tasks.speech_seq2seq.tokenizer import build_tokenizer

END = 2


def contents_of(symbols):
    dictionary = Dictionary(symbols=(*SPECIAL_SYMBOLS, *symbols))
    return FolderContents(
        config={}, preprocessor={}, dictionary=dictionary, is_spelled=True, max_positions=64
    )


def labelled(text, symbols):
    """The ids of a text's line in a file of labels, as `libri_labels.py` writes it."""
    words = " ".join(text.split())
    line = " ".join(list(words.replace(" ", "|"))) + " |"
    return [*LabelEncoder(make_dictionary(symbols))(line).tolist(), END]


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(contents_of(LETTERS))


@pytest.mark.parametrize("text", ["HELLO WORLD", "", " A  B\tC\n", "DON'T", "ÄÖ x|Y", "</s>"[:1]])
def test_a_text_gets_the_ids_of_its_labels(text, tokenizer):
    assert tokenizer(text).input_ids == labelled(text, LETTERS)


@settings(max_examples=100)
@given(st.text(alphabet="".join(ODD[:10]) + " \t\u00a0\x1c\u3000Zz", max_size=20))
def test_any_text_of_odd_symbols_gets_the_ids_of_its_labels(text):
    assert build_tokenizer(contents_of(ODD))(text).input_ids == labelled(text, ODD)


@settings(max_examples=100)
@given(st.lists(st.integers(4, 3 + len(ODD)), max_size=20))
def test_any_letters_become_fairseqs_text(ids):
    spelled = make_dictionary(ODD).string(ids)
    said = build_tokenizer(contents_of(ODD)).decode(ids, skip_special_tokens=True)
    assert said == post_process(spelled, "letter")


def test_a_dictionary_without_a_mark_of_words_knows_none():
    contents = contents_of("AB")
    assert maybe_boundary(contents) is None
    tokenizer = build_tokenizer(contents)
    assert tokenizer("A BA").input_ids == [4, 5, 4, END]
    assert tokenizer.decode([4, 5, 4]) == "ABA"


def test_words_that_are_symbols_are_not_spelled():
    words = FolderContents(
        config={},
        preprocessor={},
        dictionary=Dictionary(symbols=(*SPECIAL_SYMBOLS, "AB", "|")),
        max_positions=64,
    )
    assert maybe_boundary(words) is None
    assert build_tokenizer(words)("AB |").input_ids == [4, 5, END]
