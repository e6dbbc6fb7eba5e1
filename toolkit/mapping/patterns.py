"""Whole-name patterns: `{i}` stands for an index, `{weight|bias}` for one of several words."""

from __future__ import annotations

import re
from functools import cache

from toolkit.core.errors import BrokenRule

_SLOT = re.compile(r"\{([^{}]*)\}")


def match(pattern: str, name: str) -> tuple[str, ...] | None:
    """The values of the pattern's slots, in order, or None if the whole name does not match.

    Raises:
        BrokenRule: a slot is neither `{i}` nor a list of words.
    """
    found = _compiled(pattern).fullmatch(name)
    return None if found is None else found.groups()


def fill(pattern: str, values: tuple[str, ...]) -> str:
    """The pattern with its slots filled in order.

    Raises:
        BrokenRule: the number of slots and of values differ.
    """
    slots = len(_SLOT.findall(pattern))
    if slots != len(values):
        raise BrokenRule(
            f"`{pattern}` has {slots} slots, but its partner has {len(values)}. "
            "Give both sides of the rule the same slots in the same order."
        )
    remaining = iter(values)
    return _SLOT.sub(lambda _: next(remaining), pattern)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = _SLOT.split(pattern)
    literals = [re.escape(part) for part in parts[0::2]]
    slots = [_slot_regex(pattern, slot) for slot in parts[1::2]]
    return re.compile("".join(a + b for a, b in zip(literals, [*slots, ""], strict=True)))


def _slot_regex(pattern: str, slot: str) -> str:
    if slot == "i":
        return r"(0|[1-9][0-9]*)"
    words = slot.split("|")
    if len(words) > 1 and all(words):
        return f"({'|'.join(map(re.escape, words))})"
    raise BrokenRule(
        f"`{pattern}` has the slot `{{{slot}}}`, but a slot must be `{{i}}` for an index or "
        "`{weight|bias}` for one of several words. Correct the pattern."
    )
