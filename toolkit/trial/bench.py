"""The two models side by side, and what both made of a clip."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from toolkit.audio import Clip, Outline
from toolkit.oracle.asking import AnyReference
from toolkit.oracle.search import Search
from toolkit.replay.source import Source
from toolkit.replay.target import Target
from toolkit.trial.effort import FULL, Effort
from toolkit.trial.measuring import PairErrors
from toolkit.trial.pairing import Pairing

if TYPE_CHECKING:
    from torch import Tensor

R = TypeVar("R", bound="Run")
T_co = TypeVar("T_co", bound=Target, covariant=True)


@dataclass(frozen=True, kw_only=True)
class Bench(Generic[T_co]):
    """The two models side by side, and how to compare them."""

    reference: AnyReference
    source: Source
    """What is known of fairseq's modules."""
    target: T_co
    pairing: Pairing
    search: Search
    """The checkpoint's search settings; the beam is set per search."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What both models made of one clip, whatever they are asked."""

    clip: Clip | Outline
    source: Tensor
    """The network's input as fairseq makes it, shape (L,)."""
    prefix: tuple[int, ...]
    """Decoder input of the pass: start token and fairseq's greedy hypothesis; empty where there is
    no decoder."""
    frames: int
    """Encoder frames before an adaptor."""
    pairs: tuple[PairErrors, ...]
    """Empty where no module was compared."""
    effort: Effort = FULL

    def without_sound(self: R) -> R:
        """The run with its numbers alone: whoever asks for its sound gets NaN."""
        silence = self.source.new_full((1,), math.nan).expand(self.source.shape)
        return replace(self, source=silence)


AnyBench: TypeAlias = Bench[Any]
"""Whatever the folder is asked."""
