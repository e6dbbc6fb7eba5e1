"""Who interrupts a command is told what is there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from threading import Timer

import click
import pytest

from toolkit.console.interruption import (
    GROWING,
    NOTHING,
    Interrupted,
    telling_what_is_there,
    waiting_for_imports,
)
from toolkit.console.parameters import items_of_command
from toolkit.core.outputs import STDOUT, Output
from toolkit.pipeline.golden import golden_of
from toolkit.session.requests.diff import Diff

WHEN = """
import os, signal, sys
from toolkit import cli
from {module} import {owner} as owner

right = owner.{name}

def interrupted(*args, **named):
    {before}
    os.kill(os.getpid(), signal.SIGINT)

owner.{name} = interrupted
cli.main()
"""
REPORTS = {"module": "toolkit.report", "owner": "files", "name": "write_files"}
FOLDER = {"module": "toolkit.folder.staging", "owner": "StagedFolder", "name": "publish"}


def folder(path: Path, option: str = "OUT") -> Output:
    return Output(option=option, path=path, kind="folder")


def report(path: Path) -> Output:
    return Output(option="`--json`", path=path, kind="report")


@pytest.mark.parametrize(
    ("where", "before", "said", "left"),
    [
        (REPORTS, "pass", "`{out}` is whole, `{json}` was not written", {"out"}),
        (REPORTS, "right(*args, **named)", "`{out}` is whole, `{json}` is whole", {"out", "json"}),
        (FOLDER, "pass", "nothing was written", set()),
        (
            FOLDER,
            "right(*args, **named)",
            "`{out}` is whole, `{json}` was not written",
            {"out"},
        ),
    ],
    ids=["before the report", "after the report", "before the folder", "after the folder"],
)
def test_a_signal_between_a_folder_and_its_report_is_told_as_what_it_leaves(
    where: dict[str, str], before: str, said: str, left: set[str], tmp_path: Path
) -> None:
    paths = {name: tmp_path / name for name in ("out", "json")}
    words = ["convert", golden_of("wav2vec2_encoder"), paths["out"], "--no-verify", "--json"]
    ended = subprocess.run(
        [sys.executable, "-c", WHEN.format(**where, before=before), *words, paths["json"]],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert ended.returncode == 130
    assert ended.stderr == f"interrupted: {said.format(**paths)}.\n"
    assert {path.name for path in tmp_path.iterdir()} == left


def told(outputs: list[Output], act: Callable[[], object], stop: type[BaseException]) -> str:
    """What is said of outputs where an act is interrupted."""
    try:
        with telling_what_is_there(outputs):
            act()
            raise stop
    except Interrupted as interrupted:
        return str(interrupted)


def test_a_report_that_was_there_before_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new"
    old.write_text("{}")
    said = told([folder(new), report(old)], new.mkdir, KeyboardInterrupt)
    assert said == f"`{new}` is whole, `{old}` was not written"


def test_a_report_that_was_replaced_is_a_new_one(tmp_path: Path) -> None:
    old, other = tmp_path / "old.json", tmp_path / "other"
    old.write_text("{}")
    other.write_text("{}")
    assert told([report(old)], lambda: other.replace(old), click.Abort) == f"`{old}` is whole"


def test_of_a_folder_that_grows_nobody_says_that_it_is_whole(tmp_path: Path) -> None:
    cases = tmp_path / "cases"
    said = told([folder(cases, "--reproduction")], cases.mkdir, KeyboardInterrupt)
    assert said == f"`{cases}` may lack something"
    (reproduction,) = (item for item in items_of_command(Diff, ()) if item.name == "reproduction")
    assert reproduction.typed in GROWING


def test_standard_output_is_no_file() -> None:
    assert told([report(STDOUT)], dict, KeyboardInterrupt) == NOTHING


def test_other_ends_pass_through() -> None:
    with pytest.raises(click.exceptions.Exit):
        told([], dict, click.exceptions.Exit)


STUBBORN = """
import time
swallowed = False
try:
    for _ in range(60):
        time.sleep(0.01)
except KeyboardInterrupt:
    swallowed = True
"""


def _import_and_go_on(module):
    import_module(module)
    time.sleep(5)


def test_an_interruption_amid_an_import_takes_effect_after_it(tmp_path, monkeypatch):
    (tmp_path / "stubborn_module.py").write_text(STUBBORN)
    monkeypatch.syspath_prepend(tmp_path)
    Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt), waiting_for_imports():
        _import_and_go_on("stubborn_module")
    assert not sys.modules["stubborn_module"].swallowed
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interruption_amid_anything_else_takes_effect_at_once():
    with pytest.raises(KeyboardInterrupt), waiting_for_imports():
        signal.raise_signal(signal.SIGINT)
