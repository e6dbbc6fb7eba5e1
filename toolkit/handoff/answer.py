"""What a runner said of a clip, held against what it may say."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from toolkit.core.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")

INPUT, TOKENS, TEXT, HYPOTHESES = "input_values", "tokens", "text", "hypotheses"
WORDS = (TOKENS, TEXT, HYPOTHESES)
"""What is no array of real numbers."""


class NoAnswer(Exception):
    """What a runner returned is none; worded to follow "but"."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a runner said of a clip."""

    arrays: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    tokens: tuple[int, ...] | None = None
    text: str | None = None
    hypotheses: tuple[tuple[tuple[int, ...], float], ...] | None = None

    @property
    def names(self) -> frozenset[str]:
        """All that was said."""
        words = {name for name in WORDS if getattr(self, name) is not None}
        return frozenset({*self.arrays, *words})


def read_answer(given: object) -> Answer:
    """What a runner returned, as plain data.

    Raises:
        NoAnswer: it is nothing that a runner may return.
    """
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise NoAnswer(f"returns {_described(given)}, and no mapping of names to arrays")
    if not given:
        raise NoAnswer("returns an empty mapping")
    return Answer(
        arrays={name: _floats(name, value) for name, value in given.items() if name not in WORDS},
        tokens=_maybe(given, TOKENS, _tokens),
        text=_maybe(given, TEXT, _text),
        hypotheses=_maybe(given, HYPOTHESES, _hypotheses),
    )


def expect_names(runner: str, answer: Answer, known: Collection[str]) -> None:
    """Makes sure that something of the model is said, and nothing that nobody asked.

    Args:
        runner: What it is called.
        answer: What it said.
        known: All that can be judged.

    Raises:
        BadInput: it is not so.
    """
    others = sorted(answer.names - {*known})
    if others or answer.names <= {INPUT}:
        found = f"`{'`, `'.join(others)}`" if others else "nothing that the model makes of a clip"
        raise BadInput(
            f"`{runner}` must return any of {', '.join(sorted(known))}, but returns {found}. "
            "Rename it, or leave it out."
        )


def _maybe(given: Mapping[str, object], name: str, read: Callable[[object], T]) -> T | None:
    return read(given[name]) if name in given else None


def _floats(name: str, value: object) -> NDArray[np.float32]:
    import numpy as np

    try:
        array = np.array(value, order="C")
    except Exception as error:
        raise NoAnswer(f"returns {_described(value)} as `{name}`, no array") from error
    if array.dtype.kind != "f":
        raise NoAnswer(f"returns `{name}` with the dtype {array.dtype}, and no floats")
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def _tokens(value: object, name: str = TOKENS) -> tuple[int, ...]:
    import numpy as np

    try:
        array = np.array(value if isinstance(value, np.ndarray) else list(value))  # type: ignore[call-overload]
    except Exception as error:
        raise NoAnswer(f"returns {_described(value)} as `{name}`, no ids") from error
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise NoAnswer(
            f"returns `{name}` with the shape {array.shape} and the dtype {array.dtype}, and no "
            "integers of shape (S,)"
        )
    return tuple(map(int, array))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise NoAnswer(f"returns {_described(value)} as `text`, no text")
    return str(value)


def _hypotheses(value: object) -> tuple[tuple[tuple[int, ...], float], ...]:
    if not isinstance(value, Sequence) or not all(_is_pair(each) for each in value):
        raise NoAnswer(f"returns {_described(value)} as `hypotheses`, no pairs of ids and score")
    return tuple((_tokens(tokens, HYPOTHESES), float(score)) for tokens, score in value)


def _is_pair(value: object) -> bool:
    if not isinstance(value, Sequence) or len(value) != 2:
        return False
    try:
        return not math.isnan(float(value[1]))
    except (TypeError, ValueError):
        return False


def _described(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
