"""Rules where none are given: by shared values, and by structure where there are none."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.checkpoint.recipes import Recipe
from toolkit.core.counting import listed
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput
from toolkit.inference import Proposal, propose
from toolkit.mapping import Copy, Drop, Rule, Split, Transpose
from toolkit.modules.planning import Rules, State, aliases, read_state

if TYPE_CHECKING:
    from torch import nn

MARK = "it has one value at most, and the target has nothing like it"
ADVICE = (
    'Give rules, such as `{"encoder.layers.{i}.fc1.{weight|bias}": "layer.{i}.fc1.{weight|bias}"}`.'
)


@dataclass(frozen=True, kw_only=True)
class Inferred:
    """Rules, and what of them nobody gave."""

    rules: Rules
    assumed: tuple[Reason, ...] = ()
    """Tensors of the target that were put in place without their values telling, and on what
    evidence."""


def infer_rules(source: nn.Module, target: nn.Module) -> Inferred:
    """A rule for each tensor of the source; what nothing tells is never guessed.

    Raises:
        BadInput: what becomes of a tensor is ambiguous, or nothing, or no rule can say it.
    """
    given, held = _own(read_state(source)), _own(read_state(target))
    proposal = propose(given, held)
    marks = [name for name in proposal.unmatched_sources if given[name].numel() < 2]
    unclear = [*_unclear(proposal, marks)]
    if unclear:
        raise BadInput(f"`rules` must be given, as nothing tells {listed(unclear)}. {ADVICE}")
    return Inferred(
        rules=(
            *(_rule(match.recipe) for match in proposal),
            *(Drop(name, MARK) for name in marks),
        ),
        assumed=(
            *(
                Reason(name=name, because=f"made of `{match.recipe.sources[0]}`: {match.evidence}")
                for match in proposal
                if not match.by_value
                for name in match.recipe.targets
            ),
            *(Reason(name=name, because=f"dropped: {MARK}") for name in marks),
        ),
    )


def _own(state: State) -> State:
    shared = aliases(state)
    return {name: tensor.cpu() for name, tensor in state.items() if name not in shared}


def _unclear(proposal: Proposal, marks: Collection[str]) -> Iterator[str]:
    for ambiguity in proposal.ambiguous:
        yield f"which is which of {listed([f'`{name}`' for name in ambiguity.sources])}"
    for name in (name for name in proposal.unmatched_sources if name not in marks):
        yield f"what becomes of `{name}`"
    for match in proposal:
        several = len(match.recipe.targets) > 1
        if len(match.recipe.sources) > 1 or match.recipe.order or (several and match.recipe.axes):
            yield f"how `{match.recipe.targets[0]}` is made of one tensor"


def _rule(recipe: Recipe) -> Rule:
    (source,) = recipe.sources
    if len(recipe.targets) > 1:
        return Rule(source, recipe.targets, Split(len(recipe.targets)))
    op = Copy() if recipe.axes is None else Transpose(*recipe.axes)
    return Rule(source, recipe.targets[0], op)
