"""What a reference without a decoder hears, and where."""

from __future__ import annotations

import pytest
import torch

from toolkit.oracle.encoder_reference import EncoderReference

SOUND = torch.tensor([0.5, -0.25, 0.75, 1.0])


def reference(normalize):
    return EncoderReference(torch.nn.Linear(1, 1), normalize=normalize)


def test_sound_is_standardized_where_the_task_says_so_and_left_alone_where_not():
    heard = reference(True).front_end(SOUND)
    assert heard.mean().abs() < 1e-6
    assert heard.std(unbiased=False) == pytest.approx(1, abs=1e-4)
    assert reference(False).front_end(SOUND).equal(SOUND)


def test_no_token_starts_it_and_it_runs_where_its_weights_are():
    assert reference(True).start_token is None
    assert reference(True).device == torch.device("cpu")
