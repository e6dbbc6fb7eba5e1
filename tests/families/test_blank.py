"""What a family's model is built of where no tensor has a name that is known."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from tests.variants.ctc_building import build_ctc
from tests.variants.data2vec_kinds import DATA2VEC_VARIANTS
from toolkit.checkpoint import Checkpoint, open_checkpoint
from toolkit.families import families
from toolkit.families.base import Options
from toolkit.families.blank import blank_of
from toolkit.families.sidecars import Named

FAMILY = next(family for family in families() if family.name == "wav2vec2_ctc")


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A data2vec whose arguments are older than the number of positional convolutions."""
    (variant,) = (v for v in DATA2VEC_VARIANTS if v.name == "data2vec, Namespace")
    checkpoint = open_checkpoint(build_ctc(variant, tmp_path_factory.mktemp("older")).path)
    return replace(
        checkpoint,
        tensors=MappingProxyType(
            {f"z{place}": spec for place, spec in enumerate(checkpoint.tensors.values())}
        ),
    )


def positions(checkpoint: Checkpoint) -> object:
    named = Named(config_yaml=None, dictionary=None, pieces=None)
    told = blank_of(FAMILY, checkpoint, named, Options()).settings["w2v_args"]
    assert isinstance(told, dict)
    return told.get("model", told).get("pos_conv_depth")


def test_several_positional_convolutions_are_told_by_their_shapes(older: Checkpoint) -> None:
    assert positions(older) == 5


def test_fewer_than_fairseq_makes_of_such_shapes_tell_nothing(older: Checkpoint) -> None:
    shapes = [spec.shape for spec in older.tensors.values()]
    several = next(shape for shape in shapes if len(shape) == 3 and shapes.count(shape) == 5)
    lost = [name for name, spec in older.tensors.items() if spec.shape == several][:2]
    rest = {name: spec for name, spec in older.tensors.items() if name not in lost}
    assert positions(replace(older, tensors=MappingProxyType(rest))) is None
