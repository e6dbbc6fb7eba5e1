"""Folders of the scripts for models that write texts: a finding for each cause, and no other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import toolkit
from tests.judged.judging import all_of
from tests.released.environments import open_environment
from tests.released.jobs import Job
from tests.released.right_parts import RIGHT
from tests.released.sequence_cases import OF_SEQUENCES, Expected
from tests.released.sequence_scripts import SPEECH, prepare_job, run_scripts
from toolkit.audio import golden_folder
from toolkit.oracle.quiet import quiet_fairseq

pytestmark = pytest.mark.released

VERSION = "4.46.3"
MADE = [expected for expected in OF_SEQUENCES if not expected.gives_up]
Written = Callable[[Expected], tuple[Job, str]]


def named(expected: Expected) -> str:
    return expected.case.name


@pytest.fixture(scope="module")
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Gives the job of a case and how it ended, once the scripts ran over all that are chosen."""
    chosen = {item.name.partition("[")[2][:-1] for item in request.session.items}
    place = tmp_path_factory.mktemp("scripts")
    cases = [expected.case for expected in OF_SEQUENCES if named(expected) in chosen]
    with quiet_fairseq():
        jobs = [prepare_job(case, place / str(number)) for number, case in enumerate(cases)]
    ended = run_scripts(open_environment(VERSION), jobs, place)
    by_name = {job.case.name: (job, end) for job, end in zip(jobs, ended, strict=True)}
    return lambda expected: by_name[named(expected)]


@pytest.mark.parametrize("expected", OF_SEQUENCES, ids=named)
def test_each_cause_has_a_finding_and_nothing_else_has(
    expected: Expected, written: Written
) -> None:
    job, ended = written(expected)
    if expected.gives_up:
        assert ended.startswith(expected.gives_up)
        return
    assert ended == "done"
    result = toolkit.diff(job.checkpoint, job.folder, **given(job))
    found = [all_of(finding.to_dict(1)) for finding in result.findings]
    unsaid = [c.says for c in expected.causes if not any(c.says in one for one in found)]
    uncaused = [one for one in found if not any(c.says in one for c in expected.causes)]
    assert (unsaid, uncaused) == ([], [])
    assert len(found) == len(expected.causes)
    assert expected.causes[0].says in found[0]
    assert result.verdict == "mismatch"


@pytest.mark.parametrize("expected", MADE, ids=named)
def test_the_causes_are_what_is_wrong(expected: Expected, written: Written, tmp_path: Path) -> None:
    job, _ = written(expected)
    options = expected.case.options
    toolkit.convert(job.checkpoint, tmp_path / RIGHT, verify=False, **options)
    causes = [cause for cause in expected.causes if cause.mend]
    for left in (None, *causes):
        mended = tmp_path / f"mended {len(list(tmp_path.iterdir()))}"
        shutil.copytree(job.folder, mended)
        for cause in causes:
            if cause is not left and cause.mend:
                cause.mend(mended)
        is_whole = left is None and len(causes) == len(expected.causes)
        verdict = toolkit.diff(job.checkpoint, mended, **given(job)).verdict
        assert verdict == ("match" if is_whole else "mismatch"), left


@pytest.mark.parametrize("expected", MADE, ids=named)
def test_diff_writes_the_folder_without_its_causes(
    expected: Expected, written: Written, tmp_path: Path
) -> None:
    job, _ = written(expected)
    result = toolkit.diff(job.checkpoint, job.folder, fix=tmp_path / "mended", **given(job))
    assert result.fixed is not None
    assert toolkit.verify(job.checkpoint, tmp_path / "mended", **given(job)).verdict == "match"


def given(job: Job) -> dict[str, object]:
    """What is said to the toolkit of a checkpoint: its languages, and a short clip."""
    clips = {"audio": [golden_folder() / "tiny.flac"]} if job.case.script == SPEECH else {}
    return {**job.case.options, **clips}
