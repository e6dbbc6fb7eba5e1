"""What a person at a terminal is told: help with examples, completion, versions."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.docs.test_commands import parse
from toolkit.cli import app

TOOLKIT = Path(sys.executable).parent / "toolkit"
COMMANDS = tuple(app.commands)


def examples(*words: str) -> list[str]:
    text = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"}).stdout
    return re.findall(r"Example: (toolkit .*)", text)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_examples_that_it_understands(command: str) -> None:
    found = examples(command)
    assert found
    for example in found:
        words = shlex.split(example)
        assert words[1] == command
        parse(words)


def test_the_first_page_has_an_example_too() -> None:
    (example,) = examples()
    parse(shlex.split(example))


def complete(line: str) -> list[str]:
    environment = {
        **os.environ,
        "_TOOLKIT_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(line.count(" ")),
    }
    done = subprocess.run(
        [str(TOOLKIT)], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    return [line.removeprefix("plain,") for line in done.stdout.split()]


def test_the_shell_completes_commands_and_options() -> None:
    assert complete("toolkit ") == list(COMMANDS)
    assert complete("toolkit ve") == ["verify"]
    assert complete("toolkit diff --rec") == ["--recording"]


def test_the_completion_can_be_shown() -> None:
    script = f"SHELL=/bin/bash {shlex.quote(str(TOOLKIT))} --show-completion; true"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert "complete " in done.stdout
    assert "_TOOLKIT_COMPLETE" in done.stdout


def test_a_shell_that_has_no_completion_is_refused() -> None:
    outcome = CliRunner().invoke(app, ["--show-completion"], env={"SHELL": "/bin/sh"})
    assert outcome.exit_code == 2
    assert "`SHELL` must be bash, zsh or fish, but is 'sh'" in outcome.stderr


def test_help_says_what_arguments_mean_and_is_there_by_its_short_name() -> None:
    said = CliRunner().invoke(app, ["convert", "-h"]).stdout
    meaning = "fairseq checkpoint, or hf://org/name; only ever read."
    assert f"Arguments:\n  CHECKPOINT  {meaning}\n" in said
    assert "--beam / --no-beam" in said


def test_no_command_is_cut_short_in_the_list_of_them() -> None:
    said = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).stdout
    assert "..." not in said.partition("Commands:")[2]


def test_the_version_says_what_takes_part() -> None:
    said = CliRunner().invoke(app, ["--version"]).stdout
    lines = dict(line.split(" ", 1) for line in said.splitlines())
    assert {"toolkit", "torch", "transformers", "fairseq", "python"} <= lines.keys()
    assert re.match(r"\d+\.\d+", lines["torch"])


def test_help_comes_at_once() -> None:
    code = "import sys; from toolkit.cli import app; from click.testing import CliRunner; "
    code += "CliRunner().invoke(app, ['convert', '--help']); "
    code += "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert time.perf_counter() - start < 10
