"""What is compared on which clip: much on few, a little on all, or everything on each."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from toolkit.trial.effort import (
    BEAMED,
    FULL,
    REPLAYED_FRAMES,
    SEARCHED,
    describe_effort,
    plan_effort,
)

FRAMES = st.lists(st.integers(1, 3000), min_size=1, max_size=40)


def replayed_of(frames):
    efforts = plan_effort(frames, thorough=False)
    return [length for length, effort in zip(frames, efforts, strict=True) if effort.replayed]


@given(frames=st.lists(st.integers(1, REPLAYED_FRAMES), min_size=1, max_size=40))
def test_modules_are_compared_on_the_shortest_the_longest_and_on_both_parities(frames):
    replayed = replayed_of(frames)
    assert {min(frames), max(frames)} <= set(replayed)
    assert {length % 2 for length in replayed} == {length % 2 for length in frames}
    assert len(replayed) <= 3


@given(frames=FRAMES)
def test_modules_are_not_compared_on_long_clips_where_there_are_short_ones(frames):
    short = [length for length in frames if length <= REPLAYED_FRAMES]
    assert replayed_of(frames) == replayed_of(short) if short else [min(frames)]


@given(frames=FRAMES)
def test_only_the_shortest_clips_are_searched_and_fewer_of_them_with_a_beam(frames):
    efforts = list(zip(frames, plan_effort(frames, thorough=False), strict=True))
    assert sorted(length for length, e in efforts if e.searched) == sorted(frames)[:SEARCHED]
    assert sorted(length for length, e in efforts if e.beamed) == sorted(frames)[:BEAMED]
    assert all(effort.searched for _, effort in efforts if effort.beamed)


@given(frames=FRAMES)
def test_the_pipeline_is_asked_about_searched_clips_but_for_long_ones(frames):
    efforts = list(zip(frames, plan_effort(frames, thorough=False), strict=True))
    piped = sorted(length for length, effort in efforts if effort.piped)
    asked = [length for length in sorted(frames)[:SEARCHED] if length <= REPLAYED_FRAMES]
    assert piped == (asked or [min(frames)])
    assert all(effort.searched for _, effort in efforts if effort.piped)


@given(frames=FRAMES)
def test_the_folder_itself_searches_where_modules_could_be_compared(frames):
    efforts = list(zip(frames, plan_effort(frames, thorough=False), strict=True))
    assert any(effort.generated for _, effort in efforts if effort.searched)
    for length, effort in efforts:
        assert effort.generated or length > REPLAYED_FRAMES
        assert effort.generated is effort.piped or not effort.searched


@given(frames=FRAMES)
def test_a_thorough_comparison_leaves_nothing_out(frames):
    assert set(plan_effort(frames, thorough=True)) == {FULL}


def test_up_to_two_clips_are_compared_in_every_way():
    assert plan_effort([49], thorough=False) == (FULL,)
    assert plan_effort([49, 30], thorough=False) == (FULL, FULL)


def test_what_is_going_to_be_done_is_said():
    frames = list(range(10, 34))
    assert describe_effort(plan_effort(frames, thorough=False)) == (
        "24 clips end to end, of them 2 module by module, 4 searched, 2 searched with a beam"
    )
    assert describe_effort(plan_effort([50], thorough=False)) == "1 clip in every way"
    assert describe_effort(plan_effort(frames, thorough=True)) == "24 clips, each in every way"
