"""YAML as plain data, in bounded time: a few bytes of it can stand for any amount of work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yaml import Node

MAX_BYTES = 1 << 18
"""fairseq's own files are a few hundred bytes; this much takes some three seconds."""

MAX_INT_CHARS = 100
"""Python refuses to print numbers of more than some 4300 digits."""

_INT_TAG = "tag:yaml.org,2002:int"

MAX_VALUES = 50_000
"""Values when every alias is written out."""


def load_yaml(content: bytes) -> object:
    """Returns the plain data in a YAML document.

    Raises:
        ValueError: It is outsized, no YAML, holds something else than plain data, or an alias makes
            it contain itself or multiply; worded to follow "but".
    """
    import yaml

    if len(content) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES} bytes")
    try:
        loader = yaml.SafeLoader(content)
        try:
            root = loader.get_single_node()
            if root is None:
                return None
            _check_size(root)
            return loader.construct_document(root)
        finally:
            loader.dispose()
    except RecursionError as error:
        raise ValueError("it nests too deep or contains itself") from error
    # PyYAML stumbles over values that belie their tag, such as `!!timestamp x`, in many ways.
    except (yaml.YAMLError, TypeError, AttributeError, LookupError, OverflowError) as error:
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error


def _check_size(root: Node) -> None:
    if _count_values(root, {}) > MAX_VALUES:
        raise ValueError(f"it has more than {MAX_VALUES} values when its aliases are written out")


def _count_values(node: Any, known: dict[int, int]) -> int:
    # A container that holds itself ends in RecursionError.
    if node.id == "scalar" and node.tag == _INT_TAG and len(node.value) > MAX_INT_CHARS:
        raise ValueError(f"it has a number of more than {MAX_INT_CHARS} characters")
    if id(node) not in known:
        known[id(node)] = 1 + sum(_count_values(child, known) for child in _children(node))
    return known[id(node)]


def _children(node: Any) -> list[object]:
    if node.id == "sequence":
        return list(node.value)
    return [part for pair in node.value for part in pair] if node.id == "mapping" else []
