"""At which frames of a clip both models are apart, of what each task makes of a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.compare.frames import follow, follow_letters
from toolkit.core.pictures import Track
from toolkit.oracle.asking import Pass

if TYPE_CHECKING:
    from torch import Tensor

ALONG_TIME = {
    "encoder_out": "What the decoder hears",
    "features": "Features",
    "logits": "Scores of the letters",
}
"""Outputs of one pass that have frames, the first that a task has, as sentences begin with them."""
FURTHER = ("emissions",)
"""Outputs that have frames and are not drawn."""
LETTERS = "Letters"


def follow_result(expected: Pass, actual: Pass, tolerance: float) -> Track | None:
    """How far what is made of each frame is apart; None where nothing has frames.

    Args:
        expected: fairseq's pass over one clip.
        actual: The converted model's.
        tolerance: What it may differ by, relative to the largest expected value.
    """
    name = _along_time(actual)
    if name is None or name not in expected.outputs:
        return None
    return follow(ALONG_TIME[name], expected.outputs[name], actual.outputs[name], tolerance)


def follow_best(expected: Pass, actual: Pass) -> Track | None:
    """At which frames another letter is the best one; None where frames have no letters."""
    if _along_time(actual) != "logits" or "logits" not in expected.outputs:
        return None
    return follow_letters(LETTERS, expected.logits, actual.logits)


def only_frames(made: Pass) -> Pass:
    """The pass with nothing but what may have frames."""
    names = (*ALONG_TIME, *FURTHER)
    outputs = {name: made.outputs[name] for name in names if name in made.outputs}
    return Pass(outputs=outputs, calls={})


def _along_time(made: Pass) -> str | None:
    """The output of shape (1, T, D); logits without an encoder's output beside are along time.

    The converted model's pass says it, as a recording of fairseq's may lack some.
    """
    found = next((name for name in ALONG_TIME if name in made.outputs), None)
    return found if found is not None and _has_frames(made.outputs[found]) else None


def _has_frames(output: Tensor) -> bool:
    return output.dim() == 3
