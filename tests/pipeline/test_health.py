import json
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from toolkit.cli import app
from toolkit.core.errors import BadInput
from toolkit.pipeline import health
from toolkit.pipeline.basics import environment
from toolkit.pipeline.health import examine

THIS = Path(sys.executable)


@pytest.fixture
def python(tmp_path):
    """Makes an executable that says what it is told to."""

    def make(said):
        path = tmp_path / "a python"
        path.write_text(f"#!/bin/sh\necho {shlex.quote(said)}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return make


@pytest.fixture
def without_fairseq(monkeypatch):
    monkeypatch.setattr(health, "fairseq_is_installed", lambda: False)
    here = {**environment(), "fairseq": "not installed"}
    monkeypatch.setattr(health, "environment", lambda: here)


def problems(found):
    return {problem.name: problem for problem in found.problems}


def test_what_is_here_is_said_and_nothing_is_imported():
    code = (
        "import sys; from toolkit.pipeline.health import examine; found = examine(); "
        "print(found.can_prove, sorted({'torch', 'fairseq', 'numpy'} & {*sys.modules}))"
    )
    done = subprocess.run([THIS, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True []\n"


def test_room_and_memory_are_said(monkeypatch, tmp_path):
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "not" / "there"))
    found = examine()
    assert found.free_bytes[str(tmp_path)] > 0
    assert found.memory_bytes > 0


def test_a_system_that_does_not_say_its_memory_is_no_problem(monkeypatch):
    monkeypatch.setattr(health, "MEMORY", Path("nowhere"))
    assert examine().memory_bytes is None


def test_too_little_room_and_memory_are_problems(monkeypatch):
    monkeypatch.setattr(health, "ENOUGH_ROOM_BYTES", 1 << 62)
    monkeypatch.setattr(health, "ENOUGH_MEMORY_BYTES", 1 << 62)
    found = examine()
    assert {"memory", *found.free_bytes} <= problems(found).keys()


def test_another_python_with_all_it_needs_can_be_asked(python):
    said = {"python": "3.8.20", "torch": "1.10.2", "numpy": "1.24.4", "fairseq": "0.12.2"}
    path = python(json.dumps(said))
    _, other = examine(fairseq_python=[path]).pythons
    assert (other.path, other.is_own, other.has_fairseq) == (str(path), False, True)
    assert other.proves == "through `--fairseq-python`, what fairseq there builds"


def test_this_python_named_says_of_itself_what_is_known_of_it():
    own, other = examine(fairseq_python=[THIS]).pythons
    assert own.versions.items() <= other.versions.items()


@pytest.mark.parametrize(
    ("release", "mend"),
    [
        ("3.9.1", "-m pip install torch fairseq==0.12.2"),
        ("3.12.1", "-m pip install --no-deps 've-fairseq==0.12.3'"),
    ],
)
def test_what_another_python_lacks_is_named_with_its_command(python, release, mend):
    path = python(json.dumps({"python": release, "numpy": "1"}))
    found = examine(fairseq_python=[path])
    problem = problems(found)[str(path)]
    assert "lacks torch, fairseq" in problem.summary
    assert mend in problem.mend
    assert problem.mend.startswith(f"'{path}' -m pip install")
    assert found.pythons[1].proves == "nothing yet"


def test_a_python_that_is_too_old_is_a_problem(python):
    said = {"python": "3.7.1", "torch": "1", "numpy": "1", "fairseq": "0.12.2"}
    path = python(json.dumps(said))
    found = problems(examine(fairseq_python=[path]))
    assert "must be Python 3.8 or newer, but is 3.7.1" in found[str(path)].summary


@pytest.mark.parametrize("said", ["no json", "[]", ""])
def test_what_is_no_python_is_a_problem_and_no_error(python, said):
    path = python(said)
    found = examine(fairseq_python=[path])
    assert "what it said is no answer" in problems(found)[str(path)].summary
    assert len(found.pythons) == 1


def test_a_python_that_is_not_there_or_never_answers_is_a_problem(tmp_path, monkeypatch):
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 20\n")
    slow.chmod(0o755)
    monkeypatch.setattr(health, "PATIENCE_S", 0.2)
    found = problems(examine(fairseq_python=[slow, tmp_path / "nowhere"]))
    assert "it said nothing within 0 s" in found[str(slow)].summary
    assert "No such file or directory" in found[str(tmp_path / "nowhere")].summary


@pytest.mark.usefixtures("without_fairseq")
def test_without_fairseq_anywhere_the_command_ends_with_the_way_out():
    outcome = CliRunner().invoke(app, ["doctor"])
    assert outcome.exit_code == 2
    assert (
        "this Python: no fairseq; proves with `--recording` or `--fairseq-python` alone"
        in outcome.stdout
    )
    assert "mend it: pip install 'fairseq-hf-toolkit[fairseq]'" in outcome.stdout
    assert outcome.stderr.startswith("error: `fairseq` must be in one of the environments")
    assert (
        json.loads(CliRunner().invoke(app, ["doctor", "--json", "-"]).stdout)["can_prove"] is False
    )


@pytest.mark.usefixtures("without_fairseq")
def test_fairseq_in_another_environment_is_enough(python):
    said = {"python": "3.8.20", "torch": "1.10.2", "numpy": "1.24.4", "fairseq": "0.12.2"}
    found = examine(fairseq_python=[python(json.dumps(said))])
    found.expect_proofs()
    assert "fairseq" not in problems(found)
    with pytest.raises(BadInput, match="is in none of 1"):
        examine().expect_proofs()


def test_a_package_that_is_missing_is_named(monkeypatch):
    here = {**environment(), "sentencepiece": "not installed"}
    monkeypatch.setattr(health, "environment", lambda: here)
    assert problems(examine())["sentencepiece"].mend.endswith("-m pip install sentencepiece")


def test_where_all_is_there_the_command_says_so():
    outcome = CliRunner().invoke(app, ["doctor"])
    assert outcome.exit_code == 0
    assert "free on disk: " in outcome.stdout
