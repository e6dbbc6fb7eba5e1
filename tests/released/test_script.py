"""Folders of the public script that old wheels carry: each cause has a finding, and only causes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

import toolkit
from tests.judged.judging import all_of
from tests.released.environments import open_environment
from tests.released.script import CAUSES, EVERYWHERE, Job, prepare_job, run_script
from tests.variants.kinds import MORE_CLEAN, VARIANTS
from toolkit.audio import golden_folder

pytestmark = pytest.mark.released

MAIN = "4.46.3"
OTHERS = ("4.30.2",)
FEW = ("v0, equal widths", "untied output", "post-norm decoder")
CASES = [(MAIN, name) for name in CAUSES] + [(version, name) for version in OTHERS for name in FEW]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory):
    """Gives the jobs of a version once its script has run over all of them."""
    variants = {variant.name: variant for variant in (*VARIANTS, *MORE_CLEAN)}

    @cache
    def run(version: str) -> dict[str, Job]:
        place = tmp_path_factory.mktemp("script")
        names = [name for found, name in CASES if found == version]
        jobs = {name: prepare_job(variants[name], _folder(place, name)) for name in names}
        ended = run_script(open_environment(version), list(jobs.values()), place)
        assert ended == ["done"] * len(jobs)
        return jobs

    return run


def _folder(place: Path, name: str) -> Path:
    folder = place / name
    folder.mkdir()
    return folder


@pytest.mark.parametrize(("version", "name"), CASES)
def test_each_cause_has_a_finding_and_nothing_else_has(version: str, name: str, written) -> None:
    job = written(version)[name]
    result = toolkit.diff(job.checkpoint, job.folder, audio=[golden_folder() / "tiny.flac"])
    findings = [all_of(finding.to_dict(1)) for finding in result.findings]
    causes = (*EVERYWHERE, *CAUSES[name])
    assert result.verdict == "mismatch"
    assert [cause for cause in causes if not any(cause in one for one in findings)] == []
    assert len(findings) <= len(causes) + 1, findings


def test_the_script_is_held_over_at_least_twenty_variants() -> None:
    assert len(CAUSES) >= 20
