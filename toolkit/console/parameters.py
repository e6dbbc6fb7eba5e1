"""The fields of requests as parameters of a command, and what was typed as fields again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING
from pathlib import Path
from typing import Any

import click

from toolkit.console.helping import Described, Placed
from toolkit.session.groups import Request
from toolkit.session.options import Argument, Item, Option, Role, typed_items
from toolkit.session.program import Forced, Shown, Traced
from toolkit.session.values import read_json_object


def items_of_command(kind: type[Request], shows: Sequence[str]) -> tuple[Item, ...]:
    """All that can be typed after a command.

    Args:
        kind: What the command is asked.
        shows: Fields of `Shown` that it has.
    """
    shown = [item for item in typed_items(Shown) if item.name in shows]
    items = [*typed_items(kind), *shown, *typed_items(Traced)]
    writes = any(item.named.role in (Role.REPORT, Role.FILE) for item in items)
    return (*items, *(typed_items(Forced) if writes else ()))


def make_parameters(items: Iterable[Item]) -> list[click.Parameter]:
    """Options and arguments of a command line."""
    return [
        _argument(item, item.named) if isinstance(item.named, Argument) else _option(item)
        for item in items
    ]


def read_given(kind: type[Request], given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a request by name, from what was typed; other names are left out.

    Raises:
        BadInput: a value that must be JSON is none.
    """
    items = [item for item in typed_items(kind) if item.name in given]
    return {item.name: _read(item, given[item.name]) for item in items}


def _argument(item: Item, named: Argument) -> Described:
    return Described(
        [item.name],
        help=named.help,
        type=_type(item),
        metavar=named.metavar,
        nargs=-1 if item.type is Sequence else 1,
        required=not item.is_optional and item.default is MISSING,
    )


def _option(item: Item) -> Placed:
    named = item.named
    assert isinstance(named, Option)
    return Placed(
        [_flags(item), item.name],
        section=item.section,
        type=_type(item),
        is_flag=item.type is bool or None,
        metavar=named.metavar,
        multiple=item.type is Sequence,
        required=item.default is MISSING,
        **({} if item.default in (MISSING, ()) else {"default": item.default}),
        show_default=item.type is not bool and bool(item.default),
        help=named.help,
    )


def _flags(item: Item) -> str:
    """An option's names; one that is not off by default can be turned off."""
    if item.type is not bool or item.default is False:
        return item.typed
    return f"{item.typed}/{item.typed.replace('--', '--no-', 1)}"


def _type(item: Item) -> click.ParamType[Any]:
    if item.type in (Path, Sequence):
        return click.Path(path_type=Path)
    if item.type is int:
        return click.IntRange(min=item.named.min if isinstance(item.named, Option) else None)
    return click.BOOL if item.type is bool else click.STRING


def _read(item: Item, value: Any) -> object:
    if item.type is Sequence:
        return tuple(value or ())
    if item.type is Mapping and value is not None:
        return read_json_object(item.typed, value)
    return value
