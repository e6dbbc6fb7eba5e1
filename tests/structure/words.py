"""Words of particular families in code that is to serve all of them."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from tests.structure.sources import Module


def count_words(modules: Sequence[Module], words: Iterable[str]) -> Counter[str]:
    """How often the code of each module says one of the words, in anything but prose.

    Args:
        modules: Where to look.
        words: Regular expressions; case does not matter.
    """
    pattern = re.compile("|".join(words), re.IGNORECASE)
    found = Counter({module.name: len(pattern.findall(_code(module))) for module in modules})
    return +found


def outside_of(modules: Sequence[Module], homes: Collection[str]) -> list[Module]:
    """The modules that lie in none of the packages."""
    return [
        module
        for module in modules
        if not any(f"{module.name}.".startswith(f"{home}.") for home in homes)
    ]


def _code(module: Module) -> str:
    """A module's code without comments and docstrings, those under fields among them."""
    return ast.unparse(_WithoutProse().visit(ast.parse(module.text)))


class _WithoutProse(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        is_prose = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return ast.Pass() if is_prose else node
