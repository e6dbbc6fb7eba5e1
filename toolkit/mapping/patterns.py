"""Whole-name patterns: `{i}` stands for an index, `{weight|bias}` for one of several words."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

from toolkit.core.errors import BrokenRule

Matcher: TypeAlias = Callable[[str], re.Match[str] | None]
"""Finds the values of a pattern's slots, as groups, in a whole name."""
SHOWN_WORDS = 8
"""More words of a slot than these are not told one by one."""
_SLOT = re.compile(r"\{([^{}]*)\}")


def match(pattern: str, name: str) -> tuple[str, ...] | None:
    """The values of the pattern's slots, in order, or None if the whole name does not match.

    Raises:
        BrokenRule: a slot is neither `{i}` nor a list of words.
    """
    found = matcher(pattern)(name)
    return None if found is None else found.groups()


def matcher(pattern: str) -> Matcher:
    """What `match` asks, for many names.

    Raises:
        BrokenRule: a slot is neither `{i}` nor a list of words.
    """
    return _compiled(pattern).fullmatch


def fill(pattern: str, values: tuple[str, ...]) -> str:
    """The pattern with its slots filled in order.

    Raises:
        BrokenRule: the number of slots and of values differ.
    """
    literals = _literals(pattern)
    slots = len(literals) - 1
    if slots != len(values):
        raise BrokenRule(
            f"`{pattern}` has {slots} slots, but its partner has {len(values)}. "
            "Give both sides of the rule the same slots in the same order."
        )
    return "".join(a + b for a, b in zip(literals, (*values, ""), strict=True))


def shorten(pattern: str) -> str:
    """The pattern as a person reads it: of many words in a slot, the first."""
    return _SLOT.sub(_shown_slot, pattern)


@cache
def _literals(pattern: str) -> tuple[str, ...]:
    """What stands before, between and behind the slots."""
    return tuple(_SLOT.split(pattern)[0::2])


def _shown_slot(slot: re.Match[str]) -> str:
    words = slot[1].split("|")
    return slot[0] if len(words) <= SHOWN_WORDS else f"{{{'|'.join(words[:3])}|…}}"


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
