"""Plays a situation and hears what is said, as a terminal of 80 columns shows it."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

import torch
from click.testing import CliRunner

from tests.situations.situations import Situation
from toolkit.cli import app
from toolkit.core.folding import fold

COLUMNS = 80


@dataclass(frozen=True, kw_only=True)
class Heard:
    """How a command ended."""

    code: int
    said: str
    """In lines of a terminal."""
    written: frozenset[str]
    """What is in the folder that was not there before."""


def play(situation: Situation, place: Path) -> Heard:
    """Runs the command in a furnished folder of its own."""
    situation.make(place)
    before = _names(place)
    here = Path.cwd()
    os.chdir(place)
    try:
        outcome = CliRunner().invoke(app, shlex.split(situation.words))
    finally:
        os.chdir(here)
    return Heard(
        code=outcome.exit_code,
        said=fold(_everywhere(outcome.stderr.rstrip("\n"), place), COLUMNS),
        written=_names(place) - before,
    )


def _everywhere(said: str, place: Path) -> str:
    """What is said, without what differs from machine to machine."""
    return said.replace(f"{place.resolve()}/", "").replace(torch.__version__, "2.x")


def _names(place: Path) -> frozenset[str]:
    return frozenset(str(path.relative_to(place)) for path in place.rglob("*"))
