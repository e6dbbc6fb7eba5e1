"""A vocabulary in sections beside what a folder has: what is said where it has none."""

from __future__ import annotations

from typing import Any

from tests.tasks.ctc.test_vocabulary import RIGHT, TOKENS, Wav2Vec2CTCTokenizer
from toolkit.tasks.ctc.sections import Sections
from toolkit.tasks.ctc.vocabulary import Letters

SECTIONS = Sections(
    first="eng",
    letters=Letters(tokens=TOKENS, encodings={}, decodings={}),
    others={"fra": (*TOKENS, "c")},
)
FRENCH = {**RIGHT, "c": len(RIGHT)}


def spoken(vocab: dict[str, Any], target_lang: str | None) -> Any:
    return Wav2Vec2CTCTokenizer(RIGHT, vocab=vocab, target_lang=target_lang)


def test_a_section_for_each_language_is_right() -> None:
    assert SECTIONS.compare(spoken({"eng": RIGHT, "fra": FRENCH}, "eng")) == ()


def test_the_letters_of_one_language_are_one_cause_which_names_the_setting_too() -> None:
    (found,) = SECTIONS.compare(spoken(RIGHT, None))
    assert found.keys == ("vocab.json", "tokenizer_config.target_lang")
    assert found.wrong == ("it has the letters of one language, and no section for eng, fra",)
    assert "set `tokenizer_config.target_lang` to 'eng'" in found.fix


def test_a_section_that_is_missing_beside_others_is_said_by_its_language() -> None:
    (found,) = SECTIONS.compare(spoken({"eng": RIGHT}, "eng"))
    assert found.wrong == ("fra: it has no section",)
