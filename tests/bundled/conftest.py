"""Folders that carry code, converted from checkpoints that fairseq has built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.variants.building import build_variant
from tests.variants.kinds import Variant
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.pipeline.prepare import Inputs, Prepared, prepare
from toolkit.pipeline.writing import write_converted

VARIANTS = {
    "v1": Variant(
        name="v1, wider decoder that computes its positions and says more than one thing",
        model={
            "adaptor_proj": True,
            "decoder_embed_dim": 48,
            "decoder_learned_pos": False,
            "layernorm_embedding": False,
            "share_decoder_input_output_embed": False,
        },
    ),
    "even": Variant(name="even kernels", model={"adaptor_kernel_size": 4}),
}


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A folder and what it was made from."""

    folder: Path
    prepared: Prepared


@pytest.fixture(scope="session")
def carrying(
    golden_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Converted]:
    """A folder that carries code, by the name of its variant; read it, never write to it."""

    @cache
    def make(name: str) -> Converted:
        place = tmp_path_factory.mktemp(name)
        with quiet_fairseq():
            checkpoint = build_variant(VARIANTS[name], golden_checkpoint.parent, place)
        prepared = prepare(Inputs(checkpoint=checkpoint))
        folder = place / "hf"
        folder.mkdir()
        write_converted(prepared, folder)
        return Converted(folder=folder, prepared=prepared)

    return make
