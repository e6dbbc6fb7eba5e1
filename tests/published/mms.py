"""Checkpoints of the forms in which MMS was published: languages told apart, and letters of many.

Both have the encoder of XLS-R 1B (arXiv:2305.13516). Behind it, a `wav2vec_classification` projects
every frame to 1024 values and their mean to 126 languages; a `wav2vec_ctc` has, beside its own
weights, adapters of 16 values and a head for each language in `adapter`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from fairseq.models.wav2vec import wav2vec2

from tests.published.building import SMALL, zeros
from tests.published.settings import PUBLISHED, Size
from tests.variants.adapter_kinds import ADAPTER_VARIANTS
from tests.variants.ctc_building import build_ctc, initialize
from tests.variants.ctc_kinds import CtcVariant, Groups, State, as_hydra

LANGUAGES = tuple(map("".join, product("abcdefg", "hijklm", "nop")))
"""126 codes of three letters."""
PLACE = "/checkpoint/somebody/xlsr_1b.pt"
(_XLSR,) = (one for one in PUBLISHED if one.name == "xlsr_1b")
(_SETS,) = (v for v in ADAPTER_VARIANTS if v.name == "MMS, a set of weights for each language")
_ADAPTERS = {**_SETS.inner, "adp_dim": 16}
_CLASSIFIER = partial(
    CtcVariant,
    name="MMS, a classifier of languages",
    model="wav2vec_classification",
    task="audio_classification",
    labels="lang",
    symbols=LANGUAGES,
)


def classifier(size: Size) -> CtcVariant:
    """What tells languages apart; its head is as wide as the encoder's codes were."""
    outer = {"pooling": "mean", "latent_embed_dim": size.final, "w2v_path": PLACE}
    return _CLASSIFIER(usual=_encoder(size), outer=outer)


def letters(size: Size) -> CtcVariant:
    """What writes the letters of several languages."""
    outer = {**_ADAPTERS, "w2v_path": PLACE}
    return replace(_SETS, usual=_encoder(size), inner=_ADAPTERS, outer=outer)


def _encoder(size: Size) -> dict[str, Any]:
    said = {**_XLSR.groups["model"], **size.arguments}
    if size == SMALL:
        convolutions = said["conv_feature_layers"].replace("512", "16")
        return {**said, "latent_vars": 4, "conv_feature_layers": convolutions}
    return said


def build_whole(variant: CtcVariant, folder: Path) -> Path:
    """A checkpoint of the variant where every value is zero, so that a full one takes little room.

    Args:
        variant: What to build.
        folder: Where to write; must exist.
    """
    # Its initialization copies values, of which there are none.
    with patch.object(wav2vec2, "init_bert_params"), torch.device("meta"):
        return build_ctc(replace(variant, save=_without_values), folder).path


def build_full(variant: CtcVariant, folder: Path) -> Path:
    """A checkpoint of the variant with random weights, such as a full one has.

    Args:
        variant: What to build.
        folder: Where to write; must exist.
    """
    with patch.object(wav2vec2, "init_bert_params"):
        return build_ctc(variant, folder).path


def build_empty(variant: CtcVariant, folder: Path) -> Any:
    """fairseq's model of the variant, before it has its weights.

    Args:
        variant: What to build.
        folder: Where a dictionary can be written; must exist.
    """
    with patch.object(wav2vec2, "init_bert_params"):
        return initialize(variant, folder)[2]


def _without_values(groups: Groups, state: State) -> dict[str, Any]:
    return as_hydra(groups, {name: zeros(tensor.shape) for name, tensor in state.items()})
