"""Reads the Makefile: its targets, what they say of themselves, and their recipes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_HEAD = re.compile(r"^([a-z][a-z-]*):[^=#]*?(?:## (.*))?$")
_CALL = re.compile(r"(?<![\w/-])make((?: [a-z][a-z-]*)+)")


def recipes(text: str) -> dict[str, list[str]]:
    """The lines of each target's recipe, without `@` and with `.venv/bin` for `$(BIN)`."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        head = _HEAD.match(line)
        if head is not None:
            lines = found.setdefault(head[1], [])
        elif line.startswith("\t"):
            lines.append(line.strip().removeprefix("@").replace("$(BIN)", ".venv/bin"))
        elif line:
            lines = []
    return found


def described(text: str) -> set[str]:
    """The targets that `make help` lists."""
    heads = (_HEAD.match(line) for line in text.splitlines())
    return {head[1] for head in heads if head is not None and head[2]}


def phony(text: str) -> set[str]:
    """The targets that are no files."""
    (line,) = (line for line in text.splitlines() if line.startswith(".PHONY:"))
    return set(line.split()[1:])


def calls(text: str) -> Iterator[str]:
    """The targets that a text calls with `make TARGET ...`."""
    for found in _CALL.finditer(text):
        yield from found[1].split()
