"""What the wheel holds, and that it works where there is nothing else."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.packaging.environments import Environment, make_environment
from toolkit.audio import golden_folder

ROOT = Path(__file__).parents[2]
CHECKPOINT = Path("golden_audio") / "checkpoint" / "model.pt"


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return make_environment(tmp_path_factory.mktemp("environment") / "venv", wheel)


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_every_file_of_the_package_is_inside(names: set[str]) -> None:
    ours = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "toolkit").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    # Other people's unfinished files may come and go while the wheel is built.
    assert {name for name in ours if name.endswith(("py.typed", ".py"))} - names == set()
    for part in ("toolkit/bundled/", "toolkit/report/templates/"):
        expected = {name for name in ours if name.startswith(part)}
        assert expected, part
        assert expected <= names


def test_the_golden_audio_and_checkpoint_are_inside(names: set[str]) -> None:
    for file in golden_folder().rglob("*"):
        if file.suffix in (".flac", ".wav", ".toml", ".pt", ".txt", ".model", ".yaml"):
            assert f"toolkit/{file.relative_to(golden_folder().parent)}" in names


def test_nothing_else_is_inside(names: set[str]) -> None:
    assert {name.split("/")[0].split("-")[0] for name in names} == {"toolkit", "fairseq_hf_toolkit"}
    assert not [name for name in names if name.endswith(".pyc") or "/tests/" in name]


def test_the_plugin_and_the_command_are_announced(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (entries,) = [n for n in archive.namelist() if n.endswith("entry_points.txt")]
        text = archive.read(entries).decode()
    assert "[console_scripts]\ntoolkit = toolkit.cli:main" in text
    assert "[pytest11]\ntoolkit = toolkit.pytest_plugin" in text


def test_what_it_declares_is_there_and_fits(environment: Environment) -> None:
    done = environment.pip("check")
    assert done.returncode == 0, done.stdout
    assert "No broken requirements" in done.stdout


@pytest.mark.wide
def test_it_converts_with_nothing_but_what_it_declares(
    environment: Environment, tmp_path: Path
) -> None:
    for absent in ("fairseq", "pytest", "mypy"):
        assert environment.run("python", "-c", f"import {absent}", cwd=tmp_path).returncode == 1
    (tmp_path / "golden_audio").symlink_to(golden_folder())
    convert = ("toolkit", "convert", CHECKPOINT, "out", "--no-verify", "--json", "result.json")
    done = environment.run(*convert, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "result.json").read_text())["verdict"] == "unverified"
    code = "import transformers as t; t.AutoModelForSpeechSeq2Seq.from_pretrained('out')"
    assert environment.run("python", "-c", code, cwd=tmp_path).returncode == 0
    where = environment.run("python", "-c", "import toolkit; print(toolkit.__file__)", cwd=tmp_path)
    assert where.stdout.startswith(str(environment.folder))


def test_without_fairseq_the_proof_is_refused_with_what_to_install(
    environment: Environment, tmp_path: Path
) -> None:
    (tmp_path / "golden_audio").symlink_to(golden_folder())
    done = environment.run("toolkit", "convert", CHECKPOINT, "out", "--verify", cwd=tmp_path)
    assert done.returncode == 2
    assert "pip install 'fairseq-hf-toolkit[fairseq]'" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_version_page_says_what_is_not_there(environment: Environment, tmp_path: Path) -> None:
    done = environment.run("toolkit", "--version", cwd=tmp_path)
    lines = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert lines["fairseq"] == "not installed"
    assert {"toolkit", "torch", "transformers"} <= lines.keys()
