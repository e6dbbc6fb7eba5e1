"""Commands x options x broken files: each ends in its code and one line, and changes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner

from toolkit.cli import app

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:" + 64 * "0" + "\nsize 9\n"
DEEP = 100_000
REPORT = {"schema_version": 1, "command": "verify", "verdict": "match"}

CHECKPOINTS: dict[str, Callable[[Path, Path], object]] = {
    "missing": lambda path, _: path,
    "empty": lambda path, _: path.touch(),
    "truncated": lambda path, good: path.write_bytes(good.read_bytes()[:-1000]),
    "head": lambda path, good: path.write_bytes(good.read_bytes()[:1000]),
    "text": lambda path, _: path.write_text("a thesis"),
    "pickle": lambda path, _: path.write_bytes(b"\x80\x04cos\nsystem\n."),
    "pipe": lambda path, _: os.mkfifo(path),
    "endless": lambda path, _: path.symlink_to("/dev/zero"),
    "directory": lambda path, _: path.mkdir(),
    "lfs": lambda path, _: path.write_text(LFS),
    "hf": lambda path, good: path.symlink_to(good.parents[1] / "hf"),
    "safetensors": lambda path, good: shutil.copy(good.parents[1] / "hf/model.safetensors", path),
}
FOLDERS: dict[str, Callable[[Path], object]] = {
    "missing": shutil.rmtree,
    "without weights": lambda hf: (hf / "model.safetensors").unlink(),
    "truncated weights": lambda hf: (hf / "model.safetensors").write_bytes(b"\x08" + bytes(9)),
    "pointer": lambda hf: (hf / "model.safetensors").write_text(LFS),
    "deep": lambda hf: (hf / "config.json").write_text(DEEP * "["),
    "nan": lambda hf: (hf / "config.json").write_text('{"a": NaN}'),
    "twice": lambda hf: (hf / "config.json").write_text('{"a": 1, "a": 2}'),
    "pipe": lambda hf: os.mkfifo(hf / "extra.json"),
    "link": lambda hf: (hf / "extra.json").symlink_to("/etc/passwd"),
}
DOUBTED: dict[str, Callable[[Path], object]] = {
    "without config": lambda hf: (hf / "config.json").unlink(),
    "no JSON": lambda hf: (hf / "config.json").write_text("{"),
    "a list": lambda hf: (hf / "config.json").write_text("[]"),
    "tuples": lambda hf: change(hf / "config.json", return_dict=False),
    "no unknown": lambda hf: change_unknown(hf / "tokenizer.json"),
    "no tokenizer": lambda hf: (hf / "tokenizer.json").unlink(),
    "no type": lambda hf: change(hf / "config.json", model_type=None),
    "generation": lambda hf: (hf / "generation_config.json").write_text("[]"),
    "processor": lambda hf: (hf / "preprocessor_config.json").write_text("null"),
}
COMPANIONS = ("dict", "spm", "config-yaml", "mapping", "encoder-config", "decoder-config", "w2v")
CONTENTS: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path,
    "directory": lambda path: path.mkdir(),
    "pipe": os.mkfifo,
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "binary": lambda path: path.write_bytes(bytes(range(256))),
    "deep": lambda path: path.write_text(DEEP * "["),
    "elsewhere": lambda path: path.write_text("vocab_filename: ../../../../../etc/passwd\n"),
}
PLACES = ("material/model.pt", "material/dict.txt", "hf/new.json", "hf/config.json", "mine.txt")
BAD_PLACES = (*PLACES, "link", "directory", "pipe", "nowhere/report", "/dev/full")
STYLES = ([], ["--quiet"], ["--json", "new.json"], ["--html", "new.html"], ["--json", "-"])
COMMANDS = {
    "inspect": ["inspect", "material/model.pt"],
    "convert": ["convert", "material/model.pt", "out", "--no-verify"],
    "prove": ["convert", "material/model.pt", "out", "--verify"],
    "verify": ["verify", "material/model.pt", "hf"],
    "diff": ["diff", "material/model.pt", "hf"],
}
FAST_COMMANDS = ("inspect", "verify")
"""Those of the fast part of the suite; a broken checkpoint is refused by one function in all."""


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def change_unknown(path: Path) -> None:
    model = json.loads(path.read_text())["model"]
    change(path, model={**model, "unk_id": None})


@pytest.fixture
def place(
    golden_checkpoint: Path, converted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """All that the commands name, and what must not be written over."""
    shutil.copytree(golden_checkpoint.parent, tmp_path / "material")
    shutil.copytree(converted, tmp_path / "hf")
    (tmp_path / "report.json").write_text(json.dumps(REPORT))
    (tmp_path / "mine.txt").write_text("a thesis")
    (tmp_path / "link").symlink_to("mine.txt")
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def hashes(folder: Path) -> dict[str, str]:
    """Everything below a folder and what plain files hold."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in folder.rglob("*")
    }


