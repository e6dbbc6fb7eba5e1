"""Keys of a folder's JSON files with the wrong values that they can get, as data.

Whoever writes a key says how it goes wrong: blocks, families and tasks have tables of slips.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

CONFIG = "config.json"
GENERATION = "generation_config.json"
PREPROCESSOR = "preprocessor_config.json"
PROCESSOR = "processor_config.json"
TOKENIZER_CONFIG = "tokenizer_config.json"

Value: TypeAlias = Any
"""What JSON can hold."""


@dataclass(frozen=True, kw_only=True)
class Right:
    """A key of a right folder, with what its wrong values may depend on."""

    value: Value
    siblings: Mapping[str, Value]
    """The object that holds the key."""
    config: Mapping[str, Value]
    """All of `config.json`."""
    tags: Mapping[str, int]
    """Ids of the languages' tags, by tag."""


Wrong: TypeAlias = Callable[[Right], tuple[Value, ...]]
"""Wrong values of a key; none where it cannot go wrong in this way."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key of a file that can be wrong."""

    path: str
    """Dotted, such as `encoder.hidden_act`."""
    file: str
    hypotheses: tuple[str, ...] = ("wrong_value",)
    """What a right finding calls it."""
    noted: bool = False
    """Fine-tuning alone reads the key, or nothing does."""


@dataclass(frozen=True, kw_only=True)
class Slip(Key):
    """One key with the wrong values that it can get."""

    kind: str
    """The class of the fault: `activation_changed`."""
    wrong: Wrong
    absent: bool = False
    """Whether it can be left out too, where transformers then takes another value."""


@dataclass(frozen=True, kw_only=True)
class Invention(Key):
    """A key that no right folder has."""

    value: Value


def slip(
    path: str,
    kind: str,
    wrong: Wrong,
    *hypotheses: str,
    file: str = CONFIG,
    absent: bool = False,
) -> Slip:
    """A slip that shows to a user, called a wrong value unless it has a name of its own."""
    names = hypotheses or ("wrong_value",)
    return Slip(path=path, kind=kind, wrong=wrong, hypotheses=names, file=file, absent=absent)


def unseen(path: str, kind: str, wrong: Wrong, *, file: str = CONFIG, absent: bool = False) -> Slip:
    """A slip that nobody sees who does not fine-tune the model."""
    return replace(slip(path, kind, wrong, file=file, absent=absent), noted=True)


def others(*candidates: Value) -> Wrong:
    """Of some values those that are wrong."""
    return lambda right: tuple(value for value in candidates if value != right.value)


def other(*candidates: Value) -> Wrong:
    """Of some values the first that is wrong."""
    return lambda right: others(*candidates)(right)[:1]


def toggled(right: Right) -> tuple[Value, ...]:
    """The other truth."""
    return (not right.value,)


def lost(right: Right) -> tuple[Value, ...]:
    """False for what is true."""
    return (False,) if right.value is True else ()


def gained(right: Right) -> tuple[Value, ...]:
    """True for what is false."""
    return (True,) if right.value is False else ()


def plus(*steps: int) -> Wrong:
    """Numbers some steps off, as far as they are positive."""
    return lambda right: tuple(right.value + step for step in steps if right.value + step > 0)


def counted(wrong: Wrong) -> Wrong:
    """The wrong values of a number of things, where there are any."""
    return lambda right: wrong(right) if right.value else ()


def halved(right: Right) -> tuple[Value, ...]:
    """Half of a number."""
    return (right.value // 2,)


def other_divisors(width_key: str) -> Wrong:
    """The next smaller and the next larger number that divides the width under another key."""

    def wrong(right: Right) -> tuple[Value, ...]:
        width = right.siblings[width_key]
        divisors = [n for n in range(1, width + 1) if width % n == 0]
        smaller = [n for n in divisors if n < right.value][-1:]
        larger = [n for n in divisors if n > right.value][:1]
        return (*smaller, *larger)

    return wrong


def one_step_off(right: Right) -> tuple[Value, ...]:
    """A list with its last entry one more, and one with its first two different ones swapped."""
    first, second, *rest = right.value
    longer = [*right.value[:-1], right.value[-1] + 1]
    swapped = [second, first, *rest]
    return (longer, swapped) if swapped != right.value else (longer,)


def activations(right: Right) -> tuple[Value, ...]:
    """Two other activation functions."""
    return others("gelu", "relu", "gelu_new")(right)[-2:]
