from pathlib import Path

import numpy as np
import pytest

from toolkit.audio.clips import ClipFacts
from toolkit.core.errors import BadInput
from toolkit.examples import TEXT, Sentence
from toolkit.examples.sentences import MAX_CHARACTERS, find_sentences, make_sentence

ODD = "Ünï 漢字 😀\te\u0301"


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_a_sentence_is_what_its_numbers_say() -> None:
    sentence = make_sentence(ODD, ClipFacts(name="odd"))
    assert sentence.text == ODD
    assert sentence.waveform.dtype == np.float32
    assert sentence.num_samples == len(ODD)
    assert sentence.duration_s == 0.0


def test_the_last_character_of_unicode_is_exact() -> None:
    assert make_sentence("\U0010ffff", ClipFacts(name="last")).text == "\U0010ffff"


def test_golden_sentences_are_read_without_a_path() -> None:
    sentences = TEXT.read([])
    assert len(sentences) == 24
    assert all(isinstance(sentence, Sentence) for sentence in sentences)
    assert sum(sentence.transcript is not None for sentence in sentences) == 12


def test_lines_are_sentences(tmp_path: Path) -> None:
    path = written(tmp_path, "some.txt", "One.\r\n\n Two.\n")
    assert [(s.name, s.text) for s in find_sentences([path])] == [
        ("some:1", "One."),
        ("some:3", " Two."),
    ]


def test_a_table_brings_translations(tmp_path: Path) -> None:
    (first, second) = find_sentences([written(tmp_path, "some.tsv", "One.\tEins.\nTwo.\n")])
    assert (first.text, first.transcript) == ("One.", "Eins.")
    assert (second.text, second.transcript) == ("Two.", None)


def test_tables_name_a_language(tmp_path: Path) -> None:
    content = '[[sentence]]\ntext = "One."\ntranslation = "Eins."\nlang = "de"\nname = "first"\n'
    (sentence,) = TEXT.read([written(tmp_path, "some.toml", content)])
    assert (sentence.name, sentence.lang, sentence.transcript) == ("first", "de", "Eins.")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", "\n\n", "must hold sentences"),
        ("a.toml", "x = 1", "must have `[[sentence]]` tables"),
        ("a.toml", "[[sentence]]\nname = 'a'", "must have `[[sentence]]` tables"),
        ("a.toml", "[[sentence]]\ntext = 1", "must have `[[sentence]]` tables"),
        ("a.toml", "[[", "must be TOML"),
        ("a.toml", "[[sentence]]\ntext = ''", "must have 1 to"),
        ("a.txt", "a" * (MAX_CHARACTERS + 1), "must have 1 to"),
    ],
)
def test_what_holds_no_sentences_is_refused(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    with pytest.raises(BadInput, match=said.replace("[", r"\[")):
        TEXT.read([written(tmp_path, name, content)])


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="must be a file of sentences in UTF-8"):
        TEXT.read([tmp_path / "a.txt"])
    with pytest.raises(BadInput, match="must be a file of sentences"):
        TEXT.read([tmp_path])


def test_an_excerpt_ends_with_a_word() -> None:
    sentence = make_sentence("One two three", ClipFacts(name="long", transcript="Eins"))
    part = sentence.excerpt(9)
    assert isinstance(part, Sentence)
    assert (part.text, part.kind, part.transcript) == ("One two", "probe", None)


def test_an_outline_of_a_sentence_reads_it_again(tmp_path: Path) -> None:
    (outline,) = TEXT.outline([written(tmp_path, "some.txt", ODD.replace("\t", " "))])
    assert outline.duration_s == 0.0
    assert outline.read().num_samples == outline.num_samples
