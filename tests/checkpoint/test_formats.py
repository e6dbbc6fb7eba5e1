"""Checkpoints that tell another format than they have."""

from __future__ import annotations

import shutil
from argparse import Namespace
from pathlib import Path

import pytest
import torch

from toolkit import convert, inspect
from toolkit.checkpoint import Checkpoint, open_checkpoint
from toolkit.checkpoint.formats import left_out, tell_format
from toolkit.core.errors import BadInput
from toolkit.core.formats import SinceFormat
from toolkit.pipeline.golden import golden_of

MARKER = "decoder.version"


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return open_checkpoint(golden_of("mbart"))


@pytest.mark.parametrize("number", [None, 2])
def test_one_number_changes_and_nothing_else(number: int | None, checkpoint: Checkpoint) -> None:
    before = checkpoint.state_dict()
    after = tell_format(checkpoint, marker=MARKER, number=number).state_dict()
    assert before.pop(MARKER).tolist() == [3.0]
    told = after.pop(MARKER, None)
    assert (None if told is None else told.tolist()) == (None if number is None else [number])
    assert after.keys() == before.keys()
    assert all(after[name].equal(tensor) for name, tensor in before.items())


@pytest.mark.parametrize(
    ("told", "found"),
    [([3.0], None), ([4.0], None), ([2.0], "is 2"), ([], "is missing"), (None, "is missing")],
)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.int64])
def test_what_fairseq_leaves_out_is_told_by_the_number_that_the_file_has(
    told: list[float] | None, found: str | None, dtype: torch.dtype, tmp_path: Path
) -> None:
    markers = {} if told is None else {MARKER: torch.tensor(told, dtype=dtype)}
    torch.save(
        {"args": Namespace(arch="x"), "model": {"w": torch.ones(2), **markers}}, tmp_path / "m.pt"
    )
    since = SinceFormat(module="decoder.layer_norm", marker=MARKER, first=3)
    reasons = list(left_out(open_checkpoint(tmp_path / "m.pt"), [since]))
    assert [reason.name for reason in reasons] == ([] if found is None else ["decoder.layer_norm"])
    assert all(f"`{MARKER}` {found}, where 3" in reason.because for reason in reasons)


def test_whoever_converts_it_unproven_hears_of_it(tmp_path: Path) -> None:
    state = torch.load(golden_of("mbart"), weights_only=False)
    del state["model"][MARKER]
    shutil.copytree(golden_of("mbart").parent, tmp_path / "old")
    torch.save(state, tmp_path / "old" / "model.pt")
    inspected = inspect(tmp_path / "old" / "model.pt")
    converted = convert(tmp_path / "old" / "model.pt", tmp_path / "hf", verify=False)
    for said in (inspected.assumptions, converted.assumptions):
        assert [reason.name for reason in said] == ["decoder.layer_norm"]


def test_a_number_that_is_not_there_is_not_told_otherwise(checkpoint: Checkpoint) -> None:
    without = tell_format(checkpoint, marker=MARKER, number=None)
    assert MARKER not in without.tensors
    with pytest.raises(BadInput, match=MARKER):
        tell_format(without, marker=MARKER, number=2)
