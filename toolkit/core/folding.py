"""Breaks lines for a terminal: between words, and around what may be copied."""

from __future__ import annotations

import re

_WORDS = re.compile(r"\s*(?:`[^`\n]*`|\S)+")
"""Each with the space before it; what stands in backticks is one word."""
_INNER = re.compile(r"\s*\S+")


def fold(text: str, columns: int, *, hang: int = 0) -> str:
    """The text in lines of at most so many columns, as far as its words are that short.

    What stands in backticks, a path or a command, stays in one line where it fits into one.

    Args:
        text: Lines that may be longer.
        columns: Of the terminal.
        hang: Columns by which what does not fit into a line is set in.
    """
    return "\n".join(folded for line in text.split("\n") for folded in _fold(line, columns, hang))


def _fold(line: str, columns: int, hang: int) -> list[str]:
    lines = [""]
    for word in _pieces(line, columns - hang):
        if lines[-1].strip() and len(lines[-1]) + len(word) > columns:
            lines.append(" " * hang + word.lstrip())
        else:
            lines[-1] += word
    return lines


def _pieces(line: str, columns: int) -> list[str]:
    """Words, and those of what stands in backticks but is longer than a line."""
    words = _WORDS.findall(line)
    return [
        piece
        for word in words
        for piece in ([word] if len(word.strip()) <= columns else _INNER.findall(word))
    ]
