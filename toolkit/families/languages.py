"""Language tags: rows of a dictionary that stand for the language of a text."""

from __future__ import annotations

import re

from toolkit.checkpoint.dictionary import Dictionary

_SPEECH_TAG = re.compile(r"<lang:(.+)>")
_MBART_TAG = re.compile(r"\[([a-z]{2,3}_[A-Za-z]{2,4})\]")
_TAG_STARTS = ("<", "[")


def find_languages(dictionary: Dictionary) -> dict[str, int]:
    """Ids of the language tags, by language code, in the order of the file.

    They are spelled `<lang:de>` in fairseq's speech-to-text task, which knows no other, and
    `[de_DE]` in dictionaries of mBART; the second kind counts where there is none of the first.
    """
    return _tagged(dictionary, _SPEECH_TAG) or _tagged(dictionary, _MBART_TAG)


def _tagged(dictionary: Dictionary, pattern: re.Pattern[str]) -> dict[str, int]:
    # Matching a quarter of a million symbols takes longer than to look at their first letter.
    likely = ((s, i) for i, s in enumerate(dictionary.symbols) if s.startswith(_TAG_STARTS))
    found = ((pattern.fullmatch(symbol), index) for symbol, index in likely)
    return {match[1]: index for match, index in found if match}
