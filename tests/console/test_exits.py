"""Whatever happens, a command ends with one of five codes and one line, never a traceback."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from toolkit.cli import app
from toolkit.core.artifact import Artifact
from toolkit.core.errors import BadInput, BrokenRule, InternalError
from toolkit.core.result import Result

FILE = Artifact(path="x", sha256=None)
MAIN = "from toolkit.cli import main; main()"


class OutOfMemoryError(RuntimeError):
    """As torch calls it."""


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (BadInput("`x` must be y."), 2, "error: `x` must be y.\n"),
        (BrokenRule("`x` matches no rule."), 2, "error: `x` matches no rule.\n"),
        (KeyboardInterrupt(), 130, "interrupted: nothing was written.\n"),
        (MemoryError(), 2, "error: `memory` must hold"),
        (OutOfMemoryError("CUDA"), 2, "error: `memory` must hold"),
        (OSError(errno.ENOSPC, "No space left on device", "/tmp/x"), 2, "error: `/tmp/x` must"),
        (BrokenPipeError(), 0, ""),
        (InternalError("it broke"), 3, "internal error: InternalError: it broke."),
        (KeyError("unk_id"), 3, "internal error: KeyError: 'unk_id'."),
        (RecursionError("deep"), 3, "internal error: RecursionError: deep."),
        (AssertionError(), 3, "internal error: AssertionError: ."),
        (SystemExit(1), 3, "internal error: SystemExit: 1."),
        (OSError("strange"), 3, "internal error: OSError: strange."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
@pytest.mark.parametrize("command", ["inspect", "recorder"])
def test_every_exception_has_its_code_and_its_line(
    command: str,
    raised: BaseException,
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("toolkit.pipeline.inspection.open_mapped", fail)
    monkeypatch.setattr("toolkit.pipeline.elsewhere.prepare", fail)
    words = {"inspect": ["inspect", "x"], "recorder": ["recorder", "--write", str(tmp_path / "r")]}
    outcome = CliRunner().invoke(app, words[command])
    assert (outcome.exit_code, outcome.stdout) == (code, "")
    assert outcome.stderr.startswith(said)
    assert outcome.stderr.count("\n") == bool(said)
    assert "Traceback" not in outcome.stderr
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_where_a_fault_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolkit.pipeline.inspection.open_mapped", lambda *_: {}["x"])
    outcome = CliRunner().invoke(app, ["inspect", "x", "--debug"])
    assert outcome.exit_code == 3
    assert "Traceback" in outcome.stderr
    assert outcome.stderr.splitlines()[-1].startswith("internal error: KeyError")


@pytest.mark.parametrize(
    "words", [["convert"], ["nope"], ["inspect", "a", "b"], ["inspect", "--no\u202esuch", "x"]]
)
def test_a_wrong_command_line_is_one_line(words: list[str]) -> None:
    outcome = CliRunner().invoke(app, words)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith("error: ")
    assert outcome.stderr.count("\n") == 1
    assert "--help`" in outcome.stderr
    assert "\u202e" not in outcome.stderr


@pytest.mark.parametrize("name", ["a\u202eb.pt", "a\x1b[2Jb.pt", "a\nerror: b.pt", "a\udcffb.pt"])
def test_no_file_name_acts_on_the_terminal(name: str, tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["inspect", str(tmp_path / name)])
    assert outcome.exit_code == 2
    assert outcome.stderr.count("\n") == 1
    assert not set("\u202e\x1b\udcff") & set(outcome.stderr)


def run(script: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", script, "bash", sys.executable, "-c", MAIN, *map(str, words)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)


@pytest.fixture
def comparing(tmp_path: Path) -> list[object]:
    """A command that is fast and ends with the code of a mismatch."""
    files = [tmp_path / "first.json", tmp_path / "second.json"]
    for file, verdict in zip(files, ("match", "mismatch"), strict=True):
        written = Result(command="verify", source=FILE, target=FILE).to_dict()
        file.write_text(json.dumps({**written, "verdict": verdict}))
    return ["report", *files]


@pytest.mark.parametrize("options", [[], ["--json", "-", "--quiet"], ["--help"]])
def test_a_full_disk_behind_stdout_is_said(options: list[str], comparing: list[object]) -> None:
    done = run('"$@" > /dev/full', *comparing, *options)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ")
    assert "No space left on device" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("options", [[], ["--json", "-"], ["--help"]])
def test_a_closed_pipe_behind_stdout_changes_no_code(
    options: list[str], comparing: list[object]
) -> None:
    done = run('(sleep 0.1; "$@"; echo $? >&2) | true', *comparing, *options)
    assert done.stderr.splitlines()[-1] == ("0" if "--help" in options else "1")
    assert "Traceback" not in done.stderr
    assert "rror" not in done.stderr


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "1>&- 2>&-", "2>/dev/full"])
def test_streams_that_are_closed_change_no_code(closed: str, comparing: list[object]) -> None:
    assert run(f'"$@" {closed}', *comparing).returncode == 1
    assert run(f'"$@" {closed}', *comparing, "one too many").returncode == 2
