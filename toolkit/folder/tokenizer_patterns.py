"""Which regular expressions and replacements of a `tokenizer.json` may take any time or room.

Its patterns are those of Oniguruma, which goes back over a text: a choice inside a repetition
takes time that doubles with every character, and ends in a panic of its library.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from toolkit.checkpoint.values import quote
from toolkit.core.json import JsonDict

MAX_CHARS = 2000
"""Of one pattern; the longest that models came with have some 300."""
MAX_ENDLESS = 3
"""Repetitions without end, or of many times, in one alternative."""
MAX_CHOICES = 8
"""Parts of one alternative that may be there or not, or be one thing or another."""
MAX_GROWTH = 1 << 20
"""How many times as long all replacements together may make a text."""

_PARTS = ("normalizer", "pre_tokenizer", "decoder")
_TOKEN = re.compile(
    r"\\(?:[pP]\{[^}]*\}|x\{[^}]*\}|.)"
    r"|\[(?:\\.|\[:\^?\w+:\]|[^\]\\])(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]"
    r"|\(\?(?:[im]*:|=|!|<=|<!|>|[im]+(?=\)))"
    r"|\(\??|\)|\||[*+?][+?]?|\{(?=,?\d)\d*,?\d*\}\??|.",
    re.DOTALL,
)
_ESCAPES = frozenset("dDwWsShHnrtfvaebBAzZGpPxuR0")
"""Escaped letters and digits without a group, a memory or a quotation behind them."""
_FEW, _MANY = 3, 1000


def find_objections(described: object) -> Iterator[str]:
    """Says what of a tokenizer's content may take any time or room; worded to follow "but"."""
    if not isinstance(described, dict):
        return
    growth = 1
    for part in _PARTS:
        for step in _steps(described.get(part)):
            pattern = step.get("pattern")
            regex = pattern.get("Regex") if isinstance(pattern, dict) else None
            if isinstance(regex, str) and not is_tame(regex):
                yield f"`{part}` has the pattern `{quote(regex)}`, which may take any time"
            texts = (step.get("content"), step.get("prepend"), step.get("replacement"))
            growth *= 1 + sum(len(text) for text in texts if isinstance(text, str))
    if growth > MAX_GROWTH:
        yield f"its replacements may make a text more than {MAX_GROWTH} times as long"


def is_tame(pattern: str) -> bool:
    """Whether a regular expression takes a bounded time on a text of bounded length.

    It is if nothing is repeated that holds a choice, nothing refers back, and few choices follow
    each other. What is not understood is not tame.
    """
    if len(pattern) > MAX_CHARS:
        return False
    tokens = _TOKEN.findall(pattern)
    return all(map(_is_understood, tokens)) and _chooses_little(tokens)


def _steps(root: object) -> Iterator[JsonDict]:
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _is_understood(token: str) -> bool:
    if token[0] == "\\":
        return len(token) > 1 and (not token[1].isalnum() or token[1] in _ESCAPES)
    if token[0] == "[":  # classes in classes are too hard to tell from groups
        inner = re.sub(r"\\.|\[:\^?\w+:\]", "", token[1:], flags=re.DOTALL)
        return len(token) > 1 and "[" not in inner and "&&" not in inner
    return token != "(?"


def _chooses_little(tokens: Sequence[str]) -> bool:
    # Whether each open group holds a choice, and whether the piece before this token does.
    groups, last_chooses = [False], False
    endless = choices = 0
    for token in tokens:
        repetition = _most(token)
        if repetition is not None:
            if (last_chooses and repetition > 1) or _MANY < repetition < math.inf:
                return False
            endless += repetition > _FEW
            choices += repetition <= _FEW
            last_chooses = groups[-1] = True
        elif token[0] == "(":
            groups.append(False)
            last_chooses = False
        elif token == ")":
            last_chooses = groups.pop()
            if not groups:
                return False
            groups[-1] |= last_chooses
        elif token == "|":
            if len(groups) == 1:
                endless = choices = 0
            else:
                choices += not groups[-1]
                groups[-1] = True
            last_chooses = False
        else:
            last_chooses = False
        if endless > MAX_ENDLESS or choices > MAX_CHOICES:
            return False
    return len(groups) == 1


def _most(token: str) -> float | None:
    """How often a repetition repeats at most; None for anything else."""
    if token[0] in "*+":
        return math.inf
    if token[0] == "?":
        return 1
    counts = re.fullmatch(r"\{(\d*)(,?)(\d*)\}\??", token)
    if counts is None:
        return None
    least, comma, most = counts.groups()
    if comma:
        return float(most or math.inf)
    return float(least)
