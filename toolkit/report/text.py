"""How numbers, verdicts and names are written, the same in every report."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence

from toolkit.core.coverage import Reason
from toolkit.core.settled import unproven

SYMBOLS = {
    "pass": "✓",
    "match": "✓",
    "deviation": "≈",
    "fail": "✗",
    "mismatch": "✗",
    "unverified": "?",
}
ASCII_SYMBOLS = {
    "pass": "+",
    "match": "+",
    "deviation": "~",
    "fail": "x",
    "mismatch": "x",
    "unverified": "?",
}

_PARTS = re.compile(r"[^\s./,_]*[\s./,_]*")
"""Of a name: each ends with the signs behind which it can be broken."""
_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_LARGEST_PLAIN_COUNT = 1e6
_LARGEST_PLAIN_RATIO = 1e4
_BIDI_CONTROLS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def format_error(error: float | None) -> str:
    """An error or a tolerance: `1.2e-07`, whole numbers (tokens, keys) and exact zero as such."""
    if error is None:
        return "not measured"
    if not math.isfinite(error):
        return _spell_out(error)
    if error == int(error) and abs(error) < _LARGEST_PLAIN_COUNT:
        return str(int(error))
    return f"{error:.1e}"


def format_ratio(ratio: float | None) -> str:
    """A ratio that should be about one: `1.03`, or `2.1e+05` where it is far off."""
    if ratio is None:
        return "not measured"
    if not math.isfinite(ratio):
        return _spell_out(ratio)
    return f"{ratio:.2f}" if abs(ratio) < _LARGEST_PLAIN_RATIO else f"{ratio:.1e}"


def format_score(score: float | None) -> str:
    """A log-probability or a margin with four decimals."""
    if score is None:
        return "not measured"
    return f"{score:.4f}" if math.isfinite(score) else _spell_out(score)


def break_name(name: str, width: int) -> list[str]:
    """A long name in lines of at most so many columns, broken behind dots and other signs.

    Only what has no sign within a line is broken between letters.
    """
    lines = [""]
    for part in _PARTS.findall(name):
        if part and lines[-1] and len(lines[-1]) + len(part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return [line.rstrip() for line in lines]


def format_value(value: object) -> str:
    """Any piece of evidence in one line."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else _spell_out(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {format_value(item)}" for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "(" + ", ".join(format_value(item) for item in value) + ")"
    return str(value)


def format_number(number: float) -> str:
    """A value of a tensor, to six digits."""
    return f"{number:.6g}" if math.isfinite(number) else _spell_out(number)


def format_shape(shape: Sequence[int]) -> str:
    """A shape: `1×123×1024`; `scalar` for none."""
    return "×".join(map(str, shape)) or "scalar"


def format_name(name: str) -> str:
    """A field or level name as words: `front_end` -> `front end`."""
    return name.replace("_", " ")


def drop_marks(text: str) -> str:
    """A sentence without the backticks around its names, to be read and not copied."""
    return text.replace("`", "")


def show_controls(text: str) -> str:
    """The text in one line, with control characters and direction overrides made visible."""
    return "".join(_escape(char) if _is_control(char) else char for char in text)


def describe_assumptions(assumptions: Sequence[Reason]) -> str:
    """Under how many unproven assumptions: `under 2 assumptions`; empty if under none."""
    count = len(unproven(assumptions))
    return f"under {count} assumption{'s' if count > 1 else ''}" if count else ""


def _spell_out(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return "infinity" if number > 0 else "-infinity"


def _is_control(char: str) -> bool:
    return char in _BIDI_CONTROLS or unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def describe_bytes(count: int) -> str:
    """A size in three digits: `1.27 GB`."""
    for size, unit in _UNITS:
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
