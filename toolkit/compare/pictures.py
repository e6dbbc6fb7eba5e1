"""Thins two tensors out to what a report draws of them: curves, histograms, samples."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from toolkit.audio.clips import SAMPLE_RATE_HZ
from toolkit.compare.frames import curve_codes, follow
from toolkit.compare.metrics import largest, relative_error
from toolkit.compare.sound import draw_envelope, draw_spectrogram, encode_sound
from toolkit.core.pictures import (
    HISTOGRAM_BINS,
    HISTOGRAM_BINS_PER_DECADE,
    HISTOGRAM_LOWEST_EXPONENT,
    ClipPicture,
    Edge,
    Histogram,
    PairPicture,
    Step,
    Track,
    Trial,
    Worst,
)
from toolkit.replay.pairs import Pair
from toolkit.replay.replay import Outputs

if TYPE_CHECKING:
    from torch import Tensor

CLIPS = 2
"""Clips whose module pairs are drawn."""
MAX_SAMPLES = 240
AXES = "TSL"
"""Axes that a curve may run along, the first that a tensor has."""
INT16 = 32767


class Drawn(Protocol):
    """What was drawn of a comparison."""

    @property
    def clips(self) -> tuple[ClipPicture, ...]:
        """Every clip."""

    @property
    def pairs(self) -> Sequence[PairPicture]:
        """Module pairs, each on a clip."""

    @property
    def flow(self) -> tuple[Edge, ...]:
        """Which module takes what another gave."""


class Sketchbook:
    """Draws while two models are compared, as their tensors are gone afterwards."""

    def __init__(self, pairs_of: Collection[str]) -> None:
        """Draws all clips, and the module pairs of those named in `pairs_of`."""
        self.pairs: list[PairPicture] = []
        self.flow: tuple[Edge, ...] = ()
        self.order: Mapping[str, int] = {}
        """When each module had answered, by its path."""
        self._clips: list[Future[ClipPicture]] = []
        self._beside = ThreadPoolExecutor(max_workers=1)
        self._pairs_of = frozenset(pairs_of)
        self._logits: tuple[Tensor, Tensor] | None = None
        self._layers: list[Track] = []

    def draw_pair(
        self, pair: Pair, clip: str, outputs: Outputs, own: Tensor, tolerance: float
    ) -> None:
        """Draws one pair.

        Args:
            pair: The two modules.
            clip: The clip's name.
            outputs: fairseq's output and the module's on fairseq's input.
            own: The module's output end to end.
            tolerance: What they may differ by, relative to the largest expected value.
        """
        axes = pair.layout.output_axes[1]
        if axes.split() == ["B", "S", "V"]:
            self._logits = (outputs.expected, own)
        axis, letter = _axis(axes, outputs.expected)
        if axis is not None and letter == "T" and _is_layer(pair.target):
            followed = follow(pair.target, outputs.expected, own, tolerance, axis)
            self._layers.extend([] if followed is None else [followed])
        if clip in self._pairs_of:
            picture = picture_pair(
                pair.target,
                clip,
                axes,
                expected=outputs.expected,
                isolated=outputs.actual,
                propagated=own,
            )
            self.pairs.append(picture)

    def draw_clip(
        self,
        name: str,
        waveform: Tensor,
        prefix: tuple[int, ...],
        *,
        sounds: bool = True,
        result: Track | None = None,
        letters: Track | None = None,
    ) -> None:
        """Draws one clip, with the logits and layers of the pairs that were drawn since the last.

        Args:
            name: The clip's name.
            waveform: Shape (L,), 16 kHz mono.
            prefix: Decoder input of the teacher-forced pass.
            sounds: Whether it can be heard and seen.
            result: What is made of the clip at each frame.
            letters: The frames whose best symbol is another one.
        """
        expected, actual = self._logits or (None, None)
        layers = tuple(sorted(self._layers, key=lambda layer: self.order.get(layer.name, 0)))

        def draw() -> ClipPicture:
            shown = waveform if sounds else waveform[:0]
            drawn = picture_clip(name, shown, prefix, expected, actual)
            return replace(drawn, layers=layers, result=result, letters=letters)

        self._clips.append(self._beside.submit(draw))
        self._logits = None
        self._layers = []

    @property
    def clips(self) -> tuple[ClipPicture, ...]:
        """All that were drawn, by a thread of their own: encoding sound needs no torch."""
        return tuple(clip.result() for clip in self._clips)


class Spoken(Protocol):
    """A clip, or what is known of one."""

    @property
    def transcript(self) -> str | None:
        """What it says, if somebody wrote it down."""
        ...

    @property
    def duration_s(self) -> float:
        """Its length in seconds."""
        ...

    @property
    def num_samples(self) -> int:
        """Its length."""
        ...


SomeClip = TypeVar("SomeClip", bound=Spoken)


def shortest(clips: Sequence[SomeClip], count: int = CLIPS) -> tuple[SomeClip, ...]:
    """The shortest clips that somebody transcribed: quick to replay, and they say something."""
    spoken = [clip for clip in clips if clip.transcript] or list(clips)
    return tuple(sorted(spoken, key=lambda clip: clip.num_samples)[:count])


def picture_pair(
    target: str,
    clip: str,
    axes: str,
    *,
    expected: Tensor,
    isolated: Tensor | None,
    propagated: Tensor | None,
) -> PairPicture:
    """One pair on one clip.

    Args:
        target: The module's path.
        clip: The clip's name.
        axes: Letters of the tensors' axes, such as `B T D`.
        expected: fairseq's output, in the target's axes.
        isolated: The module's output on fairseq's input; None where it cannot take it.
        propagated: Its output end to end; None where the model does not reach it.
    """
    axis, letter = _axis(axes, expected)
    scale = largest(expected) or 1.0
    replayed = _same_shape(expected, isolated)
    reached = _same_shape(expected, propagated)
    drawn = replayed if replayed is not None else reached
    error = _maybe_error(expected, drawn, scale)
    # A module that received fairseq's input by itself was not replayed: both are one.
    own_error = error if reached is drawn else _maybe_error(expected, reached, scale)
    expected_codes, actual_codes, sample_scale = _samples(expected, drawn, error)
    return PairPicture(
        target=target,
        clip=clip,
        along=letter,
        positions=0 if axis is None else expected.shape[axis],
        isolated=_curve(None if replayed is None else error, axis),
        propagated=_curve(own_error, axis),
        propagated_error=None if propagated is None else relative_error(expected, propagated),
        histogram=None if error is None else _histogram(error),
        expected=expected_codes,
        actual=actual_codes,
        sample_scale=sample_scale,
        worst=None if drawn is None or error is None else _worst(expected, drawn, error),
    )


def picture_clip(
    name: str,
    waveform: Tensor,
    prefix: tuple[int, ...],
    expected_logits: Tensor | None,
    actual_logits: Tensor | None,
) -> ClipPicture:
    """One clip with what both models would say at each step.

    Args:
        name: The clip's name.
        waveform: Shape (L,), 16 kHz mono, any scale; empty of what has no sound.
        prefix: Decoder input of the teacher-forced pass.
        expected_logits: Shape (1, S, V), fairseq's.
        actual_logits: The same of the converted model, end to end.
    """
    return ClipPicture(
        name=name,
        duration_s=waveform.numel() / SAMPLE_RATE_HZ,
        envelope=draw_envelope(waveform),
        spectrogram=draw_spectrogram(waveform),
        audio=encode_sound(waveform),
        prefix=prefix,
        steps=_steps(expected_logits, actual_logits),
    )


def try_to_undo(expected: Tensor, actual: Tensor) -> tuple[Trial, ...]:
    """What may have happened to a tensor, each undone, the best first."""
    tried = {"as it is": actual, "sign flipped": -actual}
    if actual.dim() == 2:
        tried["transposed"] = actual.transpose(0, 1)
    if actual.shape == expected.shape and actual.dim():
        tried["scaled"] = _rescaled(expected, actual)
        tried["rows shifted by 1"] = actual.roll(-1, 0)
        tried["rows shifted by -1"] = actual.roll(1, 0)
        tried["rows in reverse"] = actual.flip(0)
    trials = [Trial(name=name, error=relative_error(expected, t)) for name, t in tried.items()]
    return tuple(sorted(trials, key=lambda trial: (math.isnan(trial.error), trial.error)))


def _axis(axes: str, tensor: Tensor) -> tuple[int | None, str]:
    letters = axes.split()
    if len(letters) != tensor.dim():
        return None, ""
    found = next((letter for letter in AXES if letter in letters), "")
    return (letters.index(found), found) if found else (None, "")


def _is_layer(path: str) -> bool:
    return path.rpartition(".")[2].isdigit()


def _same_shape(expected: Tensor, actual: Tensor | None) -> Tensor | None:
    return actual if actual is not None and actual.shape == expected.shape else None


def _error(expected: Tensor, actual: Tensor, scale: float) -> Tensor:
    return (expected.double() - actual.double()).abs() / scale


def _maybe_error(expected: Tensor, actual: Tensor | None, scale: float) -> Tensor | None:
    return None if actual is None else _error(expected, actual, scale)


def _curve(error: Tensor | None, axis: int | None) -> bytes:
    if error is None or axis is None or not error.numel():
        return b""
    largest_errors = error.transpose(0, axis).flatten(1).amax(1)
    return curve_codes(largest_errors)


def _histogram(error: Tensor) -> Histogram:
    import torch

    finite = error if error.isfinite().all() else error[error.isfinite()]
    positive = finite[finite > 0]
    place = (positive.log10() - HISTOGRAM_LOWEST_EXPONENT) * HISTOGRAM_BINS_PER_DECADE
    counts = torch.bincount(place.long().clamp(0, HISTOGRAM_BINS - 1), minlength=HISTOGRAM_BINS)
    return Histogram(
        zero=finite.numel() - positive.numel(),
        bins=tuple(counts.tolist()),
        not_finite=error.numel() - finite.numel(),
    )


def _samples(
    expected: Tensor, actual: Tensor | None, error: Tensor | None
) -> tuple[bytes, bytes, float]:
    """Evenly spread elements of both, the worst one among them, and what 32767 stands for."""
    import torch

    if actual is None or error is None or not expected.numel():
        return b"", b"", 0.0
    count = min(MAX_SAMPLES, expected.numel())
    places = torch.linspace(0, expected.numel() - 1, count, dtype=torch.float64).long()
    places[count // 2] = int(error.flatten().nan_to_num(math.inf).argmax())
    chosen = [tensor.flatten()[places].double() for tensor in (expected, actual)]
    finite = torch.cat([values[values.isfinite()] for values in chosen])
    scale = largest(finite) or 1.0
    return _int16(chosen[0], scale), _int16(chosen[1], scale), scale


def _int16(values: Tensor, scale: float) -> bytes:
    import torch

    codes = (values.nan_to_num(0.0) / scale).clamp(-1, 1) * INT16
    return codes.round().to(torch.int16).numpy().astype("<i2").tobytes()


def _worst(expected: Tensor, actual: Tensor, error: Tensor) -> Worst | None:
    import torch

    if not error.numel():
        return None
    flat = int(error.flatten().nan_to_num(math.inf).argmax())
    index = torch.unravel_index(torch.tensor(flat), expected.shape)
    return Worst(
        index=tuple(int(i) for i in index),
        expected=float(expected.flatten()[flat]),
        actual=float(actual.flatten()[flat]),
    )


def _rescaled(expected: Tensor, actual: Tensor) -> Tensor:
    """The multiple of `actual` that comes nearest to `expected`."""
    left, right = expected.double(), actual.double()
    square = float(right.square().sum())
    return right * (float((left * right).sum()) / square) if square else right


def _steps(expected: Tensor | None, actual: Tensor | None) -> tuple[Step, ...]:
    if expected is None or actual is None or expected.shape != actual.shape:
        return ()
    if expected.dim() != 3 or expected.shape[-1] < 2:
        return ()
    best = [logits[0].double().log_softmax(-1).topk(2, dim=-1) for logits in (expected, actual)]
    margins = [(top.values[:, 0] - top.values[:, 1]).tolist() for top in best]
    tokens = [top.indices[:, 0].tolist() for top in best]
    return tuple(
        Step(expected=tokens[0][i], actual=tokens[1][i], expected_margin=left, actual_margin=right)
        for i, (left, right) in enumerate(zip(*margins, strict=True))
    )
