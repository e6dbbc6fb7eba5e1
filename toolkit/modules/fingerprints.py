"""Rules where none are given: a tensor becomes the one that holds its very values."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from toolkit.core.counting import listed
from toolkit.core.errors import BadInput
from toolkit.diagnosis.provenance import fingerprint
from toolkit.mapping import Row, Rule
from toolkit.modules.planning import State, aliases, read_state

if TYPE_CHECKING:
    from torch import nn


def infer_rules(source: nn.Module, target: nn.Module) -> tuple[Row, ...]:
    """A rule for each tensor of the source, by values that no other tensor has.

    Of tensors with the same values, those of the same name belong together.

    Raises:
        BadInput: a tensor's values are found nowhere, or in several places.
    """
    given, held = _own(read_state(source)), _own(read_state(target))
    homes = defaultdict(list)
    for name, tensor in held.items():
        homes[fingerprint(tensor.cpu())].append(name)
    found = {name: homes[fingerprint(tensor.cpu())] for name, tensor in given.items()}
    certain = {name: _only(name, places) for name, places in found.items()}
    claimed = [place for place in certain.values() if place is not None]
    unclear = [n for n, place in certain.items() if place is None or claimed.count(place) > 1]
    if unclear:
        raise BadInput(
            f"`rules` must say what becomes of {listed([f'`{name}`' for name in unclear])}, as "
            "values alone do not: the same stand in no place or in several. Give rules, such as "
            '`{"encoder.layers.{i}.fc1.{weight|bias}": "layer.{i}.fc1.{weight|bias}"}`.'
        )
    return tuple(Rule(name, str(place)) for name, place in certain.items())


def _own(state: State) -> State:
    shared = aliases(state)
    return {name: tensor for name, tensor in state.items() if name not in shared}


def _only(name: str, places: list[str]) -> str | None:
    if name in places:
        return name
    return places[0] if len(places) == 1 else None
