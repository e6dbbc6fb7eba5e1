"""However clips are dealt out, what was measured of them becomes one again, or nothing does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.audio import Outline
from toolkit.core.errors import BadInput, InternalError
from toolkit.core.pictures import ClipPicture, Edge, PairPicture
from toolkit.pipeline.shards import (
    UNLOADED,
    Drawing,
    Failure,
    PlannedClip,
    Shard,
    ShardPlan,
    deal,
    merge,
)
from toolkit.trial.bench import Run
from toolkit.trial.effort import plan_effort

BRIEF = settings(max_examples=30)
COUNT = 7
FRAMES = (30, 12, 55, 41, 8, 90, 23)
EFFORTS = plan_effort(FRAMES, thorough=False)
PREFIX = (2, 7, 7, 7)
CLIPS = tuple(
    Outline(name=f"clip {number}", num_samples=320 * frames, sha256=f"{number}")
    for number, frames in enumerate(FRAMES)
)


def said(number: int) -> tuple[int, ...]:
    """What fairseq says of a clip that is searched: of one of them as much as of all others."""
    searched = [n for n in range(COUNT) if EFFORTS[n].searched]
    return PREFIX[: 2 + (number == searched[-1]) * 2] if EFFORTS[number].searched else PREFIX


RUNS = tuple(
    Run(
        clip=CLIPS[number],
        source=torch.full((320 * FRAMES[number],), float(number)),
        prefix=said(number),
        frames=FRAMES[number],
        pairs=(),
        effort=EFFORTS[number],
    )
    for number in range(COUNT)
)


def plan_of(shards: Sequence[Sequence[int]]) -> ShardPlan:
    return ShardPlan(
        address="a",
        clips=tuple(
            PlannedClip(clip=clip, effort=effort, is_heard_again=True)
            for clip, effort in zip(CLIPS, EFFORTS, strict=True)
        ),
        shards=tuple(map(tuple, shards)),
        chosen={},
        prefix=PREFIX,
        drawn=(),
    )


def shards_of(plan: ShardPlan) -> list[Shard]:
    """What each process would give: it takes its clips in the order of the plan."""
    return [shard_of(plan, number) for number in range(len(plan.shards))]


def shard_of(plan: ShardPlan, number: int) -> Shard:
    own = [clip for clip in plan.order if clip in plan.shards[number]]
    replayed = [CLIPS[clip].name for clip in own if EFFORTS[clip].replayed]
    pairs = [PairPicture(target=t, clip=c, along="T", positions=1) for c in replayed for t in "ab"]
    return Shard(
        address="a",
        number=number,
        runs={clip: RUNS[clip] for clip in own},
        drawing=Drawing(
            clips=tuple(ClipPicture(name=CLIPS[clip].name, duration_s=1.0) for clip in own),
            pairs=tuple(pairs),
            flow=tuple(Edge(giver=name, taker="b") for name in replayed[:1]),
        ),
        source_sha256="s",
        target_sha256="t",
    )


ONE = plan_of([range(COUNT)])


@st.composite
def partitions(draw: st.DrawFn) -> list[list[int]]:
    """Clips in any order, cut anywhere."""
    clips = draw(st.permutations(range(COUNT)))
    cuts = sorted(draw(st.sets(st.integers(1, COUNT - 1))))
    return [clips[i:j] for i, j in zip([0, *cuts], [*cuts, COUNT], strict=True)]


@BRIEF
@given(partitions(), st.randoms())
def test_any_partition_in_any_order_gives_what_one_run_gives(parts, random) -> None:
    shards = shards_of(plan_of(parts))
    random.shuffle(shards)
    found, expected = merge(plan_of(parts), shards), merge(ONE, shards_of(ONE))
    assert [id(run) for run in found.runs] == [id(run) for run in RUNS]
    assert found.drawing == expected.drawing
    assert found.failure is None


@BRIEF
@given(partitions().filter(lambda parts: len(parts) > 1), st.data())
def test_a_shard_that_is_lost_or_doubled_is_refused(parts, data) -> None:
    plan = plan_of(parts)
    shards = shards_of(plan)
    at, other = data.draw(st.sampled_from(two_of(len(shards))))
    for wrong in (
        shards[:at] + shards[at + 1 :],
        [*shards, shards[at]],
        [*shards[:at], shards[other], *shards[at + 1 :]],
        [*shards[:at], replace(shards[other], number=at), *shards[at + 1 :]],
    ):
        with pytest.raises(InternalError, match="must be"):
            merge(plan, wrong)


def two_of(count: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(count) for j in range(count) if i != j]


@BRIEF
@given(partitions(), st.integers(0, COUNT - 1))
def test_a_clip_that_is_lost_is_refused(parts, clip) -> None:
    shards = [
        replace(shard, runs={n: run for n, run in shard.runs.items() if n != clip})
        for shard in shards_of(plan_of(parts))
    ]
    with pytest.raises(InternalError, match=rf"those numbered \[{clip}\] are not"):
        merge(plan_of(parts), shards)


@BRIEF
@given(partitions(), st.sets(st.integers(0, COUNT - 1), min_size=1))
def test_of_several_failures_the_one_counts_that_one_run_would_meet(parts, failing) -> None:
    plan = plan_of(parts)
    shards = []
    for shard in shards_of(plan):
        at = next((n for n in shard.runs if n in failing), None)
        failure = None if at is None else Failure(at=at, because=f"{at}")
        runs = {n: run for n, run in shard.runs.items() if n != at}
        shards.append(replace(shard, runs=runs, failure=failure))
    first = next(number for number in plan.order if number in failing)
    assert merge(plan, shards).failure == Failure(at=first, because=f"{first}")
    assert merge(plan, shards).runs == ()
    shards[-1] = replace(shards[-1], failure=Failure(at=UNLOADED, because="it does not load"))
    assert merge(plan, shards).failure.because == "it does not load"


PARTS = plan_of([[0, 1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"source_sha256": "other"}, BadInput, "The checkpoint must stay as it is"),
        ({"target_sha256": "other"}, BadInput, "The folder must stay as it is"),
        ({"address": "b"}, InternalError, "must be of this plan"),
        ({"runs": {n: RUNS[n - 1] for n in (4, 5, 6)}}, InternalError, "clip 4 must be `clip 4`"),
        (
            {"runs": {n: replace(RUNS[n], prefix=(*PREFIX, 9)) for n in (4, 5, 6)}},
            BadInput,
            "must say of a clip what it said",
        ),
    ],
)
def test_what_was_measured_of_anything_else_is_refused(changed, error, said: str) -> None:
    first, second = shards_of(PARTS)
    with pytest.raises(error, match=said):
        merge(PARTS, [first, replace(second, **changed)])


@BRIEF
@given(st.lists(st.integers(1, 99), min_size=1, max_size=30), st.integers(1, 12))
def test_no_shard_has_more_clips_than_asked_for_and_none_gets_all_the_work(frames, most) -> None:
    efforts = plan_effort(frames, thorough=False)
    clips = [Outline(name=f"{n}", num_samples=n, sha256="") for n in frames]
    shards = deal(clips, efforts, most)
    assert sorted(clip for shard in shards for clip in shard) == list(range(len(frames)))
    assert max(map(len, shards)) <= most
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
    beamed = [sum(efforts[clip].beamed for clip in shard) for shard in shards]
    assert max(beamed) - min(beamed) <= 1


def test_who_asks_a_clip_for_its_sound_once_more_gets_nothing_that_agrees() -> None:
    run = RUNS[0].without_sound()
    assert run.source.isnan().all()
    assert run.source.shape == RUNS[0].source.shape
    assert run.source.untyped_storage().nbytes() == 4
    assert replace(run, source=RUNS[0].source) == RUNS[0]
