"""Which values may be dict keys and set members, so that hashing them never takes long."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from toolkit.checkpoint.values import Global, Opaque, quote, type_name

Spend = Callable[[int], None]
"""Charges work to the machine, which refuses a file that asks for too much."""

MAX_KEY_PARTS = 8
"""Values inside one tuple or frozenset key. Tuples hash recursively and without a cache, so a
tuple that doubles a tuple sixty times would hash for ever; real keys are names."""

CHARS_PER_WORK = 64
"""A text that equals a key without being that very object is compared in full each time."""

CROWD_PER_WORK = 16
"""A crafted compound key can collide with every key before it. It is charged for that many."""


def check_key(key: object, *, crowd: int, spend: Spend) -> None:
    """Accepts a key for a dict or set that already has `crowd` entries.

    Raises:
        ValueError: The key cannot be hashed, or has too many parts.
    """
    if isinstance(key, str | bytes):
        if len(key) >= CHARS_PER_WORK:
            spend(len(key) // CHARS_PER_WORK)
        return
    if isinstance(key, float | Global | Opaque) or key is None or _is_small_int(key):
        return
    spend(1 + crowd // CROWD_PER_WORK + _count_chars(key) // CHARS_PER_WORK)


def _is_small_int(key: object) -> bool:
    return isinstance(key, int) and key.bit_length() < 64


def _count_chars(key: object) -> int:
    pending, num_parts, num_chars = [key], 0, 0
    while pending:
        part = pending.pop()
        num_parts += 1
        if num_parts > MAX_KEY_PARTS:
            raise ValueError(f"uses a key of more than {MAX_KEY_PARTS} parts")
        if isinstance(part, tuple | frozenset):
            pending.extend(islice(part, MAX_KEY_PARTS + 1))
        elif isinstance(part, str | bytes):
            num_chars += len(part)
        elif not isinstance(part, float | int | complex | Global | Opaque | None):
            raise ValueError(f"uses {quote(type_name(part))} as a key, which cannot be hashed")
    return num_chars
