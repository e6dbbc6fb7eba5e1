"""What `--help` shows: every option once, under the heading of what it is about."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from toolkit.cli import app
from toolkit.session.options import Section

HEADINGS = ["Arguments", *(section.value for section in Section)]


def sections(command: str) -> dict[str, list[str]]:
    """The first word of every row, by heading."""
    said = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "100"}).stdout
    parts = re.split(r"^(\S[^:\n]*):\n", said, flags=re.MULTILINE)
    return {
        heading: re.findall(r"^  (-?-?[A-Za-z_\[][\w-]*)", rows, re.MULTILINE)
        for heading, rows in zip(parts[1::2], parts[2::2], strict=True)
    }


@pytest.mark.parametrize("command", app.commands)
def test_headings_have_one_order_and_an_option_stands_under_one(command: str) -> None:
    found = sections(command)
    headings = list(found)
    assert headings == [heading for heading in HEADINGS if heading in headings]
    rows = [row for heading in headings for row in found[heading]]
    assert len(rows) == len(set(rows))
    assert len(rows) == len(app.commands[command].params) + 1


def test_an_option_stands_under_what_it_is_about() -> None:
    found = sections("convert")
    assert found["Arguments"] == ["CHECKPOINT", "OUT"]
    assert "--dict" in found[Section.FILES.value]
    assert "--encoder-config" in found[Section.UNSAID.value]
    assert "--recording" in found[Section.COMPARED.value]
    assert {"--dtype", "--html"} <= set(found[Section.OUTPUT.value])
    assert found[Section.OTHERS.value] == ["--debug", "-h"]


def test_options_of_one_command_alone_stand_under_their_own_heading() -> None:
    found = sections("features")
    assert "--layer" in found[Section.OTHERS.value]
    assert "--out" in found[Section.OUTPUT.value]
