"""A fork's model beside fairseq's, which is given the fork's tensors by rows that may be wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolkit.checkpoint.recipes import Recipe
from toolkit.inference import Match

if TYPE_CHECKING:
    from torch import Tensor, nn

    from toolkit.oracle.whole import Heard

Load = Callable[[str], "Tensor"]
Rows = tuple[Match, ...]
SLOT = "{i}"
"""Stands for the number of a layer."""
BY_OUTPUT = "the fork's own modules give the same only so"
"""Evidence that only what models give is."""


@dataclass(frozen=True)
class Bench:
    """A family's model beside a fork's, and how both are asked."""

    model: nn.Module
    """The family's."""
    ask: Callable[[nn.Module, str | None], Heard]
    """Takes a model, and the module after whose call it may stop."""
    load: Load
    """Gives a tensor of the checkpoint."""
    fork: Heard
    """What the fork's model gave."""

    def heard(self, rows: Rows, until: str | None = None) -> Heard:
        """What the family's model gives with the weights that rows make."""
        import torch
        from torch import nn

        made: dict[str, Tensor] = {}
        for row in rows:
            given = [self.load(source) for source in row.recipe.sources]
            made.update(zip(row.recipe.targets, row.recipe.make(given), strict=True))
        with torch.no_grad():
            # Not the model's own: fairseq's knows no `assign`.
            nn.Module.load_state_dict(self.model, made, strict=False, assign=True)
            self.model.requires_grad_(False)
        return self.ask(self.model, until)


def exchanged(rows: Rows, exchange: Mapping[str, str]) -> Rows:
    """The rows with other targets.

    Args:
        rows: What is made of what.
        exchange: New targets by the old ones; all others stay.
    """

    def under(recipe: Recipe) -> Recipe:
        return replace(recipe, targets=tuple(exchange.get(name, name) for name in recipe.targets))

    return tuple(replace(row, recipe=under(row.recipe)) for row in rows)


def kind_of(name: str) -> str:
    """A name with its numbers left out: what is done in one layer is done in all."""
    return ".".join(SLOT if part.isdecimal() else part for part in name.split("."))
