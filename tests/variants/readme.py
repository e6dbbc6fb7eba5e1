"""The tables of what converts, as README.md shows them."""

from __future__ import annotations

from collections.abc import Iterable

from tests.variants.ctc_kinds import CtcVariant
from tests.variants.kinds import Variant
from tests.variants.pretraining_kinds import PretrainingVariant


def readme_table(variants: Iterable[Variant | CtcVariant | PretrainingVariant]) -> str:
    """A line for each variant, with how its conversion ends."""
    rows = (f"| {variant.name} | {variant.ends} |" for variant in variants)
    return "\n".join(("| checkpoint | conversion |", "|---|---|", *rows)) + "\n"
