"""The modules of a package as parsed files; nothing of them is imported."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Module:
    """One file of Python."""

    name: str
    """Its dotted name; a package's is that of its `__init__.py`."""
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The part of the package that it lies in: `folder` for `toolkit.folder.write`."""
        return self.name.partition(".")[2].partition(".")[0]


def read_package(folder: Path) -> tuple[Module, ...]:
    """Every module of a package, in the order of their names."""
    return tuple(_read(folder, file) for file in sorted(folder.rglob("*.py")))


def _read(folder: Path, file: Path) -> Module:
    text = file.read_text(encoding="utf-8")
    parts = file.relative_to(folder.parent).with_suffix("").parts
    dotted = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name=dotted, text=text, tree=ast.parse(text))
