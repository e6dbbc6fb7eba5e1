"""Evidence against a match that no level judges, as fairseq itself goes wrong there."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from toolkit.core.result import Suspicion
from toolkit.core.tokens import ClipTokens

NEAR = 0.5
"""Character errors per character of the transcript below which a text came out: noise has more
than 0.7, and even a bad recognizer less than 0.5."""

MAX_SHOWN = 3
"""Most transcripts that a warning shows."""

_FEWEST = 2
"""One transcript may be wrong itself."""
_MAX_CHARS = 300
"""Of a text: comparing takes the square of it."""
_MAX_QUOTED = 60
_NO_LETTERS = frozenset("PSZC")
"""Unicode's punctuation, symbols, spaces and controls."""


def judge_transcripts(spoken: Sequence[ClipTokens], files: Sequence[str]) -> tuple[Suspicion, ...]:
    """Whether none of the known transcripts comes out of fairseq.

    Args:
        spoken: What was said about clips in the language of their transcripts.
        files: The files that turn ids into text, in words; none where the checkpoint does.
    """
    known = [clip for clip in spoken if _letters(clip.transcript or "")]
    if len(known) < _FEWEST or any(map(_comes_out, known)):
        return ()
    shown = "; ".join(map(_show, known[:MAX_SHOWN]))
    return (
        Suspicion(
            name="transcripts",
            summary=(
                f"fairseq itself gets none of the {len(known)} known transcripts right: {shown}. "
                f"{_advice(files)}A model that translates or is not trained says other words "
                "anyway."
            ),
        ),
    )


def _advice(files: Sequence[str]) -> str:
    """What to check; nothing where the checkpoint itself says what its ids mean."""
    if not files:
        return ""
    return f"Check that {' and '.join(files)} are those of the training, row for row. "


def is_near(text: str, transcript: str) -> bool:
    """Whether less than half of a transcript's characters are wrong, apart from case and signs."""
    actual, expected = _letters(text), _letters(transcript)
    return actual == expected or _edits(actual, expected) < NEAR * len(expected)


def _comes_out(clip: ClipTokens) -> bool:
    texts = [clip.greedy.reference_text, *(best.reference_text for best in clip.beam[:1])]
    return any(is_near(text, clip.transcript or "") for text in texts)


def _letters(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text[:_MAX_CHARS]).casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] not in _NO_LETTERS)


def _edits(actual: str, expected: str) -> int:
    """Fewest characters to insert, delete or replace."""
    row = list(range(len(expected) + 1))
    for i, left in enumerate(actual, start=1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(expected, start=1):
            cheapest = min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
            diagonal, row[j] = row[j], cheapest
    return row[-1]


def _show(clip: ClipTokens) -> str:
    said, heard = _quote(clip.transcript or ""), _quote(clip.greedy.reference_text)
    return f"`{clip.clip}` {said} -> {heard}"


def _quote(text: str) -> str:
    short = text if len(text) <= _MAX_QUOTED else text[:_MAX_QUOTED] + "..."
    return f'"{short}"'
