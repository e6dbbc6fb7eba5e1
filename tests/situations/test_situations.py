"""What every situation is told as: subject, need, next step, in a few lines of whole words."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.situations.page import INTRODUCTION, PAGE, hear_all
from tests.situations.playing import COLUMNS, Heard
from tests.situations.situations import SITUATIONS, Situation

MAX_LINES = 6
TITLES = [situation.title for situation in SITUATIONS]
NEXT = re.compile(
    r"(^|[.;:?] )(Add|Change|Check|Choose|Convert|Copy|Correct|Create|Download|Exchange|Fetch|Find|"
    r"Install|It belongs|Leave|Make|Name|Record|Rename|Remove|Save|See|Use|"
    r"The (checkpoint|file|README)|Where|Write|`toolkit) ?"
)
"""How a sentence begins that says what to do."""
NEEDS = ("must ", "expected ", "No such ", "Missing ", "wants ")


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[Situation, Heard]]:
    """Every situation with what is said, by its title."""
    place = tmp_path_factory.mktemp("situations")
    return {situation.title: (situation, said) for situation, said in hear_all(place)}


def test_there_are_forty_situations_and_more_of_names_of_their_own() -> None:
    assert len(set(TITLES)) == len(TITLES) >= 40


@pytest.mark.parametrize("title", TITLES)
def test_a_message_names_what_it_got_what_it_needs_and_what_to_do(
    title: str, heard: Mapping[str, tuple[Situation, Heard]]
) -> None:
    situation, outcome = heard[title]
    said = outcome.said
    assert outcome.code == 2
    in_one_line = " ".join(said.split())
    assert in_one_line.startswith("error: ")
    assert "Traceback" not in said
    assert situation.names in in_one_line
    assert any(need in in_one_line for need in NEEDS)
    assert NEXT.search(in_one_line)
    assert len(said.splitlines()) <= MAX_LINES
    assert all(len(line) <= COLUMNS or " " not in line.strip() for line in said.splitlines())


@pytest.mark.parametrize("title", TITLES)
def test_nothing_is_written(title: str, heard: Mapping[str, tuple[Situation, Heard]]) -> None:
    assert heard[title][1].written == frozenset()


def test_the_page_shows_what_is_said(heard: Mapping[str, tuple[Situation, Heard]]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.startswith(INTRODUCTION)
    for situation, said in heard.values():
        shown = page.partition(f"## {situation.title}\n")[2].partition("\n## ")[0]
        assert f"$ toolkit {situation.words}\n{said.said}\n```" in shown


def test_a_terminal_shows_the_lines_of_the_page() -> None:
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": "40"}
    words = [sys.executable, "-m", "toolkit", "inspect", "nowhere.pt"]
    process = subprocess.Popen(words, stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    said = b""
    while chunk := _read(leader):
        said += chunk
    assert process.wait(timeout=60) == 2
    shown = said.decode().partition("\x1b[K")[2]
    lines = shown.replace("\r\n", "\n").splitlines()
    assert len(lines) > 2
    assert max(map(len, lines)) <= 40
    assert " ".join(lines).startswith("error: `nowhere.pt` must be a checkpoint file, ")


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 4096)
    except OSError:  # how Linux says that the other end is closed
        return b""
