"""A job's address is all that it depends on, and nothing else."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.batch.conftest import CONVERT, Write
from tests.batch.test_hashes import Memory
from toolkit.audio import golden_folder
from toolkit.batch.identity import identify
from toolkit.batch.jobs import Job, read_jobs
from toolkit.core.errors import BadInput
from toolkit.session.requests.verify import Verify


@pytest.fixture
def job(shelf: Path, write: Write) -> Job:
    (shelf / "clips").mkdir()
    shutil.copy(golden_folder() / "tiny.flac", shelf / "clips")
    shutil.copytree(shelf / "models" / "hubert_ctc", shelf / "folder")
    text = CONVERT.replace("convert", "verify").replace("verify = false", 'audio = "clips"')
    (table,) = read_jobs(write(text.replace('out = "hf/{folder}"', 'hf_dir = "folder"')))
    return table.jobs()[1]


def address(job: Job) -> str:
    return identify(job, Memory().hashes).address


def test_the_same_job_has_the_same_address(job: Job) -> None:
    assert address(job) == address(job)


@pytest.mark.parametrize(
    "changed", ["models/hubert_ctc/model.pt", "folder/model.pt", "clips/a.wav"]
)
def test_every_byte_that_is_read_counts(job: Job, shelf: Path, changed: str) -> None:
    before = address(job)
    with (shelf / changed).open("ab") as file:
        file.write(b"\0")
    assert address(job) != before


@pytest.mark.parametrize(
    "name", ["dict.txt", "config.yaml", "config.json", "model.json", "gcmvn.npz", "w2v.pt"]
)
def test_a_file_that_is_found_beside_the_checkpoint_counts(job: Job, name: str) -> None:
    before = address(job)
    (job.checkpoint.parent / name).write_text("a 1\n")
    assert address(job) != before


def test_a_file_that_no_family_reads_does_not_count(job: Job) -> None:
    before = address(job)
    (job.checkpoint.parent / "result.json").write_text("{}")
    assert address(job) == before


def test_an_option_counts(job: Job) -> None:
    asked = job.request
    assert isinstance(asked, Verify)
    assert address(job) != address(replace(job, request=replace(asked, beam=False)))


def test_the_place_of_a_checkpoint_does_not_count(job: Job, shelf: Path) -> None:
    moved = Path(shutil.copytree(job.checkpoint.parent, shelf / "elsewhere")) / "model.pt"
    asked = job.request
    assert isinstance(asked, Verify)
    other = replace(job, checkpoint=moved, request=replace(asked, checkpoint=moved))
    assert address(job) == address(other)


def test_what_cannot_be_read_is_refused(job: Job, shelf: Path) -> None:
    shutil.rmtree(shelf / "folder")
    with pytest.raises(BadInput, match="folder"):
        address(job)
