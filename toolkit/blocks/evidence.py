"""What names and shapes of tensors say, and how a configuration value is known."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonObject
from toolkit.core.settled import Trial
from toolkit.core.spec import TensorSpec

MISSING = object()
"""The value of a field that neither tensors nor arguments give."""


@dataclass(frozen=True, kw_only=True)
class Derived:
    """One value of a configuration, and how it is known."""

    value: Any
    evidence: str
    candidates: tuple[object, ...] = ()
    """Values that are possible as well, where the value is assumed; empty where it is known."""
    shown_by: str | None = None
    """The smallest target module that computes something else with another value, where there are
    candidates; None where no module does."""
    trials: tuple[Trial, ...] = ()
    """What was held against a recording to choose the value."""
    is_written: bool = True
    """Whether `config.json` has it; False for one that chose a class which has no key for it."""


@dataclass(frozen=True)
class Facts:
    """What names and shapes of the tensors say."""

    tensors: Mapping[str, TensorSpec]
    """Those of the whole checkpoint, by name."""
    prefix: str = ""
    """What every name that is asked for begins with in the checkpoint."""

    def under(self, prefix: str) -> Facts:
        """What the tensors behind a prefix say, by names without it."""
        return Facts(self.tensors, self.prefix + prefix)

    def name(self, name: str) -> str:
        """The whole name in the checkpoint."""
        return self.prefix + name

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all tensors behind the prefix, without it."""
        found = (name for name in self.tensors if name.startswith(self.prefix))
        return tuple(name.removeprefix(self.prefix) for name in found)

    def has(self, name: str) -> bool:
        """Whether there is a tensor of that name."""
        return self.name(name) in self.tensors

    def has_under(self, prefix: str) -> bool:
        """Whether there is a tensor whose name begins so."""
        return any(name.startswith(self.name(prefix)) for name in self.tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor.

        Raises:
            BadInput: there is no such tensor.
        """
        if not self.has(name):
            raise BadInput(
                f"`{self.name(name)}` must be in a checkpoint of this family, but is not. "
                "Look at `toolkit inspect` for what the file holds."
            )
        return self.tensors[self.name(name)].shape

    def count(self, prefix: str) -> int:
        """How many consecutive indices follow `prefix`, from 0."""
        indices = self._indices(prefix)
        return next(i for i in range(len(indices) + 1) if i not in indices)

    def holes(self, prefix: str) -> Iterator[Reason]:
        """Why layers whose numbers have holes cannot be converted."""
        indices = self._indices(prefix)
        missing = [str(i) for i in range(max(indices, default=-1)) if i not in indices]
        if missing:
            yield Reason(
                name=self.name(prefix.removesuffix(".")),
                because=f"{len(indices)} layers are there, numbered up to {max(indices)}, without "
                f"{', '.join(missing)}: they were pruned, as after training with LayerDrop. Number "
                "them from 0 first, as fairseq's `prune_state_dict` does for `encoder_layers_to_keep`",
            )

    def _indices(self, prefix: str) -> set[int]:
        pattern = re.compile(re.escape(self.name(prefix)) + r"(\d+)\.")
        return {int(m[1]) for m in map(pattern.match, self.tensors) if m}

    def shaped(self, value: object, name: str) -> Derived:
        """A value read off a tensor's shape."""
        return Derived(value=value, evidence=f"shape of {self.name(name)}")

    def counted(self, value: object, name: str) -> Derived:
        """A value read off how many tensors there are."""
        return Derived(value=value, evidence=f"number of {self.name(name)}")

    def present(self, value: object, name: str) -> Derived:
        """A value read off whether a tensor is there."""
        return Derived(value=value, evidence=f"presence of {self.name(name)}")


def hard_coded(value: object, evidence: str) -> Derived:
    """A value that every checkpoint of the kind has."""
    return Derived(value=value, evidence=evidence)


def argued(group: JsonObject, name: str, where: str, default: object = MISSING) -> Derived:
    """A value of fairseq's arguments, or fairseq's default where it is absent."""
    if name in group:
        return Derived(value=group[name], evidence=f"{where}.{name}")
    if default is MISSING:
        return Derived(value=MISSING, evidence=f"{where}.{name}")
    return Derived(value=default, evidence=f"fairseq's default, as {where}.{name} is absent")
