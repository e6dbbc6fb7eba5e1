"""Which configuration keys the code of a model reads, by the source of its classes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from toolkit.bundled import DERIVED, PARTS, S2T, STACK, STOCK_MODULES, maybe_config_class

GENERAL = (
    "cache_utils",
    "configuration_utils",
    "generation.utils",
    "masking_utils",
    "modeling_utils",
)
"""Modules of transformers that read the configuration of any part."""

WHOLE = "speech-encoder-decoder"
"""The type of a model that is made of parts, which reads their configurations as well."""


@cache
def is_read(name: str, model_type: str, architecture: str | None = None) -> bool:
    """Whether the code that runs for a part, or a whole model, of that type mentions a key.

    What it mentions need not have an effect; what it does not mention has none.

    Args:
        name: The key.
        model_type: That of the part; every key counts as read for a type that nobody has.
        architecture: The class that runs, where it is not the usual one of a part.
    """
    source = _source(model_type, architecture)
    if source is None:
        return True
    mentioned = rf"(?<!generation_)config(\.\w+)?\.{re.escape(name)}\b|[\"']{re.escape(name)}[\"']"
    return re.search(mentioned, source) is not None


@cache
def _source(model_type: str, architecture: str | None) -> str | None:
    """The source of the classes that a part is built of, and of what reads any configuration."""
    if model_type in DERIVED:
        files, stock = DERIVED[model_type]
        own = (file.read_text(encoding="utf-8") for file in files)
        return "\n".join((*own, _source(stock, architecture) or ""))
    if maybe_config_class(model_type) is not None:
        carried = (file.read_text(encoding="utf-8") for file in (PARTS, STACK, S2T))
        parts = [*carried, *map(_text_of, STOCK_MODULES)]
    else:
        name = _class_name(model_type)
        if name is None:
            return None
        module = _text_of(_module_name(model_type))
        if not module:
            return None
        found = architecture is not None and f"class {architecture}(" in module
        parts = list(_reachable(module, str(architecture) if found else name))
    return "\n".join([*map(_text_of, (*GENERAL, _module_name(WHOLE))), *parts])


def _class_name(model_type: str) -> str | None:
    """The class of an encoder, or of a decoder, of that type."""
    from transformers.models.auto import modeling_auto

    decoders = modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    name = decoders.get(model_type) or modeling_auto.MODEL_MAPPING_NAMES.get(model_type)
    return name if isinstance(name, str) else None


def _module_name(model_type: str) -> str:
    """Where transformers has the classes of a type; several types may share a package."""
    from transformers.models.auto.configuration_auto import model_type_to_module_name

    package = model_type_to_module_name(model_type)
    return f"models.{package}.modeling_{model_type.replace('-', '_')}"


def _text_of(module: str) -> str:
    """The source of a module of transformers, which need not be imported for it; empty for none."""
    try:
        found = find_spec(f"transformers.{module}")
    except ModuleNotFoundError:  # of a package that this release does not have
        return ""
    return "" if found is None or not found.origin else Path(found.origin).read_text("utf-8")


def _reachable(source: str, name: str) -> Iterator[str]:
    """The source of everything in a module that a class of it refers to, directly or not."""
    nodes = {
        node.name: node
        for node in ast.parse(source).body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef))
    }
    waiting, seen = [name], set[str]()
    while waiting:
        current = waiting.pop()
        if current in nodes and current not in seen:
            seen.add(current)
            nodes[current] = _without_initialization(nodes[current])
            yield ast.unparse(nodes[current])
            waiting += [n.id for n in ast.walk(nodes[current]) if isinstance(n, ast.Name)]


def _without_initialization(
    node: ast.ClassDef | ast.FunctionDef,
) -> ast.ClassDef | ast.FunctionDef:
    """A class without the method that fills new weights: it names all classes of its module."""
    if isinstance(node, ast.ClassDef):
        node.body = [part for part in node.body if getattr(part, "name", "") != "_init_weights"]
    return node
