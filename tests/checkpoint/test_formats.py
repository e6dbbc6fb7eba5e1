"""Checkpoints that tell another format than they have."""

from __future__ import annotations

import pytest

from toolkit.checkpoint import Checkpoint, open_checkpoint
from toolkit.checkpoint.formats import tell_format
from toolkit.core.errors import BadInput
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


def test_a_number_that_is_not_there_is_not_told_otherwise(checkpoint: Checkpoint) -> None:
    without = tell_format(checkpoint, marker=MARKER, number=None)
    assert MARKER not in without.tensors
    with pytest.raises(BadInput, match=MARKER):
        tell_format(without, marker=MARKER, number=2)
