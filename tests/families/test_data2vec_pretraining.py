"""data2vec as it was pretrained, of every kind and era."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.families.bare import Built
from tests.variants.bare_kinds import DATA2VEC_PRETRAINING_VARIANTS
from toolkit import BadInput, convert, inspect

NORMS = "do_stable_layer_norm"
LOST = "data2vec as pretrained, no arguments"
PLAIN = "data2vec as pretrained"
PUBLISHED = "data2vec as pretrained, projection as published"


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(DATA2VEC_PRETRAINING_VARIANTS, tmp_path_factory)


@pytest.mark.parametrize(
    ("name", "projection"), [(PLAIN, "final_proj."), (PUBLISHED, "final_proj.0.")]
)
def test_the_teacher_and_its_projection_are_dropped_with_the_reason(
    name: str, projection: str, build: Built
) -> None:
    found = inspect(build(name))
    assert found.family == "data2vec_pretraining"
    dropped = {reason.name: reason.because for reason in found.dropped}
    assert set(dropped) == {f"{projection}weight", f"{projection}bias", "_ema"}
    assert all(dropped.values())


def test_the_order_of_norms_that_no_key_says_is_assumed_and_said(build: Built) -> None:
    said = {reason.name: reason.because for reason in inspect(build(LOST)).assumptions}
    assert "assumed False" in said[NORMS]
    assert "with several positional convolutions normalize after each block" in said[NORMS]
    assert NORMS not in {reason.name for reason in inspect(build(PLAIN)).assumptions}


def test_an_order_of_norms_that_is_named_is_no_assumption_and_is_not_written(
    build: Built, tmp_path: Path
) -> None:
    named = {NORMS: False}
    result = convert(build(LOST), tmp_path / "hf", verify=False, encoder_config=named)
    assert NORMS not in {reason.name for reason in result.assumptions}
    assert NORMS not in json.loads((tmp_path / "hf" / "config.json").read_text(encoding="utf-8"))


def test_another_order_of_norms_is_refused_as_no_class_has_both(
    build: Built, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="several positional convolutions, Wav2Vec2 one"):
        convert(build(LOST), tmp_path / "hf", verify=False, encoder_config={NORMS: True})
