"""How well a pretrained model tells the code of a masked frame apart from those of others.

It is what it was trained for, and needs nothing but a clip: the codes are the model's own.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from toolkit.audio import Clip
from toolkit.folder.contents import FolderContents
from toolkit.replay.target import Target
from toolkit.tasks.base import Surprise
from toolkit.tasks.features.target import PretrainedTarget

SPAN = 3
"""Frames that are masked in a row, behind as many that are heard: fewer than in training, and easy
for who was trained."""
OTHERS = 10
"""Masked frames of the clip that each is told apart from, drawn once for a number of frames."""
SHORTEST_S = 1.0
"""Length of a clip that has enough of them, where a frame is 0.02 s."""


def ask(contents: FolderContents, clip: Clip) -> Surprise | None:  # noqa: ARG001
    """What a masked frame costs a model; None of a clip that has too few."""
    return nats_per_frame if clip.duration_s >= SHORTEST_S else None


def chance(contents: FolderContents) -> float:  # noqa: ARG001
    """What a frame costs a model that finds all codes equally near, in nats."""
    return math.log(1 + OTHERS)


def nats_per_frame(target: Target, source: Tensor) -> float:
    """Minus the logarithm of the probability of a masked frame's own code among others.

    Baevski et al. 2020, equation 3, but for codes that equal the right one: fairseq leaves them
    out, and a model whose frames all have one code would find it with certainty. Here they are as
    likely as the right one, which leaves such a model with what chance has.

    Args:
        target: The model.
        source: The network's input, shape (L,).

    Returns:
        Infinity where there are too few frames.
    """
    model = cast("PretrainedTarget", target)
    masked = masked_frames(model.frames([source.numel()])[0])
    if masked.numel() <= OTHERS:
        return math.inf
    features, codes = model.compared(source, masked)
    among = codes[others_of(masked.numel())]  # (M, D) -> (M, OTHERS, D)
    choices = torch.cat([codes.unsqueeze(1), among], dim=1)
    nearness = functional.cosine_similarity(features.unsqueeze(1), choices, dim=-1)
    scores = (nearness / model.model.config.contrastive_logits_temperature).log_softmax(-1)
    return -float(scores[:, 0].mean())


def masked_frames(frames: int) -> Tensor:
    """Which frames of a clip are masked: `SPAN` in a row, every other time."""
    each = torch.arange(frames)
    return each[each // SPAN % 2 == 1]


def others_of(masked: int) -> Tensor:
    """Which other masked frames each is told apart from, shape (masked, OTHERS), seeded."""
    drawn = torch.rand(masked, masked, generator=torch.Generator().manual_seed(masked))
    return drawn.fill_diagonal_(-1).topk(OTHERS).indices
