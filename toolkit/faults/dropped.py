"""Modules that conversion scripts have dropped without a word: saved as a new model has them.

Such scripts load what they have with `strict=False` into a model, and save all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from toolkit.core.breakable import Droppable
from toolkit.faults import weights
from toolkit.faults.facts import Facts, Place
from toolkit.faults.fault import Fault
from toolkit.faults.single_tensors import changed, seed_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Change: TypeAlias = Callable[[Tensor], Tensor]

OFFSET = 2
"""Rows before the first position, which some models have and others add by themselves."""


def dropped_faults(facts: Facts) -> Iterator[Fault]:
    """Each module that can be dropped as a whole, and each table of positions off by its offset."""
    for item in facts.breakable.droppable:
        for module in dict.fromkeys(place.module for place in facts.places):
            if re.fullmatch(item.modules, module):
                yield from _faults_of(module, item, facts)


def _faults_of(module: str, item: Droppable, facts: Facts) -> Iterator[Fault]:
    places = [place for place in facts.places if place.module == module]
    fresh = {place.name: _as_new(place) for place in places}
    yield changed(facts, f"{item.name}_dropped", fresh, "not_filled", where=module)
    if item.is_table:
        shift = partial(weights.shift_rows, by=-OFFSET)
        shifted = dict.fromkeys((place.name for place in places), shift)
        yield changed(facts, f"{item.name}_shifted", shifted, "rows_shifted", where=module)


def _as_new(place: Place) -> Change:
    if len(place.shape) > 1:
        return partial(weights.fresh_values, seed=seed_of(f"dropped {place.name}"))
    return partial(weights.fill_values, value=float(place.name.endswith(".weight")))
