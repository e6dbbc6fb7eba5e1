"""One file per family of fairseq models. A new file is found by itself; nothing to register.

A family in another package is found by its entry point in the group `toolkit.families`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, cast

from toolkit.blocks.evidence import Derived
from toolkit.checkpoint import Checkpoint
from toolkit.core.errors import BadInput
from toolkit.families.base import Family, Form, Network, Options, Task
from toolkit.families.elsewhere import describe_elsewhere, maybe_stranger

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["Derived", "Family", "Form", "Network", "Options", "Task", "families", "find_family"]


ENTRY_POINTS = "toolkit.families"
"""Group of the entry points by which other packages offer families."""


def families() -> Iterator[Family]:
    """Every family: each module of this package that has a `FAMILY`, and those of other packages.

    Raises:
        BadInput: another package's family cannot be imported, or is none.
    """
    from importlib.metadata import entry_points

    for module in iter_modules(__path__):
        family = getattr(import_module(f"{__name__}.{module.name}"), "FAMILY", None)
        if family is not None:
            yield family
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        yield _load(point)


def _load(point: EntryPoint) -> Family:
    """The family that another package offers."""
    where = f"entry point `{point.name}` of `{point.dist.name if point.dist else 'a package'}`"
    advice = "Correct the package, or uninstall it."
    try:
        family = point.load()
    except Exception as error:  # whatever code of others raises
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise BadInput(
            f"`{point.value}`, {where}, must be importable, but is not: {said}. {advice}"
        ) from error
    missing = [name for name in _PROTOCOL if not hasattr(family, name)]
    if missing:
        raise BadInput(
            f"`{point.value}`, {where}, must be a family as `toolkit.families.Family` describes, "
            f"but has no {', '.join(missing)}. {advice}"
        )
    return cast("Family", family)


_PROTOCOL = (
    "name",
    "matches",
    "network",
    "sidecars",
    "task",
    "shortest_input",
    "frames",
    "possible",
)


NOT_KNOWN = (
    "The README lists what converts; `docs/adding-a-family.md` says how to add a family, here or in "
    "a package of your own."
)
"""What to do with a model of which nobody has heard."""


def find_family(checkpoint: Checkpoint) -> Family:
    """The family that the checkpoint belongs to.

    Raises:
        BadInput: no family or several match, or it is known that none can.
    """
    known = list(families())
    matching = [family for family in known if family.matches(checkpoint)]
    if len(matching) == 1:
        return matching[0]
    said = architecture(checkpoint)
    stranger = None if matching else maybe_stranger(said, checkpoint.tensors)
    if stranger is not None:
        raise BadInput(
            f"`{checkpoint.path}` must be a model that transformers can express, but is "
            f"{stranger.what}: {stranger.because}. {stranger.instead}."
        )
    names = ", ".join(f"`{family.name}`" for family in matching) or "none"
    raise BadInput(
        f"`{checkpoint.path}` must be a speech model of one family that the toolkit knows, but its "
        f"architecture is `{said}`, and of {len(known)} families {names} match. "
        f"{describe_elsewhere(said) or NOT_KNOWN}"
    )


def architecture(checkpoint: Checkpoint) -> str:
    """The architecture that the checkpoint's own arguments name, or `unknown`."""
    from toolkit.blocks.arguments import model_name, own_arguments

    return str(model_name(own_arguments(checkpoint).model) or "unknown")
