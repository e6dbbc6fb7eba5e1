"""data2vec as it was pretrained, of every kind and era."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.families.bare import Built, check_exact, converted, refused
from tests.families.exactness import CLIPS
from tests.variants.bare_kinds import DATA2VEC_PRETRAINING_VARIANTS
from tests.variants.pretraining_kinds import PretrainingVariant
from toolkit import convert, diff, inspect
from toolkit.core.errors import BadInput
from toolkit.core.result import Result
from toolkit.pipeline.faulting import faults

PLAIN = "data2vec as pretrained"
PUBLISHED = "data2vec as pretrained, projection as published"

Plain = tuple[Path, Path, Result]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(DATA2VEC_PRETRAINING_VARIANTS, tmp_path_factory)


@pytest.fixture(scope="module")
def plain(build: Built, tmp_path_factory: pytest.TempPathFactory) -> Plain:
    """A checkpoint, its conversion and the proof; read them, never write to them."""
    folder = tmp_path_factory.mktemp("plain") / "hf"
    checkpoint = build(PLAIN)
    return checkpoint, folder, convert(checkpoint, folder, verify=True, audio=CLIPS)


@pytest.mark.parametrize("name", converted(DATA2VEC_PRETRAINING_VARIANTS, ()))
def test_every_variant_converts_exactly(name: str, build: Built, tmp_path: Path) -> None:
    check_exact(convert(build(name), tmp_path / "hf", verify=True, audio=CLIPS))


def test_a_right_folder_gives_no_finding(plain: Plain) -> None:
    checkpoint, folder, proof = plain
    check_exact(proof)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["Data2VecAudioModel"]
    result = diff(checkpoint, folder, audio=CLIPS[:2])
    assert (result.verdict, result.findings, result.notes) == ("match", (), ())


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


@pytest.mark.parametrize("variant", refused(DATA2VEC_PRETRAINING_VARIANTS), ids=lambda v: v.name)
def test_what_no_class_computes_is_refused_by_name(
    variant: PretrainingVariant, build: Built, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=f"{variant.ends.partition(': ')[2]}`: "):
        convert(build(variant.name), tmp_path / "hf", verify=False)


@pytest.mark.slow
def test_every_fault_is_found_and_blamed_first_and_alone(build: Built) -> None:
    result = faults(build(PLAIN))
    assert len(result.singles) >= 200
    assert [o.name for o in result.singles if not (o.detected and o.blamed)] == []
    assert [o.name for o in result.doubles if not o.both] == []
    assert result.extras == {}
    assert result.noted.right == result.noted.total > 0
