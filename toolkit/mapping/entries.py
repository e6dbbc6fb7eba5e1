"""The entries of a mapping file, each value read by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from toolkit.mapping.document import Node, kind_of, line_of
from toolkit.mapping.problems import Problems, shown, suggest
from toolkit.mapping.sections import OPTIONAL, SECTIONS


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One item of a section, its values checked one by one."""

    section: str
    line: int
    values: Mapping[str, Any]
    whole: bool
    """Whether every value is there and sound."""


def read_entries(problems: Problems, root: Node | None) -> Iterator[Entry]:
    """The entries of a document, section by section; what is wrong with them is noted."""
    if root is None or root.id != "mapping":
        found = "is empty" if root is None else f"is {kind_of(root)}"
        line = 1 if root is None else line_of(root)
        problems.add(line, f"the file must be a mapping of sections, but {found}")
        return
    for section, node in _read_pairs(problems, root, SECTIONS, "the file", "section"):
        if node.id != "sequence":
            problems.add(
                line_of(node), f"`{section}` must be a list of entries, but is {kind_of(node)}"
            )
            continue
        for item in node.value:
            yield _read_entry(problems, section, item)


def _read_entry(problems: Problems, section: str, node: Node) -> Entry:
    keys, values = SECTIONS[section], {}
    if node.id != "mapping":
        wanted = ", ".join(f"`{key}`" for key in keys)
        problems.add(
            line_of(node),
            f"an entry of `{section}` must be a mapping with {wanted}, but is {kind_of(node)}",
        )
        return Entry(section=section, line=line_of(node), values={}, whole=False)
    present, whole = set(), True
    for key, value in _read_pairs(problems, node, keys, f"an entry of `{section}`", "key"):
        present.add(key)
        try:
            values[key] = keys[key](value)
        except ValueError as problem:
            whole = False
            problems.add(line_of(value), f"`{key}` {problem}")
    for key in keys.keys() - OPTIONAL - present:
        problems.add(line_of(node), f"an entry of `{section}` must have `{key}`, but has none")
    whole = whole and keys.keys() - OPTIONAL <= present
    return Entry(section=section, line=line_of(node), values=values, whole=whole)


def _read_pairs(
    problems: Problems, node: Node, known: Iterable[str], owner: str, what: str
) -> Iterator[tuple[str, Node]]:
    first: dict[str, int] = {}
    for key_node, value in node.value:
        if key_node.id != "scalar":
            problems.add(line_of(key_node), f"a {what} must be a word, but is {kind_of(key_node)}")
            continue
        key, line = key_node.value, line_of(key_node)
        if key not in known:
            problems.add(line, f"`{shown(key)}` is no {what} of {owner}; {suggest(key, known)}")
        elif key in first:
            problems.add(line, f"`{key}` must stand once, but stands in line {first[key]} already")
        else:
            first[key] = line
            yield key, value
