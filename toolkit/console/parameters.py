"""The fields of requests as parameters of a command, and what was typed as fields again."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING
from pathlib import Path
from typing import Annotated, Any

import typer

from toolkit.session.groups import Forced, Material, Request, Shown, Traced
from toolkit.session.options import Argument, Item, Option, Role, typed_items
from toolkit.session.values import read_json_object

_TYPED = {Sequence: list[Path], Mapping: str}
"""What is typed where a field holds a collection; text of JSON, say."""


def items_of_command(kind: type[Request], shows: Sequence[str]) -> tuple[Item, ...]:
    """All that can be typed after a command, in the order of its help.

    Args:
        kind: What the command is asked.
        shows: Fields of `Shown` that it has.
    """
    material = [item for item in typed_items(Material) if issubclass(kind, Material)]
    own = [item for item in typed_items(kind) if item not in material]
    shown = [item for item in typed_items(Shown) if item.name in shows]
    items = [*own, *shown, *material, *typed_items(Traced)]
    writes = any(item.named.role in (Role.REPORT, Role.FILE) for item in items)
    return (*items, *(typed_items(Forced) if writes else ()))


def make_signature(items: Iterable[Item]) -> inspect.Signature:
    """Parameters as typer reads them."""
    return inspect.Signature([_parameter(item) for item in items])


def read_given(kind: type[Request], given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a request by name, from what typer read; other names are left out.

    Raises:
        BadInput: a value that must be JSON is none.
    """
    items = [item for item in typed_items(kind) if item.name in given]
    return {item.name: _read(item, given[item.name]) for item in items}


def _parameter(item: Item) -> inspect.Parameter:
    kind, default = _TYPED.get(item.type, item.type), item.default
    if item.is_optional or item.type is Sequence:
        kind, default = kind | None, default or None
    return inspect.Parameter(
        item.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if default is MISSING else default,
        annotation=Annotated[kind, _described(item), item.named.role],
    )


def _described(item: Item) -> object:
    """What typer knows of an option or argument."""
    named = item.named
    if isinstance(named, Argument):
        return typer.Argument(metavar=named.metavar, help=named.help)
    assert isinstance(named, Option)
    return typer.Option(_flags(item), metavar=named.metavar, help=named.help, min=named.min)


def _flags(item: Item) -> str:
    """An option's names; one that is on by default can only be turned off."""
    off = item.typed.replace("--", "--no-", 1)
    if item.type is not bool or item.default is False:
        return item.typed
    return f" /{off}" if item.default is True else f"{item.typed}/{off}"


def _read(item: Item, value: Any) -> object:
    if item.type is Sequence:
        return tuple(value or ())
    if item.type is Mapping and value is not None:
        return read_json_object(item.typed, value)
    return value
