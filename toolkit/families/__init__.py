"""One file per family of fairseq models. A new file is found by itself; nothing to register."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from toolkit.checkpoint import Checkpoint
from toolkit.core.errors import BadInput
from toolkit.families.base import Derived, Family, Form, Network, Options, Task
from toolkit.families.elsewhere import describe_elsewhere

__all__ = ["Derived", "Family", "Form", "Network", "Options", "Task", "families", "find_family"]


def families() -> Iterator[Family]:
    """Every family of this package: each module that has a `FAMILY`."""
    for module in iter_modules(__path__):
        family = getattr(import_module(f"{__name__}.{module.name}"), "FAMILY", None)
        if family is not None:
            yield family


def find_family(checkpoint: Checkpoint) -> Family:
    """The family that the checkpoint belongs to.

    Raises:
        BadInput: no family or several match.
    """
    known = list(families())
    matching = [family for family in known if family.matches(checkpoint)]
    if len(matching) == 1:
        return matching[0]
    names, said = ", ".join(f"`{family.name}`" for family in known), architecture(checkpoint)
    raise BadInput(
        f"`{checkpoint.path}` must belong to one family of {names}, but its architecture is "
        f"`{said}` and {len(matching)} families match. "
        f"{describe_elsewhere(said) or 'Add a file to `toolkit/families` for it.'}"
    )


def architecture(checkpoint: Checkpoint) -> str:
    """The architecture that the checkpoint's own arguments name, or `unknown`."""
    from toolkit.families.arguments import own_arguments

    arguments = own_arguments(checkpoint)
    return str(arguments.model.get("arch") or arguments.model.get("_name") or "unknown")
