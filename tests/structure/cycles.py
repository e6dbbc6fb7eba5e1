"""Which siblings of a package need each other, and through imports of which kind."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from tests.structure.sources import Module

Arrows = Mapping[str, set[str]]


class Kind(IntEnum):
    """Where an import stands, from what always runs to what never does."""

    MODULE = 0
    FUNCTION = 1
    TYPE_CHECKING = 2


@dataclass(frozen=True, kw_only=True)
class Import:
    """One module that needs another."""

    importer: str
    imported: str
    kind: Kind


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """Siblings each of which reaches every other."""

    members: tuple[str, ...]
    kind: Kind
    """With imports of this kind, and of those before it, there is such a cycle."""

    def __str__(self) -> str:
        return f"{' <-> '.join(self.members)} ({self.kind.name.lower().replace('_', ' ')})"


def read_imports(modules: Sequence[Module]) -> tuple[Import, ...]:
    """The imports of modules from one another."""
    known = {module.name for module in modules}
    return tuple(
        Import(importer=module.name, imported=name, kind=kind)
        for module in modules
        for name, kind in _imports(module.tree, Kind.MODULE, known)
    )


def find_cycles(imports: Sequence[Import]) -> tuple[Cycle, ...]:
    """Every cycle among siblings, at whatever depth, with the first kind that closes it."""
    found: dict[tuple[str, ...], Cycle] = {}
    for kind in Kind:
        arrows = _sibling_arrows(imp for imp in imports if imp.kind <= kind)
        for members in _components(arrows):
            found.setdefault(members, Cycle(members=members, kind=kind))
    return tuple(found.values())


def _imports(node: ast.AST, kind: Kind, known: set[str]) -> Iterator[tuple[str, Kind]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((alias.name, kind) for alias in child.names if alias.name in known)
        elif isinstance(child, ast.ImportFrom) and child.module in known:
            for alias in child.names:
                full = f"{child.module}.{alias.name}"
                yield full if full in known else child.module, kind
        else:
            yield from _imports(child, max(kind, _kind_within(child)), known)


def _kind_within(node: ast.AST) -> Kind:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return Kind.FUNCTION
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return Kind.TYPE_CHECKING
    return Kind.MODULE


def _sibling_arrows(imports: Iterator[Import]) -> Arrows:
    arrows: dict[str, set[str]] = defaultdict(set)
    for imp in imports:
        ends = imp.importer.split("."), imp.imported.split(".")
        shared = next((i for i, (a, b) in enumerate(zip(*ends, strict=False)) if a != b), None)
        if shared is not None:
            first, second = (".".join(end[: shared + 1]) for end in ends)
            arrows[first].add(second)
    return arrows


def _components(arrows: Arrows) -> list[tuple[str, ...]]:
    reached = {start: _reachable(arrows, start) for start in arrows}
    groups = {
        tuple(sorted(other for other in ends if start in reached.get(other, ())))
        for start, ends in reached.items()
        if start in ends
    }
    return sorted(groups)


def _reachable(arrows: Arrows, start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(arrows.get(start, ()))
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += arrows.get(name, ())
    return seen
