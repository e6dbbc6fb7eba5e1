"""Every kind of XMTransformer that fairseq builds converts exactly, or is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.variants.examining import Examination, examine
from tests.variants.kinds import MORE_CLEAN, VARIANTS, Variant

EVERY = 60
"""One in so many variants is examined in CI, the first by `make test`, the rest is `slow`."""


def _marks(number: int) -> tuple[pytest.MarkDecorator, ...]:
    if number % EVERY:
        return (pytest.mark.slow,)
    return (pytest.mark.wide,) if number else ()


def _examined() -> list[object]:
    return [
        pytest.param(variant, id=variant.name, marks=_marks(number))
        for number, variant in enumerate((*VARIANTS, *MORE_CLEAN))
    ]


@pytest.mark.parametrize("variant", _examined())
def test_a_variant_is_exact_or_refused_and_a_fault_in_it_is_found(
    variant: Variant, tmp_path: Path
) -> None:
    found = examine(variant, tmp_path)
    assert found.ended == variant.ends
    if "exact" in variant.ends:
        assert (found.failed, found.clean_findings) == ((), ())
        assert found.blamed == variant.broken
        assert found.logits <= 1e-6
        assert found.padded <= 1e-6 or found.deviations
    if variant.ends == "bundled exact":
        assert found.deviations == ()


def test_the_fast_part_has_native_and_bundled_variants() -> None:
    fast = (*VARIANTS, *MORE_CLEAN)[::EVERY]
    assert {"native exact", "bundled exact"} <= {variant.ends for variant in fast}


def test_few_variants_are_refused() -> None:
    assert sum(variant.ends.startswith("refused") for variant in VARIANTS) <= 2


def test_a_wrong_ending_would_be_noticed(tmp_path: Path) -> None:
    (swish,) = (v for v in VARIANTS if v.ends.startswith("refused"))
    assert examine(swish, tmp_path).ended == "refused: args.activation_fn"


def test_there_are_thirty_clean_conversions() -> None:
    assert sum("exact" in v.ends for v in (*VARIANTS, *MORE_CLEAN)) >= 30


def test_the_printed_table_has_what_was_found() -> None:
    found = Examination(
        ended="native exact",
        deviations=("unmasked_adapter",),
        failed=(),
        clean_findings=(),
        blamed="encoder",
        logits=2e-7,
        padded=0.1,
    )
    row = found.row(VARIANTS[0])
    assert "v0, equal widths" in row
    assert "native exact" in row
    assert "unmasked_adapter" in row
