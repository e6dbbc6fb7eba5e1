"""The level of features and heads fails where one of them differs, and only then."""

from __future__ import annotations

import math
from argparse import Namespace
from typing import Any

import pytest

from toolkit.core.coverage import Reason
from toolkit.tasks.features.clip import Choices
from toolkit.tasks.features.dynamic import DIVERSITY, NAMES, WANTING, outputs_level
from toolkit.trial.effort import Effort

HEADS = dict.fromkeys(NAMES, 1e-15)
TOLERANCE = 1e-9


def run(**changes: Any) -> Any:
    """What both models made of a clip, all of it right but for the changes."""
    right = {
        "clip": Namespace(name="one"),
        "effort": Effort(searched=False, beamed=False),
        "result": 1e-7,
        "result_float64": 1e-16,
        "result_noise": 1e-7,
        "heads": HEADS,
        "choices": Choices(other=0, compared=90, soft_perplexity=0.3),
    }
    return Namespace(**{**right, **changes})


def failing(*runs: Any) -> set[str]:
    level = outputs_level(runs, TOLERANCE)
    return {measure.name for measure in level.measures if measure.verdict == "fail"}


def test_right_outputs_pass_and_the_diversity_of_codes_is_a_deviation() -> None:
    level = outputs_level([run()], TOLERANCE)
    assert level.verdict == "deviation"
    assert {m.name for m in level.measures if m.verdict != "pass"} == {DIVERSITY}


@pytest.mark.parametrize("error", [1e-3, math.nan, math.inf])
@pytest.mark.parametrize("name", NAMES)
def test_every_head_counts(name: str, error: float) -> None:
    assert failing(run(), run(heads={**HEADS, name: error})) == {NAMES[name]}


def test_one_other_code_fails() -> None:
    assert failing(run(choices=Choices(other=1, compared=90))) == {"codes that are other ones"}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"result": 1e-2}, "float32 features"),
        ({"result_float64": 1e-3}, "float64 features"),
        ({"result_float64": math.nan}, "float64 features"),
    ],
)
def test_the_features_count(changes: dict[str, float], name: str) -> None:
    assert failing(run(**changes)) == {name}


def test_heads_that_a_folder_does_without_excuse_no_other_features() -> None:
    wanting = (Reason(name="final_proj", because="its class has none"),)
    alone = run(heads={**HEADS, "projected": math.inf})
    level = outputs_level([alone], TOLERANCE, wanting)
    assert level.verdict == "deviation"
    assert {m.name for m in level.measures if m.verdict != "pass"} == {WANTING}
    assert outputs_level([run(result_float64=1e-3)], TOLERANCE, wanting).verdict == "fail"
    assert failing(alone) == {NAMES["projected"]}


def test_a_comparison_without_any_replayed_clip_fails() -> None:
    nothing = run(effort=Effort(replayed=False), heads={}, choices=Choices())
    assert failing(nothing) == {"float64 features"}


def test_a_model_without_codes_is_asked_for_none() -> None:
    level = outputs_level([run(heads={"projected": 0.0}, choices=Choices())], TOLERANCE)
    assert [m.name for m in level.measures][2:] == [NAMES["projected"]]


def test_a_model_that_masks_nothing_has_no_loss_to_compare() -> None:
    heads = {name: error for name, error in HEADS.items() if name != "contrastive_loss"}
    assert failing(run(heads=heads)) == set()
