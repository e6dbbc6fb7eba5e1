"""A project of somebody's own, as docs/ci.md tells them to make it."""

from __future__ import annotations

import shlex
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import DOCS, read_blocks
from tests.packaging.environments import Environment, extra, make_environment
from toolkit.audio import golden_folder

FILES = {block.title: block.text for block in read_blocks(DOCS / "ci.md") if block.title}
CLIPS = ("ru_2", "tiny")


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("environment") / "venv"
    also = [*extra(wheel, "fairseq"), "ve-fairseq", "pytest", "pytest-xdist"]
    return make_environment(folder, wheel, also)


@pytest.fixture
def project(tmp_path: Path, converted: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copytree(golden_folder() / "checkpoint", tmp_path / "models")
    shutil.copytree(converted, tmp_path / "hf")
    (tmp_path / "clips").mkdir()
    for clip in CLIPS:
        shutil.copy(golden_folder() / f"{clip}.flac", tmp_path / "clips")
    with (tmp_path / "pyproject.toml").open("a") as settings:
        settings.write('audio = ["clips"]\n')
    return tmp_path


def last_steps() -> list[str]:
    """The command with which each recipe runs the suite."""
    github: Any = yaml.safe_load(FILES[".github/workflows/parity.yml"])
    gitlab: Any = yaml.safe_load(FILES[".gitlab-ci.yml"])
    steps = [step["run"] for step in github["jobs"]["parity"]["steps"] if "run" in step]
    return [steps[-1], gitlab["parity"]["script"][-1]]


def test_both_recipes_run_the_same_command() -> None:
    assert len(set(last_steps())) == 1
    assert last_steps()[0].startswith("python -m pytest")


@pytest.mark.slow
def test_the_suite_runs_in_one_command(environment: Environment, project: Path) -> None:
    done = environment.run(*shlex.split(last_steps()[0]), cwd=project)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    cases = [case.attrib["name"] for case in ET.parse(project / "parity.xml").iter("testcase")]
    assert "test_it_still_says_the_same" in cases
    assert "parity[decoder.lm_head]" in cases
    assert len(cases) > 200


@pytest.mark.slow
def test_it_fails_where_the_folder_is_wrong(environment: Environment, project: Path) -> None:
    config = project / "hf" / "config.json"
    config.write_text(
        config.read_text().replace('"scale_embedding": true', '"scale_embedding": false')
    )
    words = [*shlex.split(last_steps()[0]), "-n", "0", "-k", "config or embed_tokens"]
    done = environment.run(*words, cwd=project)
    assert done.returncode == 1
    assert "fix:  set `decoder.scale_embedding` to True" in done.stdout, done.stdout
    assert (project / ".toolkit-parity" / "hf.html").is_file()
