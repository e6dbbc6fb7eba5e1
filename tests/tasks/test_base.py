"""A task is its levels as data: adding one is a row, leaving one out is said."""

from argparse import Namespace
from dataclasses import replace
from importlib import import_module

import pytest

from toolkit.core.measures import Level, Measure
from toolkit.tasks import LevelKind
from toolkit.tasks.speech_seq2seq import TASK


def level(error):
    measure = Measure(name="m", where="here", error=error, tolerance=0.5, unit="things", compared=1)
    return Level(name="whatever", measures=(measure,), summary="judged")


def kind(name, finding, judge):
    return LevelKind(name=name, finding=finding, judge=judge, judged_on="folder")


@pytest.fixture
def task():
    """A task of two levels, of which the second fails."""
    return replace(
        TASK,
        levels=(
            LevelKind(
                name="right", finding="weights", judge=lambda _: level(0), judged_on="folder"
            ),
            LevelKind(name="wrong", finding="padding", judge=lambda _: level(1), judged_on="clip"),
        ),
    )


def test_every_level_is_judged_in_order_under_its_own_name(task):
    assert [(one.name, one.verdict) for one in task.judge(Namespace(runs=()))] == [
        ("right", "pass"),
        ("wrong", "fail"),
    ]


def test_a_level_that_the_user_left_out_is_not_passed(task):
    right, wrong = task.judge(Namespace(runs=()), {"wrong": "--no-such-thing"})
    assert (right.verdict, wrong.verdict) == ("pass", "unverified")
    assert wrong.summary == "not compared, because `--no-such-thing` was given"


def test_a_level_says_what_its_findings_are_about(task):
    assert task.finding_kinds == {"right": "weights", "wrong": "padding"}


def test_a_level_that_a_task_does_not_have_is_an_error(task):
    with pytest.raises(KeyError, match="beam"):
        task.level("beam")


def test_no_level_has_two_names_and_none_is_listed_twice():
    assert len(set(TASK.level_names)) == len(TASK.levels) == 10


@pytest.mark.parametrize("name", ["target", "record", "run", "texts", "tokens", "deviations"])
def test_what_a_task_defers_is_there(name):
    given = getattr(TASK, name)
    module, function = (cell.cell_contents for cell in given.__closure__)
    assert callable(getattr(import_module(module), function))
