"""Folders of the scripts for encoders: each cause has a finding, and what is right is a match."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

import toolkit
from tests.judged.judging import all_of
from tests.released.earlier_cases import EARLIER, OF_EARLIER
from tests.released.encoder_cases import EXPECTED, OF_OLD, OLD
from tests.released.encoder_scripts import prepare_job, run_scripts
from tests.released.environments import open_environment
from tests.released.expected import Expected
from tests.released.jobs import Job
from tests.released.right_parts import RIGHT
from toolkit.audio import golden_folder
from toolkit.core.findings import Finding
from toolkit.diagnosis import take_inventory
from toolkit.folder.view import view_folder
from toolkit.pipeline.choosing import prepare_with
from toolkit.pipeline.prepare import Inputs
from toolkit.pipeline.truth import make_truth
from toolkit.pipeline.verification import expecting

pytestmark = pytest.mark.released

MAIN = "4.46.3"
CASES = [
    *((MAIN, expected) for expected in EXPECTED),
    *((OLD, e) for e in OF_OLD),
    *((EARLIER, e) for e in OF_EARLIER),
]
MADE = [(version, expected) for version, expected in CASES if not expected.gives_up]
UNBUILT = ("wavlm",)
"""Scripts of models that no code here builds."""
FIXABLE = [
    (version, expected)
    for version, expected in MADE
    if expected.causes and expected.case.script not in UNBUILT
]
AUDIO = ("ru_2.flac", "tiny.flac")
Written = Callable[[str], dict[str, tuple[Job, str]]]


def named(case: object) -> str:
    return case.case.name if isinstance(case, Expected) else str(case)


@pytest.fixture(scope="module")
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Gives the jobs of a version, and how each ended, once its scripts have run over them.

    One process makes the folders of all tests that were chosen.
    """
    chosen = {item.name.partition("[")[2][:-1] for item in request.session.items}

    @cache
    def run(version: str) -> dict[str, tuple[Job, str]]:
        place = tmp_path_factory.mktemp("scripts")
        cases = [
            e.case for found, e in CASES if found == version and f"{version}-{named(e)}" in chosen
        ]
        jobs = [prepare_job(case, place / str(number)) for number, case in enumerate(cases)]
        ended = run_scripts(open_environment(version), jobs, place)
        return {job.case.name: (job, end) for job, end in zip(jobs, ended, strict=True)}

    return run


@pytest.mark.parametrize(("version", "expected"), CASES, ids=named)
def test_each_cause_has_a_finding_first_and_what_is_right_is_a_match(
    version: str, expected: Expected, written: Written
) -> None:
    job, ended = written(version)[expected.case.name]
    if expected.gives_up:
        assert ended.startswith(expected.gives_up)
        return
    assert ended == "done"
    if expected.case.script in UNBUILT:
        # Commands refuse without code of the fork; files are compared by what diff compares them.
        with pytest.raises(toolkit.BadInput, match="--user-dir"):
            toolkit.diff(job.checkpoint, job.folder, audio=audio())
        assert not complain_of(compare_files(job.checkpoint, job.folder), expected)
        return
    for command in (toolkit.diff, toolkit.verify):
        complaints = complain(command(job.checkpoint, job.folder, audio=audio()), expected)
        assert not complaints, complaints


@pytest.mark.parametrize(("version", "expected"), MADE, ids=named)
def test_the_causes_are_what_is_wrong_each_of_them(
    version: str, expected: Expected, written: Written, tmp_path: Path
) -> None:
    job, _ = written(version)[expected.case.name]
    place = tmp_path / "checkpoint"
    place.mkdir()
    toolkit.convert(job.checkpoint, place / RIGHT, verify=False)
    for dictionary in job.folder.parent.glob("dict.*.txt"):
        shutil.copy(dictionary, place)
    causes = [(cause, cause.mend) for cause in expected.causes if cause.mend]
    for left in (None, *(cause for cause, _ in causes)):
        mended = place / (left.told.replace("/", " ") if left else "all")
        shutil.copytree(job.folder, mended)
        for cause, mend in causes:
            if cause is not left:
                mend(mended, job.case.variant.normalizes)
        is_whole = left is None and len(causes) == len(expected.causes)
        assert judge(job, mended) == ("match" if is_whole else "mismatch"), left


@pytest.mark.parametrize(("version", "expected"), FIXABLE, ids=named)
def test_diff_writes_the_folder_without_its_causes(
    version: str, expected: Expected, written: Written, tmp_path: Path
) -> None:
    job, _ = written(version)[expected.case.name]
    result = toolkit.diff(job.checkpoint, job.folder, audio=audio(), fix=tmp_path / "mended")
    assert result.fixed is not None
    assert result.fixed.findings == len(expected.causes)
    assert judge(job, tmp_path / "mended") == "match"


def judge(job: Job, folder: Path) -> str:
    if job.case.script in UNBUILT:
        return "mismatch" if compare_files(job.checkpoint, folder) else "match"
    return toolkit.verify(job.checkpoint, folder, audio=audio()).verdict


def complain(result: toolkit.Result, expected: Expected) -> list[str]:
    """What a result says too little, too much or in a wrong order."""
    amiss = complain_of(result.findings, expected)
    if result.verdict != ("mismatch" if expected.causes else "match"):
        amiss.append(f"verdict {result.verdict}")
    return amiss


def complain_of(findings: Sequence[Finding], expected: Expected) -> list[str]:
    """The same of findings alone."""
    causes = [cause.says for cause in expected.causes]
    found = [all_of(finding.to_dict(1)) for finding in findings]
    amiss = [f"nothing says {cause}" for cause in causes if not any(cause in f for f in found)]
    first = found[: len(causes)]
    amiss += [f"not a cause: {one}" for one in first if not any(cause in one for cause in causes)]
    if len(found) > len(causes):
        amiss.append(f"{len(found)} findings: {found}")
    return amiss


def compare_files(checkpoint: Path, folder: Path) -> tuple[Finding, ...]:
    """What diff says of a folder's files, which it asks neither model for."""
    prepared = prepare_with(expecting(Inputs(checkpoint=checkpoint), folder), None, ())
    return take_inventory(make_truth(prepared, None), view_folder(folder))


def audio() -> list[Path]:
    return [golden_folder() / name for name in AUDIO]
