"""JSON of a folder that nobody trusts, as plain data: bounded, and with one meaning only."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from toolkit.checkpoint.plain_files import read_small
from toolkit.checkpoint.values import quote
from toolkit.core.json import JsonDict

MAX_BYTES = 1 << 25
"""Tokenizer files of 250,000 pieces have 17 MB; a file of nothing but brackets takes forty times
its size in memory."""
MAX_NESTING = 100
"""Lists and objects inside each other; configurations have about five levels."""


class Refused(ValueError):
    """JSON that may mean different things to different readers, or cost any of them too much.

    Worded to follow "but".
    """


def read_json(path: Path, *, max_bytes: int = MAX_BYTES) -> object:
    """Returns what a JSON file says.

    Raises:
        OSError: It cannot be read, or is not a plain file.
        Refused: It is outsized, nests too deep, repeats a key, or has a number that is none.
        ValueError: It is no JSON in UTF-8.
    """
    try:
        content = read_small(path, max_bytes=max_bytes)
    except ValueError as error:
        raise Refused(str(error)) from error
    return parse_json(content)


def parse_json(content: bytes) -> object:
    """Returns what JSON in UTF-8 says.

    Raises:
        Refused: It nests too deep, repeats a key, or has a number that is none.
        ValueError: It is no JSON in UTF-8.
    """
    try:
        values: object = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_to_object,
            parse_constant=_refuse_constant,
            parse_float=_to_float,
        )
    except RecursionError as error:
        raise Refused("it nests too deep") from error
    if _nesting(values) > MAX_NESTING:
        raise Refused(f"it nests more than {MAX_NESTING} levels deep")
    return values


def _to_object(pairs: Sequence[tuple[str, Any]]) -> JsonDict:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise Refused(f"it says `{quote(twice)}` more than once")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise Refused(f"it has the number {name}, which JSON has not")


def _to_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Refused(f"it has the number {text[:40]}, which is too large")
    return number


def _nesting(root: object) -> int:
    """How many containers lie inside each other."""
    depth, level = 0, [root]
    while level := [value for value in level if isinstance(value, dict | list)]:
        depth += 1
        level = [
            inner
            for value in level
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    return depth
