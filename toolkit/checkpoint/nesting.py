"""Refuses values that contain themselves or nest too deep, so that later code may recurse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from toolkit.checkpoint.values import Opaque
from toolkit.core.errors import BadInput

MAX_NESTING = 100
"""Containers inside containers. A real configuration has about five levels, and Python itself
stops at a recursion of 1000 calls."""


def check_nesting(root: object, *, label: str) -> None:
    """Accepts a value in which no container holds itself and none nests too deep.

    The attributes of an object are a tree of their own: a configuration node names its parent
    there, which is a loop that nobody follows.

    Raises:
        BadInput: A container holds itself.
        BadInput: Containers nest deeper than `MAX_NESTING`.
    """
    roots, seen = [root], set[int]()
    depths: dict[int, int] = {}
    while roots:
        tree = roots.pop()
        if isinstance(tree, Opaque):
            roots.extend(_parts_once(tree, seen))
        elif _is_container(tree):
            roots.extend(_measure(tree, depths, label=label))


def _measure(tree: object, depths: dict[int, int], *, label: str) -> list[object]:
    """Fills in the depth of each container in the tree and returns the objects met on the way."""
    trail, entered, objects = [tree], set[int](), list[object]()
    while trail:
        node = trail[-1]
        if id(node) in depths:
            trail.pop()
        elif id(node) in entered:
            depths[id(node)] = _depth_of(node, depths, label=label)
            entered.discard(id(trail.pop()))
        else:
            entered.add(id(node))
            if len(entered) > MAX_NESTING:  # they lie inside each other
                _refuse_depth(label)
            objects.extend(child for child in _children(node) if isinstance(child, Opaque))
            trail.extend(_unmeasured(node, depths, entered, label=label))
    return objects


def _unmeasured(
    node: object, depths: dict[int, int], entered: set[int], *, label: str
) -> list[object]:
    pending = [c for c in _children(node) if _is_container(c) and id(c) not in depths]
    if any(id(child) in entered for child in pending):
        raise BadInput(
            f"`{label}` must be a pickle of plain data and tensors, but holds a container that "
            f"contains itself. Get the file again from its origin."
        )
    return pending


def _depth_of(node: object, depths: dict[int, int], *, label: str) -> int:
    depth = 1 + max((depths[id(c)] for c in _children(node) if _is_container(c)), default=0)
    if depth > MAX_NESTING:
        _refuse_depth(label)
    return depth


def _refuse_depth(label: str) -> NoReturn:
    raise BadInput(
        f"`{label}` must nest containers at most {MAX_NESTING} deep, but nests deeper. Get the "
        f"file again from its origin."
    )


def _children(node: object) -> Iterator[object]:
    if isinstance(node, dict):
        yield from node.keys()
        yield from node.values()
    elif isinstance(node, list | tuple | set | frozenset):
        yield from node


def _is_container(value: object) -> bool:
    return isinstance(value, dict | list | tuple | set | frozenset)


def _parts_once(node: Opaque, seen: set[int]) -> list[object]:
    if id(node) in seen:
        return []
    seen.add(id(node))
    parts = [node.args, node.kwargs, node.state, node.items, node.members]
    return [part for part in parts if part]
