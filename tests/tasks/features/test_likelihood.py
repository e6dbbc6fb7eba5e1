"""How well a pretrained model tells masked frames apart, by the codes that are its own."""

from __future__ import annotations

import math
from argparse import Namespace
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from toolkit.audio import Clip
from toolkit.replay.target import Target
from toolkit.tasks.features.likelihood import (
    OTHERS,
    ask,
    chance,
    masked_frames,
    nats_per_frame,
    others_of,
)

CONTENTS: Any = None
TEMPERATURE = 0.1
SETTINGS = Namespace(config=Namespace(contrastive_logits_temperature=TEMPERATURE))


@dataclass(frozen=True)
class Comparing:
    """A model with these features and codes of its masked frames, whatever it hears."""

    features: Tensor
    codes: Tensor
    model: ClassVar[Namespace] = SETTINGS

    def frames(self, _: Any) -> list[int]:
        return [2 * len(self.codes)]

    def compared(self, _: Tensor, masked: Tensor) -> tuple[Tensor, Tensor]:
        assert len(masked) == len(self.codes)
        return self.features, self.codes


def nats(features: Tensor, codes: Tensor) -> float:
    return nats_per_frame(cast("Target", Comparing(features, codes)), torch.zeros(1))


def drawn(rows: int, seed: int = 0) -> Tensor:
    return torch.randn(rows, 8, generator=torch.Generator().manual_seed(seed))


def test_a_model_that_foresees_every_code_pays_nothing() -> None:
    codes = torch.eye(42)
    assert nats(codes, codes) < 0.001


def test_a_model_whose_frames_all_have_one_code_knows_no_more_than_chance() -> None:
    codes = drawn(1).expand(42, 8)
    assert nats(codes, codes) == pytest.approx(chance(CONTENTS))


def test_a_model_that_says_the_same_of_every_frame_knows_no_more_than_chance() -> None:
    assert nats(drawn(1).expand(42, 8), drawn(42, seed=1)) > chance(CONTENTS)


def test_it_is_the_mean_over_all_masked_frames() -> None:
    features, codes = drawn(15), drawn(15, seed=1)
    costs = []
    for frame, others in enumerate(others_of(15).tolist()):
        scores = [
            math.exp(torch.cosine_similarity(features[frame], codes[row], dim=0) / TEMPERATURE)
            for row in (frame, *others)
        ]
        costs.append(-math.log(scores[0] / sum(scores)))
    assert nats(features, codes) == pytest.approx(np.mean(costs), rel=1e-4)


def test_every_frame_is_told_apart_from_as_many_others_and_always_from_the_same() -> None:
    others = others_of(30)
    assert torch.equal(others, others_of(30))
    for frame, row in enumerate(others.tolist()):
        assert len(set(row)) == OTHERS
        assert frame not in row


def test_half_of_the_frames_are_masked() -> None:
    assert masked_frames(12).tolist() == [3, 4, 5, 9, 10, 11]


def test_too_few_frames_are_no_evidence() -> None:
    codes = torch.eye(OTHERS - 1)
    assert nats(codes, codes) == math.inf


@pytest.mark.parametrize(("seconds", "is_asked"), [(0.9, False), (1.0, True)])
def test_a_clip_needs_no_transcript_but_a_second(seconds: float, is_asked: bool) -> None:
    clip = Clip(name="one", waveform=np.zeros(int(16_000 * seconds), dtype=np.float32))
    assert (ask(CONTENTS, clip) is not None) is is_asked
