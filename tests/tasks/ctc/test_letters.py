"""The tokenizer of letters: a token of every row, fairseq's blank under transformers' name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS, Dictionary
from toolkit.core.errors import BadInput
from toolkit.families.waveforms import PROCESSOR
from toolkit.folder.contents import FolderContents
from toolkit.tasks.ctc.letters import tokens_of, write_letters
from toolkit.tasks.ctc.vocabulary import Letters, expect_letters


class Spelling:
    """Answers as fairseq does for a dictionary of letters."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(map(self.dictionary.index, "|".join(text.split())))

    def text(self, tokens: tuple[int, ...]) -> str:
        return "".join(self.dictionary.symbols[t] for t in tokens).replace("|", " ").strip()


def contents_of(*symbols: str) -> FolderContents:
    dictionary = Dictionary(symbols=(*SPECIAL_SYMBOLS, *symbols))
    return FolderContents(config={}, preprocessor={}, processor=PROCESSOR, dictionary=dictionary)


def written(contents: FolderContents, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    write_letters(contents, folder)
    (folder / "config.json").write_text('{"model_type": "wav2vec2"}')
    return folder


def expected(contents: FolderContents, *texts: str) -> Letters:
    return expect_letters(contents, Spelling(contents.dictionary), texts)


def load(folder: Path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def test_blank_and_start_change_places_and_nothing_else_does() -> None:
    tokens = tokens_of(contents_of("|", "a"))
    assert tokens == ("<pad>", "<s>", "</s>", "<unk>", "|", "a")


@pytest.mark.parametrize(
    "symbols",
    [
        ("|", "a", "b"),
        ("|", "AH0", "d͡ʒ", "k_h"),
        ("a", "b"),
        ("|", "#", "e\u0301", "ﬁ", "的", "<mask>", "madeupword0000"),
    ],
    ids=["letters", "phones", "no delimiter", "odd"],
)
def test_what_is_written_loads_as_the_rows_of_the_dictionary(
    symbols: tuple[str, ...], tmp_path: Path
) -> None:
    contents = contents_of(*symbols)
    tokenizer = load(written(contents, tmp_path / "hf"))
    assert expected(contents, "a b").compare(tokenizer) == ()


SYMBOLS = st.lists(
    st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="|"), min_size=1),
    unique=True,
    max_size=12,
)


@settings(max_examples=40)
@given(symbols=SYMBOLS)
def test_every_row_of_any_dictionary_keeps_its_id(
    symbols: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    contents = contents_of("|", *(s for s in symbols if s not in SPECIAL_SYMBOLS))
    tokenizer = load(written(contents, tmp_path_factory.mktemp("letters")))
    tokens = tokens_of(contents)
    assert tuple(tokenizer.convert_ids_to_tokens(list(range(len(tokens))))) == tokens


def test_a_symbol_that_stands_twice_is_refused() -> None:
    with pytest.raises(BadInput, match="every symbol once.*repeats 'a'.*--dict"):
        tokens_of(contents_of("|", "a", "b", "a"))


def change(path: Path, edit) -> None:
    said = json.loads(path.read_text(encoding="utf-8"))
    edit(said)
    path.write_text(json.dumps(said), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "key", "value", "blamed"),
    [
        ("vocab.json", "a", 9, "vocab.json"),
        ("vocab.json", "zz", 7, "vocab.json"),
        ("tokenizer_config.json", "pad_token", "<s>", "tokenizer_config.pad_token"),
        ("tokenizer_config.json", "unk_token", "a", "tokenizer_config.unk_token"),
        ("tokenizer_config.json", "do_lower_case", True, "tokenizer_config.do_lower_case"),
        ("tokenizer_config.json", "word_delimiter_token", "b", "word_delimiter_token"),
        ("tokenizer_config.json", "replace_word_delimiter_char", "_", "replace_word"),
        ("tokenizer_config.json", "extra_special_tokens", ["a"], "extra_special_tokens"),
        ("tokenizer_config.json", "padding_side", "left", "padding_side"),
        ("tokenizer_config.json", "clean_up_tokenization_spaces", True, "clean_up"),
        ("tokenizer_config.json", "tokenizer_class", "Wav2Vec2PhonemeCTCTokenizer", "vocab.json"),
    ],
)
def test_what_is_not_as_the_dictionary_says_is_named(
    file: str, key: str, value: object, blamed: str, tmp_path: Path
) -> None:
    contents = contents_of("|", "a", "b")
    folder = written(contents, tmp_path / "hf")
    change(folder / file, lambda said: said.update({key: value}))
    vocabulary = expected(contents, "a b")
    try:
        tokenizer = load(folder)
    except Exception:
        tokenizer = None  # as where a package that it needs is not installed
    found = vocabulary.compare(tokenizer)
    assert blamed in found[0].keys[0]
    assert vocabulary.judge(found).verdict == "fail"


def test_texts_are_compared_where_rows_and_settings_agree(tmp_path: Path) -> None:
    contents = contents_of("|", "a", "b")
    tokenizer = load(written(contents, tmp_path / "hf"))
    tokenizer._tokenize = lambda text: list(text.replace(" ", "|"))[::-1]
    (found,) = expected(contents, "a b").compare(tokenizer)
    assert found.aspect == "texts"
    assert "'a b' becomes (6, 4, 5), not (5, 4, 6)" in found.wrong
