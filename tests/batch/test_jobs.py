"""JOBS.toml becomes requests, and whatever is wrong in it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.batch.conftest import CONVERT, Write
from toolkit.batch.jobs import read_jobs
from toolkit.core.errors import BadInput
from toolkit.session.requests.convert import Convert
from toolkit.session.requests.verify import Verify


def test_a_table_is_a_request_for_each_checkpoint(shelf: Path, write: Write) -> None:
    (table,) = read_jobs(write(CONVERT + 'audio = ["clips"]\ndecoder_config = {a = 1}\n'))
    broken, first, _ = table.jobs()
    assert [job.checkpoint for job in (broken, first)] == [
        shelf / "models" / "broken" / "model.pt",
        shelf / "models" / "hubert_ctc" / "model.pt",
    ]
    assert first.request == Convert(
        first.checkpoint,
        shelf / "hf" / "hubert_ctc",
        verify=False,
        audio=[shelf / "clips"],
        decoder_config={"a": 1},
    )
    assert first.target == shelf / "hf" / "hubert_ctc"


def test_paths_are_seen_from_the_file_and_names_stand_for_the_checkpoints(
    shelf: Path, write: Write
) -> None:
    text = 'do = "verify"\ncheckpoints = ["models/hubert_ctc/*.pt"]\nhf_dir = "hf/{stem}-{folder}"'
    ((job,),) = (table.jobs() for table in read_jobs(write(f"[[job]]\n{text}\nbeam = false")))
    expected = shelf / "hf" / "model-hubert_ctc"
    assert job.request == Verify(job.checkpoint, expected, beam=False)


VERIFY = """
[[job]]
do = "verify"
checkpoints = "models/*/model.pt"
hf_dir = "hf/{folder}"
"""


def test_a_job_says_how_many_clips_a_process_may_have(write: Write) -> None:
    (table,) = read_jobs(write(VERIFY + "clips_per_shard = 4"))
    assert {job.clips_per_shard for job in table.jobs()} == {4}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[job", "must be TOML with `[[job]]` tables"),
        ("", "must hold `[[job]]` tables and nothing else, but holds nothing"),
        ("[[job]]\n[[jobs]]", "but holds `job`, `jobs`"),
        ("job = 1", "must hold `[[job]]` tables"),
        ("[[job]]\ncheckpoints = 'a'", "must be one of convert, diff, record, verify, but is not"),
        ("[[job]]\ndo = 'train'", "must be one of convert, diff, record, verify, but is 'train'"),
        ("[[job]]\ndo = 'verify'\nhf_dir = 'hf'", "`checkpoints`, job 1 of"),
        ("[[job]]\ndo = 'verify'\ncheckpoints = []\nhf_dir = 'hf'", "but is []"),
        ("[[job]]\ndo = 'verify'\ncheckpoints = 'models/*/model.pt'", "`hf_dir`, job 1 of"),
        (CONVERT + "beem = true", "`beam` may be meant"),
        (CONVERT + "beam = 1", "`beam`, job 1 of"),
        (CONVERT + "max_shard_bytes = true", "must be a whole number, but is True"),
        (CONVERT + "audio = [1]", "must be a path in quotes, or a list of them, but is [1]"),
        (CONVERT + "device = 'gpu'", "`--device`"),
        (CONVERT + "clips_per_shard = 4", "`clips_per_shard`, job 1 of"),
        (VERIFY + "clips_per_shard = 0", "must be a whole number of at least 1, but is 0"),
        (VERIFY + "clips_per_shard = true", "`clips_per_shard`, job 1 of"),
        (CONVERT.replace("{folder}", "one"), "must name a folder for each checkpoint"),
        (CONVERT.replace("models", "model"), "matches nothing in"),
    ],
)
def test_what_is_wrong_is_named(write: Write, text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        [table.jobs() for table in read_jobs(write(text))]
    assert said in str(caught.value)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such file. Check the path"):
        read_jobs(tmp_path / "jobs.toml")


def test_where_a_folder_cannot_lie_is_said_before_any_job_fails_of_it(write: Write) -> None:
    text = CONVERT.replace("hf/{folder}", "none/{folder}/{stem}")
    (table,) = read_jobs(write(text))
    with pytest.raises(BadInput, match=r"none/broken` is none, nor are 2 others\. Create them"):
        table.jobs()
