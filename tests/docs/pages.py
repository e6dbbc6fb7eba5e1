"""Reads the pages of the documentation as what they tell a reader to do.

A block of code is one of these, by the word behind its fence:

* `console`: commands after `$ `, each with the output that it must have; `...` stands for anything.
  `<!-- exit: 1 -->` on the line before says how the last command ends.
* with `title="FILE"`: a file that the reader writes.
* `python`: a script.
* anything else is shown, not done.

`<!-- not run: why -->` on the line before keeps a block from being run; it is parsed all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_MARKER = re.compile(r"<!-- (?P<name>exit|not run): (?P<value>.+?) -->")
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True, kw_only=True)
class Command:
    """One line after a `$`, and what it prints."""

    line: str
    output: str
    exit_code: int


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block of code."""

    language: str
    title: str | None
    text: str
    exit_code: int
    not_run: str | None
    """Why it is not run; None if it is."""
    where: str

    @property
    def commands(self) -> tuple[Command, ...]:
        """The commands of a console block."""
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)
        assert not parts[0].strip(), f"{self.where}: output before the first command"
        last = len(parts) - 1
        return tuple(
            Command(
                line=part.partition("\n")[0],
                output=part.partition("\n")[2],
                exit_code=self.exit_code if number == last else 0,
            )
            for number, part in enumerate(parts[1:], start=1)
        )


def pages() -> list[Path]:
    """All pages."""
    return sorted(DOCS.glob("*.md"))


def read_blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page, in order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        if lines[number].startswith("```"):
            end = lines.index("```", number + 1)
            before = lines[number - 1] if number else ""
            yield _block(
                lines[number], before, lines[number + 1 : end], f"{page.name}:{number + 1}"
            )
            number = end
        number += 1


def _block(fence: str, before: str, lines: list[str], where: str) -> Block:
    words = fence.removeprefix("```").strip()
    title = _TITLE.search(words)
    marker = _MARKER.fullmatch(before.strip())
    assert marker is not None or not before.startswith("<!--"), f"{where}: unknown marker {before}"
    said = {} if marker is None else {marker["name"]: marker["value"]}
    return Block(
        language=words.split()[0] if words else "",
        title=None if title is None else title[1],
        text="\n".join([*lines, ""]),
        exit_code=int(said.get("exit", 0)),
        not_run=said.get("not run"),
        where=where,
    )
