"""What both models hear of one clip, and what a decoder is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.audio import Clip
from toolkit.oracle.asking import AnyReference, ScoredTokens, prefix_of
from toolkit.oracle.rows import a_second
from toolkit.oracle.search import Search, capped, with_beam
from toolkit.tasks.speech.target import HearingTarget, SpeechTarget
from toolkit.trial.bench import Bench

if TYPE_CHECKING:
    from torch import Tensor

HeardBench = Bench[HearingTarget]
SpeechBench = Bench[SpeechTarget]


@dataclass(frozen=True, kw_only=True)
class Heard:
    """One clip, what both models hear of it, and what a decoder is given."""

    clip: Clip
    waveform: Tensor
    source: Tensor
    """The network's input as fairseq makes it, shape (L,)."""
    own_source: Tensor
    """The same as the folder makes it."""
    tag: int | None
    search: Search
    """Greedy, and no longer than the clip can say."""
    found: ScoredTokens | None
    """What fairseq says; None where a decoder was not asked, and where there is none to ask."""
    prefix: tuple[int, ...]
    is_made: bool = False
    """Whether the waveform is what the model makes, of something else that it is given."""


def listen(
    bench: HeardBench, clip: Clip, *, tag: int | None, prefix: tuple[int, ...] | None
) -> Heard:
    """What both models hear of a clip.

    Args:
        bench: The models.
        clip: The audio.
        tag: Language tag to begin with, None where the task prepends none.
        prefix: What a decoder is given; None gives it what fairseq says by a greedy search.
    """
    import torch

    reference = bench.reference
    waveform = torch.from_numpy(clip.waveform)
    source = reference.front_end(waveform)
    once = with_beam(capped(bench.search, len(source), a_second(source)), 1)
    asked = prefix is None and reference.start_token is not None
    found = reference.search(source, once, tag)[0] if asked else None
    return Heard(
        clip=clip,
        waveform=waveform,
        source=source,
        own_source=bench.target.front_end(waveform),
        tag=tag,
        search=once,
        found=found,
        prefix=prefix_of(reference, found.tokens, tag) if found else _given(reference, prefix, tag),
    )


def _given(
    reference: AnyReference, prefix: tuple[int, ...] | None, tag: int | None
) -> tuple[int, ...]:
    """What a decoder is given of another clip; without one, the language of this clip."""
    return prefix_of(reference, (), tag) if reference.start_token is None else prefix or ()
