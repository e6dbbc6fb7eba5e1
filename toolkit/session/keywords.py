"""Functions whose arguments are the fields of a request, for people and for type checkers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from textwrap import wrap
from typing import TYPE_CHECKING, ParamSpec, TypeVar, get_args

from toolkit.core.json import JsonDict
from toolkit.session.groups import Request
from toolkit.session.hub import fetch_named
from toolkit.session.options import items_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Fields = ParamSpec("Fields")
Asked = TypeVar("Asked", bound=Request)
Answer = TypeVar("Answer")

WIDTH = 92
"""Of a line of documentation, less the margin that it has in its file."""


def keywords_of(
    kind: Callable[Fields, Asked],
) -> Callable[[Callable[[Asked], Answer]], Callable[Fields, Answer]]:
    """Turns a function of a request into one of the request's fields.

    Names, types, defaults and the documentation of the arguments are the fields' own. Every value
    is checked, and what is named of the hub is here, before the function begins.

    Args:
        kind: The class of the request.
    """

    def decorate(run: Callable[[Asked], Answer]) -> Callable[Fields, Answer]:
        @wraps(run)
        def call(*given: Fields.args, **named: Fields.kwargs) -> Answer:
            request = kind(*given, **named)
            request.check()
            return run(fetch_named(request))

        signature = _signature(kind, inspect.signature(run).return_annotation)
        call.__signature__ = signature  # type: ignore[attr-defined]
        call.__annotations__ = {
            **{name: parameter.annotation for name, parameter in signature.parameters.items()},
            "return": signature.return_annotation,
        }
        call.__doc__ = _with_arguments(inspect.getdoc(run) or "", kind)  # type: ignore[arg-type]
        return call

    return decorate


def given_to(request: DataclassInstance) -> JsonDict:
    """The arguments of the function that a request is for."""
    return {field.name: getattr(request, field.name) for field in fields(request)}


def _signature(kind: Callable[..., object], returned: object) -> inspect.Signature:
    """That of the class, its types without what describes an option."""
    made = inspect.signature(kind)
    parameters = [p.replace(annotation=get_args(p.annotation)[0]) for p in made.parameters.values()]
    return made.replace(parameters=parameters, return_annotation=returned)


def _with_arguments(text: str, kind: type[DataclassInstance]) -> str:
    """Documentation with a section of arguments, before what is returned or raised."""
    lines = ["Args:"]
    for item in items_of(kind):
        said = f"{item.name}: {item.meaning}"
        lines += wrap(said, WIDTH, initial_indent="    ", subsequent_indent="        ")
    head, mark, rest = text.partition("Returns:" if "\nReturns:" in text else "Raises:")
    return "\n".join([head.rstrip(), "", *lines, "", f"{mark}{rest}"]).rstrip()
