"""CI and pre-commit do what make does, on the Pythons that the project names."""

from __future__ import annotations

import re
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.packaging.makefile import ROOT, calls, phony, recipes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
_RUN = re.compile(r"make [a-z-]+ PYTHON=python")


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


CI = read_yaml(ROOT / ".github" / "workflows" / "ci.yml")
HOOKS = read_yaml(ROOT / ".pre-commit-config.yaml")


def supported() -> list[str]:
    """The Pythons that the classifiers name."""
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    return sorted(named, key=lambda version: int(version.split(".")[1]))


def commands(workflow: Any) -> list[str]:
    """What the jobs run, once for each row of a matrix."""
    return [
        step["run"].replace("${{ matrix.target }}", row.get("target", ""))
        for job in workflow["jobs"].values()
        for row in job.get("strategy", {}).get("matrix", {}).get("include", [{}])
        for step in job["steps"]
        if "run" in step
    ]


def pythons(workflow: Any) -> list[str]:
    """The Pythons of the job that tests."""
    return [row["python"] for row in workflow["jobs"]["test"]["strategy"]["matrix"]["include"]]


def unknown_commands(workflow: Any) -> list[str]:
    """What is run that is no target of the Makefile."""
    return [
        command
        for command in commands(workflow)
        if not _RUN.fullmatch(command) or not set(calls(command)) <= phony(MAKEFILE)
    ]


def hook_commands(config: Any) -> list[str]:
    """What the hooks run."""
    return [hook["entry"] for repo in config["repos"] for hook in repo["hooks"]]


def test_the_classifiers_are_the_pythons_that_are_required() -> None:
    first, last = (int(version.split(".")[1]) for version in (supported()[0], supported()[-1]))
    assert PROJECT["requires-python"] == f">=3.{first},<3.{last + 1}"
    assert len(supported()) == last - first + 1


def test_every_supported_python_is_tested() -> None:
    assert pythons(CI) == supported()


def test_a_python_that_is_left_out_is_seen() -> None:
    shorter = deepcopy(CI)
    del shorter["jobs"]["test"]["strategy"]["matrix"]["include"][0]
    assert pythons(shorter) != supported()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_calls_make_and_nothing_else(path: Path) -> None:
    assert commands(read_yaml(path))
    assert unknown_commands(read_yaml(path)) == []


@pytest.mark.parametrize("command", ["pytest", "make nonsense PYTHON=python", "make check"])
def test_a_command_that_is_no_target_is_seen(command: str) -> None:
    other = deepcopy(CI)
    other["jobs"]["docs"]["steps"].append({"run": command})
    assert unknown_commands(other) == [command]


def test_ci_checks_tests_with_a_floor_and_builds_the_documentation() -> None:
    assert set(CI["jobs"]) == {"check", "test", "docs"}
    assert {"check", "test", "coverage", "docs"} <= {
        target for command in commands(CI) for target in calls(command)
    }


def test_no_workflow_may_write_to_the_repository() -> None:
    assert all(read_yaml(path)["permissions"] == {"contents": "read"} for path in WORKFLOWS)


def test_the_hooks_are_what_make_check_runs() -> None:
    checked = [line.removesuffix(" .") for line in recipes(MAKEFILE)["check"]]
    assert hook_commands(HOOKS) == checked


def test_a_hook_that_is_missing_is_seen() -> None:
    shorter = deepcopy(HOOKS)
    del shorter["repos"][0]["hooks"][-1]
    assert len(hook_commands(shorter)) < len(recipes(MAKEFILE)["check"])


def test_the_hooks_come_from_nowhere_else() -> None:
    assert [repo["repo"] for repo in HOOKS["repos"]] == ["local"]
    assert {hook["language"] for hook in HOOKS["repos"][0]["hooks"]} == {"system"}
