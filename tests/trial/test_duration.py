"""How long a comparison will take is said beforehand, and grows with the work."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.trial.duration import (
    Size,
    Speed,
    describe_seconds,
    estimate_seconds,
    measure_speed,
)
from toolkit.trial.effort import FULL, NOTHING, plan_effort

SPEED = Speed(multiplications_per_s=20e9, read_per_s=2e9)
SIZE = Size(per_frame=280_000_000, per_token=400_000_000, frames=[590] * 24, tokens=[200] * 24)


@given(frames=st.lists(st.integers(1, 3000), min_size=1, max_size=30))
def test_a_thorough_comparison_takes_no_less_than_the_default(frames):
    size = replace(SIZE, frames=frames, tokens=[100] * len(frames))
    default, thorough = (
        estimate_seconds(size, plan_effort(frames, thorough=thorough), SPEED)
        for thorough in (False, True)
    )
    assert 0 < default <= thorough


@pytest.mark.parametrize(
    "changed",
    [
        {"per_frame": SIZE.per_frame * 2},
        {"per_token": SIZE.per_token * 2},
        {"frames": [600] * 24},
        {"tokens": [201] * 24},
    ],
)
def test_more_work_takes_longer(changed):
    efforts = [FULL] * 24
    more = replace(SIZE, **changed)
    assert estimate_seconds(more, efforts, SPEED) > estimate_seconds(SIZE, efforts, SPEED)


def test_a_machine_that_is_twice_as_fast_takes_half_as_long():
    fast = Speed(multiplications_per_s=40e9, read_per_s=4e9)
    efforts = [FULL, *[NOTHING] * 23]
    slow = estimate_seconds(SIZE, efforts, SPEED)
    assert estimate_seconds(SIZE, efforts, fast) == pytest.approx(slow / 2)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(59.9, ""), (60.0, "; about 1 min"), (250, "; about 5 min")],
)
def test_minutes_are_said_and_seconds_are_not(seconds, said):
    assert describe_seconds(seconds) == said


def test_the_speed_of_this_machine_is_measured():
    speed = measure_speed()
    assert speed.multiplications_per_s > speed.read_per_s > 1e6
