"""A model's configuration as one tree: values by dotted path, such as `encoder.hidden_size`.

A model without parts has its values at top level: `hidden_size`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from toolkit.blocks.evidence import MISSING, Derived
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict, JsonObject
from toolkit.core.settled import Settled

ConfigTree: TypeAlias = Mapping[str, Derived]
"""Values by dotted path."""
SOLE_PART = "encoder"
"""What a user calls the one part of a model that has no others."""


def join(part: str, key: str) -> str:
    """The path of a key; without a part it stands at top level."""
    return f"{part}.{key}" if part else key


def placed(part: str, values: Mapping[str, Derived]) -> dict[str, Derived]:
    """The values of a part by whole path."""
    return {join(part, key): derived for key, derived in values.items()}


def values_under(tree: ConfigTree, part: str) -> dict[str, Derived]:
    """The values of a part by key; without a part those at top level."""
    return {
        path.rpartition(".")[2]: derived
        for path, derived in tree.items()
        if path.rpartition(".")[0] == part
    }


def parts_of(tree: ConfigTree) -> tuple[str, ...]:
    """The parts that have values, in order."""
    return tuple(dict.fromkeys(path.rpartition(".")[0] for path in tree if "." in path))


def nested(tree: ConfigTree) -> JsonDict:
    """The values as `config.json` nests them."""
    found: JsonDict = {}
    for path, derived in tree.items():
        part, _, key = path.rpartition(".")
        if derived.is_written:
            (found.setdefault(part, {}) if part else found)[key] = derived.value
    return found


def overridden(tree: ConfigTree, overrides: Mapping[str, JsonObject]) -> dict[str, Derived]:
    """The tree with the user's values in their place.

    Args:
        tree: What is known.
        overrides: Values by part and key; a model without parts takes those of its encoder.

    Raises:
        BadInput: the model has no such part.
    """
    known = parts_of(tree) or (SOLE_PART,)
    said: dict[str, Derived] = {}
    for part, values in overrides.items():
        if values and part not in known:
            raise BadInput(
                f"`--{part}-config` must give values of a part that the model has, but it has only "
                f"{', '.join(f'`{name}`' for name in known)}. Leave the option out."
            )
        said |= placed(part if parts_of(tree) else "", given(part, overrides))
    return settled(tree, said)


def given(part: str, overrides: Mapping[str, JsonObject]) -> dict[str, Derived]:
    """The user's values of a part by key; see `overridden`."""
    values = overrides.get(part or SOLE_PART, {})
    return {key: Derived(value=v, evidence=option(part)) for key, v in values.items()}


def settled(tree: ConfigTree, told: Mapping[str, Derived]) -> dict[str, Derived]:
    """The tree with other values in the place of its own, written where those would have been."""
    known = {path: tree[path].is_written for path in told if path in tree}
    given = {path: replace(one, is_written=known.get(path, True)) for path, one in told.items()}
    return {**tree, **given}


def by_part(values: JsonObject) -> dict[str, JsonDict]:
    """Values by whole path, as a user would give them: by part and key."""
    found: dict[str, JsonDict] = {}
    for path, value in values.items():
        part, _, key = path.rpartition(".")
        found.setdefault(part or SOLE_PART, {})[key] = value
    return found


def remedy(path: str) -> str:
    """The option that supplies a value, as it is typed."""
    part, _, key = path.rpartition(".")
    return f"`{option(part)} '{{\"{key}\": ...}}'`"


def option(part: str) -> str:
    """The option that supplies values of a part."""
    return f"--{part or SOLE_PART}-config"


def unknown(tree: ConfigTree) -> Iterator[Reason]:
    """The values that nothing gives, and the option that supplies each."""
    for path, derived in tree.items():
        if derived.value is MISSING:
            because = f"{derived.evidence} is absent; supply {remedy(path)}"
            yield Reason(name=path, because=because)


def assumed(tree: ConfigTree, remedy: Callable[[str], str] = remedy) -> Iterator[Reason]:
    """The values that were filled in, each with its evidence.

    Args:
        tree: The values by whole path.
        remedy: Says what overrules the value of a path.
    """
    for path, derived in tree.items():
        if derived.candidates:
            yield Reason(
                name=path,
                because=f"assumed {derived.value!r}, as the checkpoint does not say: "
                f"{derived.evidence}; overrule it with {remedy(path)}",
            )
        elif derived.trials:
            because = f"{derived.value!r}, as {derived.evidence}"
            yield Settled(name=path, because=because, trials=derived.trials)


def number(values: Mapping[str, Derived], key: str, part: str) -> float:
    """A value of a part that must be a number.

    Raises:
        BadInput: it is none.
    """
    derived = values[key]
    if not isinstance(derived.value, (int, float)):
        raise BadInput(
            f"`{key}` must be a number, but {derived.evidence} says {derived.value!r}. Supply "
            f"{remedy(join(part, key))}."
        )
    return derived.value
