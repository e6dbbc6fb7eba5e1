"""The figures of the package's shape, each with its ceiling and the bar that it nears."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.structure.cycles import Kind, find_cycles, read_imports
from tests.structure.sizes import count_any, files_over, function_lengths, percentile
from tests.structure.sources import Module
from tests.structure.words import count_words, outside_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
BARS = Path(__file__).with_name("bars.yaml")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number about all modules."""

    name: str
    value: int
    today: int
    """The ceiling: more than this fails."""
    bar: int | None
    """Where it is to be; None if no bar is set."""
    details: tuple[str, ...] = ()
    """What makes it up, where that can be listed."""

    @property
    def rises(self) -> bool:
        """Whether it is above its ceiling."""
        return self.value > self.today

    @property
    def is_reached(self) -> bool:
        """Whether it is where it is to be."""
        return self.bar is None or self.value <= self.bar


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A number, and what makes it up."""

    value: int
    details: tuple[str, ...] = ()


def read_bars() -> dict[str, Any]:
    """The ceilings, the bars and the words."""
    found: dict[str, Any] = yaml.safe_load(BARS.read_text(encoding="utf-8"))
    return found


def rooms_below(layer: str) -> set[str]:
    """The rooms that lie below one in the contract of layers."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    return set(layers[layers.index(layer) + 1 :])


def measure(modules: Sequence[Module], bars: Mapping[str, Any]) -> tuple[Figure, ...]:
    """All figures, in the order of their bars.

    Raises:
        ValueError: what is measured is not what has bars.
    """
    measured = {**_cycles(modules), **_sizes(modules), **_words(modules, bars["family_words"])}
    if set(measured) != set(bars["figures"]):
        raise ValueError(f"figures {sorted(measured)} must be those of bars.yaml")
    return tuple(
        Figure(name=name, value=measured[name].value, details=measured[name].details, **limits)
        for name, limits in bars["figures"].items()
    )


def _cycles(modules: Sequence[Module]) -> dict[str, Measured]:
    cycles = find_cycles(read_imports(modules))
    of_kind = {kind: [str(cycle) for cycle in cycles if cycle.kind is kind] for kind in Kind}
    return {
        "cycles of imports at module level": _listed(of_kind[Kind.MODULE]),
        "cycles with imports in functions": _listed(of_kind[Kind.FUNCTION]),
        "cycles with imports for type checking": _listed(of_kind[Kind.TYPE_CHECKING]),
    }


def _sizes(modules: Sequence[Module]) -> dict[str, Measured]:
    at = partial(percentile, function_lengths(modules))
    return {
        "median function, lines": Measured(value=at(50)),
        "95th percentile of functions, lines": Measured(value=at(95)),
        "files over 400 lines": _listed(files_over(modules, 400)),
        "uses of Any": Measured(value=count_any(modules)),
    }


def _words(modules: Sequence[Module], families: Mapping[str, Any]) -> dict[str, Measured]:
    outside = outside_of(modules, families["homes"])
    below = rooms_below("families")
    found = count_words(outside, families["words"])
    low = Counter({m.name: found[m.name] for m in outside if m.room in below})
    return {
        "family words below families": _counted(low),
        "family words anywhere outside of their homes": _counted(found),
    }


def _listed(items: Sequence[str]) -> Measured:
    return Measured(value=len(items), details=tuple(items))


def _counted(counts: Counter[str]) -> Measured:
    lines = tuple(f"{name} ({count})" for name, count in counts.most_common() if count)
    return Measured(value=sum(counts.values()), details=lines)
