"""What a conversion says that it will do is what it does, and it does none of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from safetensors.torch import load_file

import toolkit
from toolkit.cli import app
from toolkit.core.errors import BadInput
from toolkit.core.planned import PlannedConversion


def plan(checkpoint: Path, out: Path, **options: Any) -> PlannedConversion:
    return toolkit.plan_conversion(checkpoint, out, verify=False, **options)


def bytes_of_values(path: Path) -> int:
    return sum(tensor.numel() * tensor.itemsize for tensor in load_file(path).values())


@pytest.mark.parametrize("max_shard_bytes", [400_000, 10_000_000])
def test_the_files_that_are_planned_are_those_that_appear(
    max_shard_bytes: int, golden_checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    planned = plan(golden_checkpoint, out, max_shard_bytes=max_shard_bytes)
    assert list(tmp_path.iterdir()) == []
    toolkit.convert(golden_checkpoint, out, verify=False, max_shard_bytes=max_shard_bytes)
    made = {path.name: bytes_of_values(path) for path in out.glob("*.safetensors")}
    assert planned.files == made
    assert planned.architectures == ("SpeechEncoderDecoderModel",)
    assert planned.free_bytes > 0


def test_a_plan_says_how_much_a_proof_compares(golden_checkpoint: Path, tmp_path: Path) -> None:
    clip = golden_checkpoint.parents[1] / "tiny.flac"
    planned = toolkit.plan_conversion(golden_checkpoint, tmp_path / "out", audio=[clip])
    assert planned.comparison == "1 clip in every way"
    assert planned.seconds is not None
    assert planned.seconds > 0
    assert planned.unverified_because is None


@pytest.mark.parametrize("place", ["there", "nowhere/out"])
def test_where_no_conversion_could_write_none_is_planned(
    place: str, golden_checkpoint: Path, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(BadInput, match="must not exist yet|must lie in an existing folder"):
        plan(golden_checkpoint, tmp_path / place)


def test_the_command_says_what_it_would_do_and_what_to_type(
    golden_checkpoint: Path, tmp_path: Path
) -> None:
    words = ["convert", str(golden_checkpoint), str(tmp_path / "out"), "--dry-run", "--no-verify"]
    outcome = CliRunner().invoke(app, [*words, "--json", "-"])
    said = json.loads(outcome.stdout)
    assert (outcome.exit_code, said["dry_run"]) == (0, True)
    assert said["next"].endswith("--no-verify")
    assert "nothing now" in outcome.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_report_of_nothing_is_refused(golden_checkpoint: Path, tmp_path: Path) -> None:
    words = ["convert", str(golden_checkpoint), str(tmp_path / "out"), "--dry-run", "--html", "-"]
    outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == 2
    assert "`--html` must stand without `--dry-run`" in outcome.stderr
