"""Modules as scripts that drop them save them."""

from __future__ import annotations

import shutil

import pytest
from safetensors.torch import load_file

from toolkit.faults.dropped import dropped_faults
from toolkit.faults.facts import WEIGHTS, read_facts
from toolkit.pipeline.faulting import breakable_of
from toolkit.pipeline.golden import golden_of
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.pipeline.writing import write_converted

NORM, POSITIONS = "model.decoder.layernorm_embedding", "model.decoder.embed_positions.weight"


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    """A right folder of a model that has all that is dropped, and its faults by name."""
    folder = tmp_path_factory.mktemp("right") / "hf"
    folder.mkdir()
    prepared = prepare(Inputs(checkpoint=golden_of("mbart")))
    write_converted(prepared, folder)
    faults = dropped_faults(read_facts(folder, breakable_of(prepared)))
    return folder, {fault.name: fault for fault in faults}


@pytest.fixture
def broken(right, tmp_path):
    folder, faults = right

    def make(name):
        copy = shutil.copytree(folder, tmp_path / "broken")
        faults[name].break_folder(copy)
        return load_file(folder / WEIGHTS), load_file(copy / WEIGHTS)

    return make


def test_each_side_has_its_norms_and_its_positions_dropped_and_shifted(right):
    kinds = [name.partition(":")[0] for name in right[1]]
    dropped = ("embedding_norm_dropped", "last_norm_dropped", "positions_dropped")
    assert sorted(kinds) == sorted(2 * [*dropped, "positions_shifted"])


def test_a_dropped_norm_is_one_of_a_new_model(broken):
    before, after = broken(f"embedding_norm_dropped:{NORM}")
    assert after[f"{NORM}.weight"].eq(1).all()
    assert after[f"{NORM}.bias"].eq(0).all()
    assert {n for n in before if not before[n].equal(after[n])} == {
        f"{NORM}.weight",
        f"{NORM}.bias",
    }


def test_dropped_positions_are_random_and_small(broken):
    before, after = broken(f"positions_dropped:{POSITIONS.removesuffix('.weight')}")
    assert not before[POSITIONS].equal(after[POSITIONS])
    assert after[POSITIONS].std() < 0.03


def test_shifted_positions_begin_behind_their_offset(broken):
    before, after = broken(f"positions_shifted:{POSITIONS.removesuffix('.weight')}")
    assert after[POSITIONS][:-2].equal(before[POSITIONS][2:])
