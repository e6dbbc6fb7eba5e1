"""One proof in shards: what is planned over all clips, and how its parts become one again.

Whatever depends on all clips, such as which are searched and what a decoder is given, stands in the
plan, so that a shard measures of its clips what one run would.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from toolkit.audio import Outline
from toolkit.core.errors import BadInput, InternalError
from toolkit.core.pictures import ClipPicture, Edge, PairPicture
from toolkit.families import Derived
from toolkit.trial.bench import Run
from toolkit.trial.effort import Effort, in_order

UNLOADED = -1
"""Where a model fails that does not even load: before the first clip."""


@dataclass(frozen=True, kw_only=True)
class PlannedClip:
    """One clip, and what is done with it."""

    clip: Outline
    effort: Effort
    is_heard_again: bool
    """Whether its sound is part of the padded batch, or of what is compared after a reload."""


@dataclass(frozen=True, kw_only=True)
class ShardPlan:
    """Everything that depends on all clips."""

    address: str
    """Of the job, and of how it is cut."""
    clips: tuple[PlannedClip, ...]
    shards: tuple[tuple[int, ...], ...]
    """The numbers of each one's clips."""
    chosen: Mapping[str, Derived]
    """Values that the checkpoint leaves open, as the model itself finds them likely."""
    prefix: tuple[int, ...] | None
    """The longest that fairseq says of the clips that are searched, which a decoder is given of all
    others; None where none is."""
    drawn: tuple[str, ...]
    """Names of the clips whose modules are drawn."""

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The numbers of the clips in the order in which one run takes them."""
        return tuple(in_order([planned.effort for planned in self.clips]))


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A model that does not load or run."""

    at: int
    """Number of the clip that it fails on, or `UNLOADED`."""
    because: str


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What was drawn of some clips."""

    clips: tuple[ClipPicture, ...]
    pairs: tuple[PairPicture, ...]
    flow: tuple[Edge, ...]


@dataclass(frozen=True, kw_only=True)
class Shard:
    """What both models made of some of the clips."""

    address: str
    """Of its plan."""
    number: int
    runs: Mapping[int, Run]
    """By the numbers of the clips."""
    drawing: Drawing
    source_sha256: str | None
    """Of the checkpoint that was asked."""
    target_sha256: str | None
    """Of the folder's files together."""
    failure: Failure | None = None


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What both models made of all clips."""

    runs: tuple[Run, ...]
    """In the order of the clips; none where a model fails."""
    drawing: Drawing
    source_sha256: str | None
    target_sha256: str | None
    failure: Failure | None = None
    """What one run would have met first."""


def deal(
    clips: Sequence[Outline], efforts: Sequence[Effort], most: int
) -> tuple[tuple[int, ...], ...]:
    """The numbers of each shard's clips, of at most so many: of what takes long each has its part.

    Args:
        clips: All clips.
        efforts: What is done on each.
        most: Clips of a shard.
    """

    def work(number: int) -> tuple[bool, bool, bool, int]:
        effort = efforts[number]
        return effort.beamed, effort.searched, effort.replayed, clips[number].num_samples

    shards = -(-len(clips) // most)
    longest_first = sorted(range(len(clips)), key=work, reverse=True)
    return tuple(tuple(sorted(longest_first[first::shards])) for first in range(shards))


def merge(plan: ShardPlan, shards: Sequence[Shard]) -> Merged:
    """What one run would have made of all clips.

    Raises:
        InternalError: a shard or a clip is lost, doubled, or of another plan.
        BadInput: the checkpoint or the folder changed between shards, or fairseq says something
            else when it is asked again.
    """
    _expect_each_once(plan, shards)
    expect_unchanged({shard.source_sha256 for shard in shards}, "checkpoint")
    expect_unchanged({shard.target_sha256 for shard in shards}, "folder")
    failure = _maybe_first_failure(plan, shards)
    return Merged(
        runs=_all_runs(plan, shards) if failure is None else (),
        drawing=_joined(plan, shards),
        source_sha256=shards[0].source_sha256,
        target_sha256=shards[0].target_sha256,
        failure=failure,
    )


def expect_unchanged(digests: Collection[str | None], what: str) -> None:
    """Makes sure that all shards heard the same.

    Args:
        digests: What each had.
        what: What they are the digests of.

    Raises:
        BadInput: they are several.
    """
    if len(digests) > 1:
        raise BadInput(
            f"The {what} must stay as it is until all of its clips are heard, but had "
            f"{len(digests)} contents meanwhile. Begin again when it is whole."
        )


def _maybe_first_failure(plan: ShardPlan, shards: Sequence[Shard]) -> Failure | None:
    """What one run would have met first, if any shard failed."""
    place = {number: at for at, number in enumerate((UNLOADED, *plan.order))}
    failures = [shard.failure for shard in shards if shard.failure is not None]
    return min(failures, key=lambda failure: place[failure.at], default=None)


def _all_runs(plan: ShardPlan, shards: Sequence[Shard]) -> tuple[Run, ...]:
    found = {number: run for shard in shards for number, run in shard.runs.items()}
    _expect_each_clip(plan, shards, found)
    runs = tuple(found[number] for number in range(len(plan.clips)))
    _expect_same_prefix(plan, runs)
    return runs


def _expect_each_once(plan: ShardPlan, shards: Sequence[Shard]) -> None:
    found = sorted(shard.number for shard in shards)
    if found != list(range(len(plan.shards))):
        raise InternalError(
            f"shards 0 to {len(plan.shards) - 1} must be there once each, but these are: {found}"
        )
    for shard in shards:
        if shard.address != plan.address:
            raise InternalError(f"shard {shard.number} must be of this plan, but is of another")


def _expect_each_clip(plan: ShardPlan, shards: Sequence[Shard], found: Mapping[int, Run]) -> None:
    counts = Counter(number for shard in shards for number in shard.runs)
    wrong = [number for number in range(len(plan.clips)) if counts[number] != 1]
    if wrong or len(counts) != len(plan.clips):
        raise InternalError(
            f"each of {len(plan.clips)} clips must be in one shard, but those numbered {wrong} are "
            f"not, and {len(counts)} are there"
        )
    for number, run in found.items():
        clip = plan.clips[number].clip
        if (run.clip.name, run.clip.sha256) != (clip.name, clip.sha256):
            raise InternalError(f"clip {number} must be `{clip.name}`, but is `{run.clip.name}`")


def _expect_same_prefix(plan: ShardPlan, runs: Sequence[Run]) -> None:
    if plan.prefix is None:
        return
    searched = [runs[number].prefix for number in plan.order if runs[number].effort.searched]
    if max(searched, key=len) != plan.prefix:
        raise BadInput(
            "fairseq must say of a clip what it said when the shards were planned, but says "
            "something else. Run all shards on machines of one kind."
        )


def _joined(plan: ShardPlan, shards: Sequence[Shard]) -> Drawing:
    """Everything that was drawn, in the order in which one run draws it."""
    place = {number: at for at, number in enumerate(plan.order)}
    named = {plan.clips[number].clip.name: at for number, at in place.items()}

    def begins(shard: Shard) -> int:
        replayed = (n for n in plan.shards[shard.number] if plan.clips[n].effort.replayed)
        return min(place[number] for number in replayed)

    clips = [clip for shard in shards for clip in shard.drawing.clips]
    pairs = [pair for shard in shards for pair in shard.drawing.pairs]
    first = min((shard for shard in shards if shard.drawing.flow), key=begins, default=None)
    return Drawing(
        clips=tuple(sorted(clips, key=lambda clip: named[clip.name])),
        pairs=tuple(sorted(pairs, key=lambda pair: named[pair.clip])),
        flow=() if first is None else first.drawing.flow,
    )
