"""Right conversions as released versions of transformers save them again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import toolkit
from tests.judged.judging import Judge, open_judge
from tests.released.environments import RELEASES, Released, open_environment
from tests.variants.building import build_variant
from tests.variants.kinds import MORE_CLEAN, VARIANTS
from toolkit.audio import golden_folder
from toolkit.oracle.quiet import quiet_fairseq

GOLDEN = "golden"
RECIPES = (
    "model",
    "model as bin",
    "model in shards",
    "model in shards as bin",
    "tokenizer",
    "feature extractor",
    "processor",
    "configurations",
    "model and processor",
    "model, tokenizer and feature extractor",
    "saved twice",
    "trainer",
    "trainer's checkpoint",
)
"""Of `under/resave.py`, all on the golden conversion."""
OTHERS = (
    "untied output",
    "post-norm decoder",
    "group-norm extractor, post-LN encoder",
    "float16 weights",
    "tags as [xx_XX]",
)
"""Variants whose conversions are saved in a few ways only."""
FEW = ("model", "model as bin", "model and processor")


@dataclass(frozen=True, kw_only=True)
class Saved:
    """One folder to judge."""

    version: str
    base: str
    recipe: str

    @property
    def name(self) -> str:
        """As tests show it."""
        return f"{self.version}, {self.base}, {self.recipe}"


def all_saved() -> Iterator[Saved]:
    """Every version, conversion and recipe."""
    for version in RELEASES:
        for base, recipes in ((GOLDEN, RECIPES), *((other, FEW) for other in OTHERS)):
            for recipe in recipes:
                yield Saved(version=version, base=base, recipe=recipe)


class Workshop:
    """Makes conversions, recordings and re-saved folders, each once."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.judge = cache(self._judge)
        self._saved = cache(self._save)

    def folder(self, saved: Saved) -> Path:
        """The folder of one case."""
        return self._saved(saved.version, saved.base) / saved.recipe

    def _checkpoint(self, base: str) -> Path:
        if base == GOLDEN:
            return golden_folder() / "checkpoint" / "model.pt"
        place = self._place / base
        if not place.exists():
            place.mkdir(parents=True)
            (variant,) = (one for one in (*VARIANTS, *MORE_CLEAN) if one.name == base)
            with quiet_fairseq():
                build_variant(variant, golden_folder() / "checkpoint", place)
        return place / "model.pt"

    def _judge(self, base: str) -> Judge:
        return open_judge(self._checkpoint(base), self._place / f"{base}, recorded")

    def _save(self, version: str, base: str) -> Path:
        converted = self._place / f"{base}, converted"
        if not converted.exists():
            toolkit.convert(self._checkpoint(base), converted, verify=False)
        out = self._place / f"{base}, {version}"
        out.mkdir()
        environment: Released = open_environment(version)
        recipes = RECIPES if base == GOLDEN else FEW
        environment.run("resave.py", converted, out, *recipes, cwd=self._place)
        return out
