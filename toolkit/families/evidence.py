"""What names and shapes of tensors say, and how a configuration value is known."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from toolkit.checkpoint import Checkpoint
from toolkit.core.errors import BadInput
from toolkit.core.result import Reason
from toolkit.families.base import Derived, Options

MISSING = object()
"""The value of a field that neither tensors nor arguments give."""


class Facts:
    """What names and shapes of the tensors say."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.tensors = checkpoint.tensors

    def has(self, name: str) -> bool:
        """Whether there is a tensor of that name."""
        return name in self.tensors

    def has_under(self, prefix: str) -> bool:
        """Whether there is a tensor whose name begins so."""
        return any(name.startswith(prefix) for name in self.tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor.

        Raises:
            BadInput: there is no such tensor.
        """
        if name not in self.tensors:
            raise BadInput(
                f"`{name}` must be in a checkpoint of this family, but is not. "
                "Look at `toolkit inspect` for what the file holds."
            )
        return self.tensors[name].shape

    def count(self, prefix: str) -> int:
        """How many consecutive indices follow `prefix`, from 0."""
        pattern = re.compile(re.escape(prefix) + r"(\d+)\.")
        indices = {int(m[1]) for m in map(pattern.match, self.tensors) if m}
        return next(i for i in range(len(indices) + 1) if i not in indices)


def hard_coded(value: Any, evidence: str) -> Derived:
    """A value that every checkpoint of the kind has."""
    return Derived(value=value, evidence=evidence)


def shaped(value: Any, name: str) -> Derived:
    """A value read off a tensor's shape."""
    return Derived(value=value, evidence=f"shape of {name}")


def counted(value: Any, name: str) -> Derived:
    """A value read off how many tensors there are."""
    return Derived(value=value, evidence=f"number of {name}")


def present(value: Any, name: str) -> Derived:
    """A value read off whether a tensor is there."""
    return Derived(value=value, evidence=f"presence of {name}")


def argued(group: Mapping[str, Any], name: str, where: str, default: Any = MISSING) -> Derived:
    """A value of fairseq's arguments, or fairseq's default where it is absent."""
    if name in group:
        return Derived(value=group[name], evidence=f"{where}.{name}")
    if default is MISSING:
        return Derived(value=MISSING, evidence=f"{where}.{name}")
    return Derived(value=default, evidence=f"fairseq's default, as {where}.{name} is absent")


def overridden(
    derived: Mapping[str, Derived], overrides: Mapping[str, Any], side: str
) -> dict[str, Derived]:
    """The values with those of the user in their place."""
    given = {
        key: Derived(value=value, evidence=f"--{side}-config") for key, value in overrides.items()
    }
    return {**derived, **given}


def chosen(options: Options, side: str) -> dict[str, Derived]:
    """The values of one side that a recording was held against."""
    prefix = f"{side}."
    return {k.removeprefix(prefix): v for k, v in options.chosen.items() if k.startswith(prefix)}


def unknown(derived: Mapping[str, Derived], side: str) -> Iterator[Reason]:
    """The values that nothing gives, and the option that supplies each."""
    for key, field in derived.items():
        if field.value is MISSING:
            because = f"{field.evidence} is absent; supply `--{side}-config '{{\"{key}\": ...}}'`"
            yield Reason(name=f"{side}.{key}", because=because)


def number(derived: Mapping[str, Derived], key: str, side: str) -> float:
    """A value that must be a number.

    Raises:
        BadInput: it is none.
    """
    field = derived[key]
    if not isinstance(field.value, (int, float)):
        raise BadInput(
            f"`{key}` must be a number, but {field.evidence} says {field.value!r}. Supply "
            f"`--{side}-config '{{\"{key}\": ...}}'`."
        )
    return field.value
