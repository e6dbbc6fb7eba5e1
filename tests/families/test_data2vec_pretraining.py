"""data2vec as it was pretrained, of every kind and era."""

from __future__ import annotations

import pytest

from tests.families.bare import Built
from tests.variants.bare_kinds import DATA2VEC_PRETRAINING_VARIANTS
from toolkit import inspect

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
