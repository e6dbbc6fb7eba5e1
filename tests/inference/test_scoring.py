"""Modules answer to each other as far as the tensors in them do; names and values add to it."""

import pytest

from toolkit.inference.scoring import GAIN, NAME, Scores, Votes
from toolkit.inference.tree import kinds_of

NORM, BIAS, OTHER = kinds_of({"a.norm.weight": (4,), "a.norm.bias": (4,), "b.fc1.bias": (4,)})


def test_modules_agree_by_the_share_of_their_tensors_that_are_pairs() -> None:
    votes = Votes([(NORM, NORM), (BIAS, OTHER)])
    assert votes.agreement("a.norm", "a.norm") == pytest.approx(0.5)
    assert votes.agreement("a.norm", "b.fc1") == pytest.approx(0.5)
    assert votes.agreement("a.norm", "b") == pytest.approx(0.5)
    assert votes.agreement("x", "y") == 0


def test_a_pair_says_nothing_for_itself() -> None:
    votes = Votes([(NORM, NORM)])
    assert votes.agreement("a.norm", "a.norm", Votes([(NORM, NORM)])) == 0


def test_values_around_one_are_those_of_a_gain() -> None:
    scores = Scores((NORM, BIAS, OTHER), lambda name: name.endswith("weight"))
    assert scores.gain(NORM, NORM) == scores.gain(BIAS, OTHER) == 1
    assert scores.gain(NORM, BIAS) == -1
    assert scores.base(NORM, NORM) == pytest.approx(NAME + GAIN)
    assert Scores((NORM,), lambda _: None).gain(NORM, NORM) == 0
