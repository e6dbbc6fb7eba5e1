"""Runs both vocoders on one sequence of units and measures what a verdict needs of it."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.audio import Clip
from toolkit.compare.pictures import Sketchbook
from toolkit.core.errors import BadInput
from toolkit.tasks.speech.hearing import Heard
from toolkit.tasks.speech.made import hear_made
from toolkit.tasks.speech.run import HeardRun
from toolkit.tasks.vocoder.target import VocoderTarget
from toolkit.trial.bench import Bench
from toolkit.trial.effort import FULL, Effort

VocoderBench = Bench[VocoderTarget]


@dataclass(frozen=True, kw_only=True)
class VocoderRun(HeardRun):
    """What both vocoders made of one sequence of units."""

    others: int
    """Units that last another number of frames; all of them where their number differs."""
    says_length: bool
    """Whether the folder's model says how many samples it makes."""


def run_clip(
    bench: VocoderBench,
    clip: Clip,
    *,
    tag: int | None,  # noqa: ARG001
    effort: Effort = FULL,
    prefix: tuple[int, ...] | None = None,  # noqa: ARG001
    book: Sketchbook | None = None,
) -> VocoderRun:
    """Runs both models on one sequence of units.

    Args:
        bench: The models.
        clip: The units.
        tag: None: there are no language tags.
        effort: What is compared; nothing is searched whatever it says.
        prefix: Of no use: there is no decoder.
        book: Where to draw what is compared: the waveform that is made.

    Raises:
        BadInput: the vocoder has no such unit.
    """
    _expect_known(bench, clip)
    run, heard = hear_made(bench, clip, effort=effort, book=book)
    others, says_length = _durations(bench, heard)
    return VocoderRun(**vars(run), others=others, says_length=says_length)


def _durations(bench: VocoderBench, heard: Heard) -> tuple[int, bool]:
    """How many units last otherwise, and whether the length that is said is the waveform's."""
    given = ([heard.source], [heard.prefix])
    expected, actual = (side.forward(*given, only=()) for side in (bench.reference, bench.target))
    ours, theirs = actual.outputs["durations"], expected.outputs["durations"]
    others = int((ours != theirs).sum()) if ours.shape == theirs.shape else theirs.numel()
    samples = actual.outputs["waveform"].shape[-1]
    return others, int(actual.outputs["samples"]) == samples


def _expect_known(bench: VocoderBench, clip: Clip) -> None:
    units, largest = int(bench.target.units), int(clip.waveform.max())
    if largest >= units:
        raise BadInput(
            f"`{clip.name}` must be units of the vocoder, 0 to {units - 1}, but has {largest}. "
            "Name others with `--units`."
        )
