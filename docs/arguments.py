"""Lets the API reference describe functions of requests with the arguments that callers see."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import griffe


class Arguments(griffe.Extension):
    """Takes the signature and the documentation of such functions from the running program."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Replaces what stands in the source, where one parameter stands for all."""
        if not any("keywords_of" in str(decorator.value) for decorator in func.decorators):
            return
        run = getattr(import_module(func.module.path), func.name)
        func.docstring = griffe.Docstring(inspect.getdoc(run) or "", parent=func)
        func.parameters = griffe.Parameters(
            *[_parameter(parameter) for parameter in inspect.signature(run).parameters.values()]
        )


def _parameter(parameter: inspect.Parameter) -> griffe.Parameter:
    required = parameter.default is inspect.Parameter.empty
    return griffe.Parameter(
        parameter.name,
        annotation=inspect.formatannotation(parameter.annotation),
        kind=griffe.ParameterKind[parameter.kind.name.lower()],
        default=None if required else repr(parameter.default),
    )
