"""How long functions and files are, and how often types are given up."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from tests.structure.sources import Module


def function_lengths(modules: Sequence[Module]) -> list[int]:
    """Lines of every function and method from `def` to its end, without its docstring; sorted."""
    return sorted(
        _length(node)
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )


def percentile(ordered: Sequence[int], percent: int) -> int:
    """The smallest value that at least so many percent do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def files_over(modules: Sequence[Module], lines: int) -> list[str]:
    """Names of modules with more lines than that, with how many they have."""
    lengths = {module.name: len(module.text.splitlines()) for module in modules}
    return [f"{name} ({length})" for name, length in lengths.items() if length > lines]


def count_any(modules: Sequence[Module]) -> int:
    """Uses of `Any`: in annotations, in names for types, in casts; the import of it is none."""
    return sum(
        isinstance(node, ast.Name) and node.id == "Any"
        for module in modules
        for node in ast.walk(module.tree)
    )


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    whole = _lines(function)
    return whole if ast.get_docstring(function) is None else whole - _lines(function.body[0])


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1
