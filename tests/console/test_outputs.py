"""No option writes over what the user has: every option of every command, as the program has it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from toolkit.audio import golden_folder
from toolkit.cli import app
from toolkit.console.outputs import check_given
from toolkit.console.parameters import items_of_command
from toolkit.console.registering import request_of
from toolkit.session.options import Role
from toolkit.session.program import Shown
from toolkit.session.requests.faults import Faults

COMMANDS: dict[str, Any] = app.commands
RIGHT = {
    "checkpoint": "material/model.pt",
    "hf_dir": "hf",
    "audio": "clips",
    "out": "new",
    "rec_dir": "new",
    "destination": "new.pyz",
    "jobs": "jobs.toml",
    "results": "results",
    "like": "hf",
    "catalogue": "catalogue",
    "repository": "repository",
    "first": "report.json",
    "second": "other.json",
}
"""What a command needs, in the folder of a test."""
REPORT = '{\n "schema_version": 1,\n "command": "verify",\n "verdict": "match"\n}\n'
PAGE = '<!DOCTYPE html>\n<html><head>\n<meta name="generator" content="fairseq-hf-toolkit">\n'


def parameters(command: str) -> list[Any]:
    asked = click.Context(COMMANDS[command], help_option_names=[])
    return list(COMMANDS[command].get_params(asked))


@dataclass(frozen=True, kw_only=True)
class Place:
    """One parameter of a command that names what is written."""

    command: str
    name: str
    role: Role

    def words(self, folder: Path, path: object) -> list[str]:
        """A command line that writes to `path` and is right but for that."""
        arguments, options = [], []
        for parameter in parameters(self.command):
            value = path if parameter.name == self.name else None
            if value is None and (parameter.required or parameter.name == "checkpoint"):
                value = folder / RIGHT[parameter.name]
            if value is not None and parameter.param_type_name == "argument":
                arguments.append(str(value))
            elif value is not None:
                options += [parameter.opts[0], str(value)]
        return [self.command, *arguments, *options]


def roles(command: str) -> Iterator[tuple[str, Role]]:
    can_be_typed = {parameter.name for parameter in parameters(command)}
    for item in items_of_command(request_of(command), [field.name for field in fields(Shown)]):
        role = item.named.role
        if item.name in can_be_typed and role is not None and role is not Role.SHELF:
            yield item.name, role


PLACES = [Place(command=c, name=n, role=r) for c in COMMANDS for n, r in roles(c)]
FILES = [place for place in PLACES if place.role is not Role.FOLDER]
READERS = [place for place in PLACES if "hf_dir" in {p.name for p in parameters(place.command)}]


def called(place: Place) -> str:
    return f"{place.command}-{place.name}"


@pytest.fixture(scope="module")
def folder(
    golden_checkpoint: Path, converted: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Inputs of all kinds, and things that must not be written over."""
    tmp_path = tmp_path_factory.mktemp("user")
    shutil.copytree(golden_checkpoint.parent, tmp_path / "material")
    (tmp_path / "hf").symlink_to(converted)
    (tmp_path / "clips").mkdir()
    for name in ("report.json", "other.json"):
        (tmp_path / name).write_text(REPORT)
    (tmp_path / "jobs.toml").write_text("")
    (tmp_path / "mine.txt").write_text("a thesis")
    (tmp_path / "link").symlink_to(tmp_path / "mine.txt")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def contents(folder: Path) -> dict[str, object]:
    """Everything in a folder: which file it is, when it changed, and what small ones hold."""
    said: dict[str, object] = {}
    for path in [*folder.rglob("*"), *(folder / "hf").rglob("*")]:
        status = path.lstat()
        is_small = path.is_file() and status.st_size < 10_000
        text = path.read_bytes() if is_small else b""
        said[str(path)] = (status.st_ino, status.st_mtime_ns, status.st_mode, status.st_size, text)
    return said


def refuse(folder: Path, words: list[str]) -> str:
    before = contents(folder)
    outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == 2, (words, outcome.output)
    assert outcome.stderr.startswith("error: ")
    assert outcome.stdout == ""
    assert contents(folder) == before
    return outcome.stderr


def test_every_option_that_writes_says_so_in_its_role() -> None:
    for command in COMMANDS:
        marked = dict(roles(command))
        for parameter in parameters(command):
            writes = "rite" in (parameter.help or "").split(".")[0].split(";")[0]
            assert writes == (parameter.name in marked), f"{command} {parameter.name}"


