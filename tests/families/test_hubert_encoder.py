"""HuBERT without its projection: stock classes, or padded batches as fairseq has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.families.bare import Built, check_exact, converted, refused
from tests.families.exactness import CLIPS
from tests.variants.bare_kinds import BARE_HUBERT_VARIANTS
from tests.variants.pretraining_kinds import PretrainingVariant
from toolkit import convert, diff, inspect
from toolkit.core.errors import BadInput
from toolkit.pipeline.faulting import faults

PLAIN = "HuBERT's encoder, batch norm"


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(BARE_HUBERT_VARIANTS, tmp_path_factory)


@pytest.mark.parametrize("name", converted(BARE_HUBERT_VARIANTS, (PLAIN,)))
def test_every_variant_converts_exactly(name: str, build: Built, tmp_path: Path) -> None:
    result = convert(build(name), tmp_path / "hf", verify=True, audio=CLIPS)
    check_exact(result, counts_otherwise=True)


def test_the_folder_can_carry_what_padded_batches_need(build: Built, tmp_path: Path) -> None:
    import transformers

    proof = convert(build(PLAIN), tmp_path / "hf", verify=True, audio=CLIPS, exact_padding=True)
    check_exact(proof)
    assert proof.deviations == ()
    model = transformers.AutoModel.from_pretrained(tmp_path / "hf", trust_remote_code=True)
    assert not hasattr(model, "final_proj")
    result = diff(build(PLAIN), tmp_path / "hf", audio=CLIPS[:2])
    assert (result.verdict, result.findings, result.notes) == ("match", (), ())


def test_the_family_is_known_by_what_is_left(build: Built) -> None:
    for name in (PLAIN, "HuBERT's encoder, no arguments but its classes"):
        found = inspect(build(name))
        assert found.family == "hubert_encoder"
        assert (found.unknown, found.refusals, found.sidecars) == ((), (), {})


@pytest.mark.parametrize("variant", refused(BARE_HUBERT_VARIANTS), ids=lambda v: v.name)
def test_what_no_class_computes_is_refused_by_name(
    variant: PretrainingVariant, build: Built, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=f"{variant.ends.partition(': ')[2]}`: .*Hubert"):
        convert(build(variant.name), tmp_path / "hf", verify=False)


@pytest.mark.slow
def test_every_fault_is_found_and_blamed_first_and_alone(build: Built) -> None:
    result = faults(build(PLAIN))
    assert len(result.singles) >= 200
    assert [o.name for o in result.singles if not (o.detected and o.blamed)] == []
    assert [o.name for o in result.doubles if not o.both] == []
    assert result.extras == {}
    assert result.noted.right == result.noted.total > 0
