"""Folders beside the golden checkpoint, on a short clip each."""

import pytest
import torch

from tests.examining import examined, right, truth
from toolkit.tasks.speech.run import record_clip

__all__ = ["examined", "right", "truth"]


@pytest.fixture(scope="module")
def record(reference, prepared, clip):
    """What fairseq makes of a clip."""
    waveform = torch.from_numpy(clip("ru_2").waveform)
    return record_clip(reference, "ru_2", waveform, prepared.task.search, 188)
