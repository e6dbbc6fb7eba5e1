"""What a report draws: small, quantized samples of the tensors that were compared.

Kept beside the numbers that decide, never in place of them: everything here is thinned out for the
eye, and no verdict is taken from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LOWEST_EXPONENT = -20
CODES_PER_DECADE = 10
ZERO_CODE, HIGHEST_CODE, NOT_FINITE_CODE = 0, 250, 255
"""An error in one byte: 0 is exactly zero, 255 no finite number, and a code c between them
10 ** (LOWEST_EXPONENT + (c - 1) / CODES_PER_DECADE)."""

HISTOGRAM_LOWEST_EXPONENT = -18
HISTOGRAM_BINS_PER_DECADE = 2
HISTOGRAM_BINS = 40
"""Half decades from 1e-18 to 1e2; what lies outside counts in the outermost."""

BANDS, LOUDEST, DECIBELS_A_STEP = 32, 15, 4
"""A spectrogram has so many bands; loudness counts down from 15 in steps of so many decibels."""


@dataclass(frozen=True, kw_only=True)
class Worst:
    """The element with the largest error."""

    index: tuple[int, ...]
    """In the target's axes."""
    expected: float
    actual: float


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How many elements err by how much, relative to the largest expected value."""

    zero: int
    bins: tuple[int, ...]
    not_finite: int


@dataclass(frozen=True, kw_only=True)
class PairPicture:
    """One module pair on one clip; isolated: fed with fairseq's input, propagated: in its place."""

    target: str
    clip: str
    along: str
    """The axis of the curves: T frames, S target tokens, L samples; empty if there is none."""
    positions: int
    """How long that axis is; several positions share a byte of the curves if it is long."""
    isolated: bytes = b""
    """Largest error at each position, one code each; empty where the module could not run."""
    propagated: bytes = b""
    propagated_error: float | None = None
    """End to end, relative to the largest expected value; infinity where shapes differ, None where
    the module was not reached."""
    histogram: Histogram | None = None
    expected: bytes = b""
    """Samples as little-endian int16: 32767 stands for `sample_scale`."""
    actual: bytes = b""
    sample_scale: float = 0.0
    worst: Worst | None = None


@dataclass(frozen=True, kw_only=True)
class Step:
    """What both models would say next after fairseq's own words: teacher-forced."""

    expected: int
    """Token with the highest expected logit."""
    actual: int
    expected_margin: float
    """Log-probability of the best token minus that of the second best."""
    actual_margin: float


@dataclass(frozen=True, kw_only=True)
class Track:
    """How far both models are apart at each frame of a clip, end to end."""

    name: str
    """The module's path, or what the result is in words."""
    positions: int
    """How many frames there are; several share a byte of `errors` if there are many."""
    errors: bytes
    """The largest error of each, one code each."""
    tolerance: float
    wrong: int
    """Frames beyond the tolerance."""


@dataclass(frozen=True, kw_only=True)
class ClipPicture:
    """One clip, to be seen and heard."""

    name: str
    duration_s: float
    envelope: bytes = b""
    """Lowest and highest sample in turn, as int8: 127 stands for the loudest sample."""
    spectrogram: bytes = b""
    """How loud each of the `BANDS` is over time, 0 to `LOUDEST`, the lowest band first: as many
    columns as there are bytes for a band."""
    audio: bytes = b""
    """An MP3 file; empty for long clips."""
    prefix: tuple[int, ...] = ()
    """Decoder input of the teacher-forced pass: start token and fairseq's own words."""
    steps: tuple[Step, ...] = ()
    """One for each token of `prefix`."""
    layers: tuple[Track, ...] = ()
    """The layers that run along the clip's frames, as they ran; none where none was compared."""
    result: Track | None = None
    """What is made of each frame; None where that was not compared, or nothing has frames."""
    letters: Track | None = None
    """1 at frames whose best symbol is another one; None where frames have no symbols."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Something that may have happened to a tensor, undone, and the error that is left then."""

    name: str
    error: float
    """Relative to the largest expected value; infinity where shapes do not go together."""


@dataclass(frozen=True, kw_only=True)
class TensorPicture:
    """Where a tensor of the folder comes from."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    source: str | None
    """The fairseq tensor whose values it must hold; None for a filled tensor."""
    rule: str
    """The row of the mapping that says so, with file and line where that is known."""
    holds: str = ""
    """What it holds instead, in words; empty where it is right."""
    trials: tuple[Trial, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Edge:
    """A module that takes what another gave."""

    giver: str
    taker: str
    adds: bool = False
    """Whether it is one of two values whose sum the taker takes or gives: a residual."""


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Everything that a report draws."""

    clips: tuple[ClipPicture, ...] = ()
    pairs: tuple[PairPicture, ...] = ()
    tensors: tuple[TensorPicture, ...] = ()
    pieces: Mapping[int, str] = field(default_factory=dict)
    """Words of the token ids that appear."""
    reproductions: Mapping[str, str] = field(default_factory=dict)
    """Folder of the minimal reproduction, by target module."""
    flow: tuple[Edge, ...] = ()
    """How data passes between the compared modules, in the order in which they answered."""
