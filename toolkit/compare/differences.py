"""In what a folder's tokenizer may differ from the checkpoint's, whatever kind it is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from toolkit.compare import tolerances
from toolkit.core.measures import Level, Measure

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


Aspect: TypeAlias = Literal["rows", "special tokens", "settings", "texts"]
_UNITS = {"rows": "ids"}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One way in which a tokenizer is not the checkpoint's."""

    aspect: Aspect
    keys: tuple[str, ...]
    """The file, or the key that says so, such as `tokenizer.decoder`."""
    wrong: tuple[str, ...]
    """What is wrong, in words; at least one."""
    said_by: str = ""
    """What says otherwise, as a subject of several; empty for what implies the rows."""
    fix: str = ""
    """What to do about it; empty for building the tokenizer again."""


class AnyVocabulary(Protocol):
    """What a checkpoint implies of a tokenizer."""

    @property
    def said_by(self) -> str:
        """What implies it, in words, as a subject of several."""
        ...

    @property
    def file(self) -> str:
        """The file of the folder that holds the rows."""
        ...

    def compare(self, tokenizer: PreTrainedTokenizerBase | None) -> tuple[Difference, ...]:
        """Everything that differs, each cause once; texts only where nothing else explains them."""
        ...

    def judge(self, differences: Sequence[Difference]) -> Level:
        """The level that these differences make; it passes exactly if there are none."""
        ...

    def maybe_cut(self, tokenizer: PreTrainedTokenizerBase) -> object:
        """The length at which a processor cuts labels, if that is too short; else None."""
        ...


def aspect_measures(
    differences: Sequence[Difference], compared: Mapping[Aspect, int]
) -> tuple[Measure, ...]:
    """One measure for each aspect.

    Args:
        differences: All that differs.
        compared: How much was compared of each aspect.
    """
    return tuple(
        _measure(aspect, [d for d in differences if d.aspect == aspect], number)
        for aspect, number in compared.items()
    )


def _measure(name: Aspect, differences: Sequence[Difference], compared: int) -> Measure:
    wrong = [said for difference in differences for said in difference.wrong]
    return Measure(
        name=name,
        where="; ".join(wrong[:3]),
        error=float(len(wrong)),
        tolerance=tolerances.EXACT,
        unit=_UNITS.get(name, name),
        compared=compared,
    )
