"""One file per family of fairseq models. A new file is found by itself; nothing to register.

A family in another package is found by its entry point in the group `toolkit.families`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from toolkit.blocks.evidence import Derived
from toolkit.checkpoint import Checkpoint
from toolkit.core.errors import BadInput
from toolkit.families.base import Family, Form, Network, Options, Task
from toolkit.families.elsewhere import describe_elsewhere, maybe_stranger
from toolkit.families.outside import offered_families

__all__ = ["Derived", "Family", "Form", "Network", "Options", "Task", "families", "find_family"]


def families() -> Iterator[Family]:
    """Every family: each module of this package that has a `FAMILY`, and those of other packages.

    Raises:
        BadInput: another package's family cannot be imported, or is none.
    """
    for module in iter_modules(__path__):
        family = getattr(import_module(f"{__name__}.{module.name}"), "FAMILY", None)
        if family is not None:
            yield family
    yield from offered_families()


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
        f"`{checkpoint.path}` must be a model of one family that the toolkit knows, but its "
        f"architecture is `{said}`, and of {len(known)} families {names} match. "
        f"{describe_elsewhere(said) or NOT_KNOWN}"
    )


def architecture(checkpoint: Checkpoint) -> str:
    """The architecture that the checkpoint's own arguments name, or `unknown`."""
    from toolkit.blocks.arguments import model_name, own_arguments

    return str(model_name(own_arguments(checkpoint).model) or "unknown")
