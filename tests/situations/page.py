"""The page of messages, as fifty situations bring them about: `python -m tests.situations`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.situations.playing import COLUMNS, Heard, play
from tests.situations.situations import SITUATIONS, Situation, furnish

PAGE = Path(__file__).parents[2] / "docs" / "messages.md"
INTRODUCTION = f"""# What it says when something is wrong

What a command cannot do it says in a sentence or two: the file, option or value that it is about,
what that must be, what it is, and what to do next. The exit code is 2, nothing is written, and
nothing of yours is changed. These are real messages, as a terminal of {COLUMNS} columns shows them;
a test brings about each situation again.

The folder holds `model.pt` and what belongs to it, its conversion `hf`, `clip.flac` and a text,
`notes.txt`.
"""


def hear_all(place: Path) -> Iterator[tuple[Situation, Heard]]:
    """What is said in every situation.

    Args:
        place: An empty folder to work in.
    """
    furnish(place / "furnished")
    for number, situation in enumerate(SITUATIONS):
        own = Path(shutil.copytree(place / "furnished", place / str(number)))
        yield situation, play(situation, own)


def write_page(place: Path) -> str:
    """The page, in Markdown."""
    return INTRODUCTION + "".join(_section(*heard) for heard in hear_all(place))


def _section(situation: Situation, heard: Heard) -> str:
    return f"""
## {situation.title}

```text
$ toolkit {situation.words}
{heard.said}
```
"""