@pytest.mark.parametrize("place", PLACES, ids=called)
@pytest.mark.parametrize(
    "taken",
    [
        "material/model.pt",
        "material/../material/model.pt",
        "material/dict.txt",
        "material/spm.model",
        "material/config.yaml",
        "mine.txt",
        "link",
        "dangling",
        "directory",
        "pipe",
        "nowhere/report",
        "n" * 300,
    ],
)
def test_nothing_that_exists_is_written_over(place: Place, taken: str, folder: Path) -> None:
    refuse(folder, place.words(folder, folder / taken))


@pytest.mark.parametrize("place", FILES, ids=called)
@pytest.mark.parametrize(
    "taken", ["material/model.pt", "material/dict.txt", "link", "directory", "pipe", "/dev/null"]
)
def test_force_opens_nothing_but_plain_files_that_nobody_reads(
    place: Place, taken: str, folder: Path
) -> None:
    if place.command == "report" and taken.startswith("material"):
        taken = "report.json"  # it reads no checkpoint
    if place.command == "doctor" and taken.startswith("material"):
        taken = "dangling"  # it reads no file at all
    if place.command in ("audit", "cards", "export", "push") and taken.startswith("material"):
        taken = "dangling"  # they read no checkpoint
    refuse(folder, [*place.words(folder, folder / taken), "--force"])


@pytest.mark.parametrize("place", READERS, ids=called)
@pytest.mark.parametrize("name", ["new.json", "config.json", ""])
def test_a_folder_under_test_stays_as_it_is(place: Place, name: str, folder: Path) -> None:
    error = refuse(folder, place.words(folder, folder / "hf" / name))
    assert "must lie outside of" in error or "must be a" in error


@pytest.mark.parametrize("place", FILES, ids=called)
def test_golden_audio_that_is_read_by_default_stays(place: Place, folder: Path) -> None:
    manifest = golden_folder() / "manifest.toml"
    before = manifest.read_bytes()
    refuse(folder, [*place.words(folder, manifest), "--force"])
    assert manifest.read_bytes() == before


@pytest.mark.parametrize("command", [c for c in COMMANDS if len(dict(roles(c))) > 1])
def test_two_outputs_never_share_a_path(command: str, folder: Path) -> None:
    first, second = [place for place in PLACES if place.command == command][-2:]
    path = folder / "both"
    words = [*first.words(folder, path), next(iter(_option(second))), str(folder / "." / "both")]
    assert "one option alone" in refuse(folder, words)


def _option(place: Place) -> list[str]:
    return next(p.opts for p in parameters(place.command) if p.name == place.name)


@pytest.mark.parametrize("name", ["first", "second"])
def test_a_report_that_is_compared_is_kept_though_it_is_a_report(name: str, folder: Path) -> None:
    words = ["report", str(folder / RIGHT["first"]), str(folder / RIGHT["second"])]
    error = refuse(folder, [*words, "--json", str(folder / RIGHT[name]), "--force"])
    assert "which the command reads" in error or "that the command reads" in error


@pytest.mark.parametrize(("option", "old"), [("--json", REPORT), ("--html", PAGE)])
def test_a_report_of_ours_is_replaced(
    option: str, old: str, golden_checkpoint: Path, tmp_path: Path
) -> None:
    path = tmp_path / "report"
    path.write_text(old)
    words = ["inspect", str(golden_checkpoint), option, str(path), "--quiet"]
    for _ in range(2):  # what it then writes is known again
        outcome = CliRunner().invoke(app, words)
        assert outcome.exit_code == 0, outcome.output
    assert path.read_text(encoding="utf-8") != old


def test_another_plain_file_is_replaced_with_force(golden_checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("a thesis")
    words = ["inspect", str(golden_checkpoint), "--json", str(path), "--quiet", "--force"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert "schema_version" in path.read_text()


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_a_dash_is_standard_output_and_the_words_go_elsewhere(
    option: str, golden_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["inspect", str(golden_checkpoint), option, "-"]
    outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith(("{\n", "<!doctype html>"))
    assert outcome.stdout.endswith(("}\n", "</html>", "</html>\n"))
    assert "becomes" in outcome.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_cannot_go_to_standard_output(folder: Path) -> None:
    assert "`./-`" in refuse(folder, ["convert", str(folder / RIGHT["checkpoint"]), "-"])


def test_a_report_lies_beside_a_folder_that_a_text_happens_to_spell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--only ""` is no folder, though `Path("")` is the one at hand; nor is a language."""
    (tmp_path / "de").mkdir()
    monkeypatch.chdir(tmp_path)
    for only in ("", "de"):
        given = {"only": only, "html": Path("de/faults.html")}
        check_given(given, items_of_command(Faults, ["html"]), force=False)
