"""The sections of a mapping file, the keys of each, and how a value is read.

A reader returns the value, or raises a ValueError worded to follow the key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from toolkit.core.errors import BrokenRule
from toolkit.mapping.document import YAML_TAG, Node, kind_of
from toolkit.mapping.ops import Identity, Zeros
from toolkit.mapping.patterns import match
from toolkit.mapping.problems import shown, suggest

_OPS = ("copy", "split_weight_norm", "transpose")
_VALUES: Mapping[str, Identity | Zeros] = {"identity": Identity(), "zeros": Zeros()}
_MAX_AXIS = 7
_MAX_PARTS = 4096
"""Tensors that one row of `make` takes or gives, and parts that it puts in order."""
SLOT = re.compile(r"\{[^{}]*\}")
"""A slot of a pattern, braces included."""


def _read_text(node: Node) -> str:
    if node.id != "scalar" or node.tag != f"{YAML_TAG}str":
        raise ValueError(f"must be text, but is {kind_of(node)}; put text in quotes")
    return str(node.value)


def _read_plain(node: Node) -> str:
    text = _read_text(node)
    if not text.isprintable():
        raise ValueError(f"must be printable, but is `{shown(text)}`")
    return text


def _read_pattern(node: Node) -> str:
    pattern = _read_plain(node)
    if not pattern:
        raise ValueError("must be a pattern, but is empty")
    if set("{}") & set(SLOT.sub("", pattern)):
        raise ValueError(f"has a brace without its partner: `{shown(pattern)}`")
    if "}{" in pattern:
        raise ValueError(f"has two slots with nothing between them: `{shown(pattern)}`")
    for slot in SLOT.findall(pattern):
        try:
            match(slot, "")
        except BrokenRule:
            raise ValueError(
                f"has the slot `{shown(slot)}`, but a slot must be `{{i}}` for an index or "
                "`{weight|bias}` for one of several words"
            ) from None
    return pattern


def _read_patterns(node: Node) -> tuple[str, ...]:
    if node.id != "sequence":
        return (_read_pattern(node),)
    if len(node.value) != 2:
        raise ValueError(f"must be one pattern or a list of two, but has {len(node.value)}")
    return tuple(_read_pattern(part) for part in node.value)


def _read_several(node: Node) -> tuple[str, ...]:
    parts = node.value if node.id == "sequence" else [node]
    if not 1 <= len(parts) <= _MAX_PARTS:
        raise ValueError(f"must be 1 to {_MAX_PARTS} patterns, but is {len(parts)}")
    return tuple(_read_pattern(part) for part in parts)


def _read_order(node: Node) -> tuple[int, ...]:
    parts = node.value if node.id == "sequence" else ()
    texts = [part.value for part in parts if part.id == "scalar" and part.tag == f"{YAML_TAG}int"]
    if not 2 <= len(texts) <= _MAX_PARTS or len(texts) < len(parts):
        raise ValueError(f"must be a list of 2 to {_MAX_PARTS} numbers")
    if not all(re.fullmatch("0|[1-9][0-9]{0,3}", text) for text in texts):
        raise ValueError("must have decimal numbers from 0 on alone")
    return tuple(map(int, texts))


def _read_held(node: Node) -> str:
    return _read_choice(node, ("code", "weights", "nothing"))


def _read_name(node: Node) -> str:
    name = _read_plain(node)
    if not name or set("{}") & set(name):
        raise ValueError(f"must be the whole name of one tensor, but is `{shown(name)}`")
    return name


def _read_prefix(node: Node) -> str:
    text = _read_plain(node)
    if not text.strip(".") or set("{}") & set(text):
        raise ValueError(
            f"must be the beginning of names up to a dot, or one whole name, but is `{shown(text)}`"
        )
    return text


def _read_new_prefix(node: Node) -> str:
    text = _read_plain(node)
    if set("{}") & set(text) or text == ".":
        raise ValueError(f"must be the beginning of names, but is `{shown(text)}`")
    return text


def _read_reason(node: Node) -> str:
    reason = " ".join(_read_text(node).split())
    if not reason:
        raise ValueError("must say why that is right, but is empty")
    if not reason.isprintable():
        raise ValueError(f"must be printable, but is `{shown(reason)}`")
    return reason


def _read_op(node: Node) -> str:
    return _read_choice(node, _OPS)


def _read_values(node: Node) -> Identity | Zeros:
    return _VALUES[_read_choice(node, _VALUES)]


def _read_choice(node: Node, known: Iterable[str]) -> str:
    text = _read_plain(node)
    if text not in known:
        raise ValueError(f"cannot be `{shown(text)}`; {suggest(text, known)}")
    return text


def _read_axes(node: Node) -> tuple[int, int]:
    axes = node.value if node.id == "sequence" else ()
    texts = [axis.value for axis in axes if axis.id == "scalar" and axis.tag == f"{YAML_TAG}int"]
    wanted = [str(axis) for axis in range(_MAX_AXIS + 1)]
    if len(axes) != 2 or len(set(texts) & set(wanted)) != 2:
        raise ValueError(f"must be a list of two different numbers from 0 to {_MAX_AXIS}")
    return int(texts[0]), int(texts[1])


SECTIONS: Mapping[str, Mapping[str, Callable[[Node], object]]] = {
    "rename": {"from": _read_prefix, "to": _read_new_prefix},
    "rules": {
        "source": _read_pattern,
        "target": _read_patterns,
        "op": _read_op,
        "axes": _read_axes,
    },
    "drop": {"source": _read_pattern, "because": _read_reason},
    "fill": {"target": _read_name, "values": _read_values, "because": _read_reason},
    "tie": {
        "source": _read_name,
        "source_twin": _read_name,
        "target": _read_name,
        "target_twin": _read_name,
        "because": _read_reason,
    },
    "make": {
        "from": _read_several,
        "to": _read_several,
        "axes": _read_axes,
        "order": _read_order,
    },
    "architecture": {"is": _read_name},
    "inferred": {
        "held": _read_held,
        "because": _read_reason,
        "checkpoint": _read_name,
        "rows": _read_name,
    },
}
OPTIONAL = frozenset({"op", "axes", "order"})
"""Keys that an entry need not have."""
