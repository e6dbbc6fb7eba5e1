"""What is wrong with a mapping file, all of it in one error."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from toolkit.core.errors import BadInput

_MAX_LISTED = 500
"""Problems in one error; a file with more of them was never a mapping."""


class Problems:
    """Collects what is wrong with one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._problems: list[tuple[int, str]] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing is wrong so far."""
        return not self._problems

    def add(self, line: int, text: str) -> None:
        """Notes one problem."""
        self._problems.append((line, text))

    def finish(self) -> None:
        """Raises all problems at once, by line, if there are any."""
        if self.is_empty:
            return
        count = len(self._problems)
        listed = sorted(self._problems)[:_MAX_LISTED]
        lines = [f"line {line}: {text}." for line, text in listed]
        if count > _MAX_LISTED:
            lines.append(f"And {count - _MAX_LISTED} more.")
        raise BadInput(
            f"`{self.path}` must follow the format of mapping files, but has {count} "
            f"problem{'s' if count > 1 else ''}:\n" + "\n".join(lines) + "\nCorrect the file, or "
            "see `docs/mapping-files.md`."
        )


def suggest(word: str, known: Iterable[str]) -> str:
    """What may have been meant by a word."""
    from difflib import get_close_matches

    known = list(known)
    # Long words are no slips of the pen, and slow to compare.
    nearest = get_close_matches(word, known, n=1) if len(word) <= 100 else []
    if nearest:
        return f"did you mean `{nearest[0]}`?"
    return f"known are {', '.join(f'`{name}`' for name in known)}"


def shown(value: object) -> str:
    """A text from the file, fit for one line of an error."""
    text = " ".join(str(value).split())
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= 120 else f"{text[:117]}..."
