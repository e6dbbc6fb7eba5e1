"""What a comparison needs to know of fairseq's model beside the calls that were recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

from toolkit.replay.pairs import Layout, module_paths

if TYPE_CHECKING:
    from torch import nn


class Source(Protocol):
    """fairseq's model, or what was written down of it."""

    def get_submodule(self, target: str) -> Any:
        """The module at a path, or an object with its recorded numbers."""
        ...


@dataclass(frozen=True, kw_only=True)
class SourceFacts:
    """The paths of fairseq's modules, and the numbers that layouts ask for."""

    paths: tuple[str, ...]
    numbers: Mapping[str, float]
    """By path, such as `decoder.embed_scale`."""

    def get_submodule(self, target: str) -> Any:
        """An object with the numbers of one module."""
        prefix = f"{target}."
        named = {k.removeprefix(prefix): v for k, v in self.numbers.items() if k.startswith(prefix)}
        return SimpleNamespace(**named)


def read_source(model: nn.Module, layouts: Iterable[Layout]) -> SourceFacts:
    """The facts of a model that is at hand."""
    wanted = {layout.scaled_by for layout in layouts if layout.scaled_by is not None}
    return SourceFacts(
        paths=module_paths(model), numbers={path: _number(model, path) for path in sorted(wanted)}
    )


def _number(model: nn.Module, path: str) -> float:
    module, _, name = path.rpartition(".")
    return float(getattr(model.get_submodule(module), name))
