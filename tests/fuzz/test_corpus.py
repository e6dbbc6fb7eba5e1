"""What fuzzing found stays found: every case ends within its bounds, with BadInput or without."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.run import CORPUS, SHARES
from tests.fuzz.seeds import seeds, words
from tests.fuzz.targets import TARGETS, run

REPOSITORY = Path(__file__).parents[2]
CASES = sorted(path for path in CORPUS.glob("*/*") if path.is_file())


@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_case_that_was_found_ends_within_its_bounds(case):
    # In a process of its own: some of these once took all memory and all time.
    command = [sys.executable, "-m", "tests.fuzz.bounded", case.parent.name, str(case)]
    child = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False
    )
    assert child.returncode == 0, child.stderr[-2000:]


def test_every_case_belongs_to_a_target():
    assert {case.parent.name for case in CASES} <= set(TARGETS)
    assert list(TARGETS) == list(SHARES)


@pytest.mark.parametrize("name", TARGETS)
def test_what_fuzzing_starts_from_is_accepted_or_refused(name):
    assert words(name)
    for data in seeds(name):
        run(TARGETS[name], data)


@pytest.mark.parametrize(
    "name", ["checkpoint", "zip_pickle", "pickle", "dictionary", "yaml", "pattern"]
)
def test_something_that_fuzzing_starts_from_is_sound(name):
    """Otherwise fuzzing would stay at the door."""
    TARGETS[name](seeds(name)[0])