def ends(place: Path, words: list[str], codes: set[int]) -> None:
    """Runs a command: the code is one of these, nothing of the user's is another."""
    before = hashes(place)
    outcome = CliRunner().invoke(app, words)
    said = f"{words}\n{outcome.output}"
    assert outcome.exit_code in codes, said
    assert "Traceback" not in outcome.output, said
    after = hashes(place)
    assert {path: after.get(path) for path in before} == before, said
    assert [path for path in after if ".partial" in path] == []
    if outcome.exit_code == 2:
        assert after == before, said
        assert outcome.stdout == "", said
        assert outcome.stderr.startswith("error: "), said
        # A mapping file has its problems listed, line by line.
        assert outcome.stderr.count("\n") == 1 or "--mapping" in words, said


def named(values: Iterator[tuple[object, ...]]) -> list[object]:
    return [pytest.param(*v, id="-".join(map(str, v))) for v in values]


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        pytest.param(
            *pair, id="-".join(pair), marks=() if pair[1] in FAST_COMMANDS else pytest.mark.slow
        )
        for pair in product(CHECKPOINTS, COMMANDS)
    ],
)
def test_a_broken_checkpoint_is_refused(kind: str, command: str, place: Path) -> None:
    CHECKPOINTS[kind](place / "broken.pt", place / "material/model.pt")
    words = ["broken.pt" if w == "material/model.pt" else w for w in COMMANDS[command]]
    for style in STYLES:
        ends(place, [*words, *style], {2})


@pytest.mark.parametrize(("kind", "command"), named(product(FOLDERS, ("verify", "diff"))))
def test_a_broken_folder_is_refused(kind: str, command: str, place: Path) -> None:
    FOLDERS[kind](place / "hf")
    for style in STYLES:
        ends(place, [*COMMANDS[command], *style], {2})


@pytest.mark.parametrize(("option", "command"), named(product(("--json", "--html"), COMMANDS)))
def test_a_place_that_is_taken_is_refused(option: str, command: str, place: Path) -> None:
    for taken in BAD_PLACES:
        forced = [] if taken == "mine.txt" else ["--force"]
        if taken.startswith("hf/") and "hf" not in COMMANDS[command]:
            continue
        ends(place, [*COMMANDS[command], option, taken, *forced], {2})
    ends(place, [*COMMANDS[command], "--json", "one", "--html", "./one"], {2})


@pytest.mark.parametrize("content", ["", "[]", "{}", "{", DEEP * "[", '{"verdict": 1}', "\0"])
def test_a_broken_report_is_refused(content: str, place: Path) -> None:
    (place / "broken.json").write_text(content)
    for style, first in product(STYLES, (True, False)):
        files = ["broken.json", "report.json"]
        ends(place, ["report", *(files if first else files[::-1]), *style], {2})


@pytest.mark.parametrize(
    ("option", "command"),
    [
        pytest.param(option, command, marks=[] if command == "inspect" else pytest.mark.slow)
        for option, command in product(COMPANIONS, COMMANDS)
    ],
)
def test_a_broken_companion_is_refused(option: str, command: str, place: Path) -> None:
    for kind, make in CONTENTS.items():
        make(place / f"broken {kind}")
        ends(place, [*COMMANDS[command], f"--{option}", f"broken {kind}"], {2})


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "command"), named(product(DOUBTED, ("verify", "diff"))))
def test_a_doubtful_folder_is_judged(kind: str, command: str, place: Path) -> None:
    DOUBTED[kind](place / "hf")
    ends(place, [*COMMANDS[command], "--audio", audio(), "--json", "new.json"], {1, 2})


def audio() -> str:
    from toolkit.audio import golden_folder

    return str(golden_folder() / "ru_2.flac")


def test_there_are_hundreds_of_combinations() -> None:
    checkpoints = len(CHECKPOINTS) * len(COMMANDS) * len(STYLES)
    folders = len(FOLDERS) * 2 * len(STYLES) + len(DOUBTED) * 2
    places = 2 * len(COMMANDS) * len(BAD_PLACES)
    assert checkpoints + folders + places + len(COMPANIONS) * len(CONTENTS) * len(COMMANDS) >= 400
