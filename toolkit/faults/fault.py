"""A fault and the truth about it, as data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

Break = Callable[[Path], None]
"""Breaks the folder in place. Made of module functions and plain data, so that it pickles."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What a right finding says about a fault.

    Where both `modules` and `config_keys` are given, naming one of either is right.
    """

    modules: frozenset[str] = frozenset()
    """Hugging Face module paths that own a broken tensor; the first finding names one of them."""
    parameters: frozenset[str] = frozenset()
    """Every tensor of the file that is changed, added or removed; no other one is touched."""
    config_keys: frozenset[str] = frozenset()
    """Keys such as `decoder.scale_embedding`, or `tokenizer.json`; the first finding names one."""
    hypotheses: frozenset[str]
    """Names that are right; more than one only where the same bits have two explanations."""
    files: frozenset[str]
    """The files of the folder that are changed; no other one is touched."""
    noted: bool = False
    """Fine-tuning alone sees it, or nobody: it is worth a note and spoils no verdict."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One mistake that a conversion can make."""

    name: str
    """Unique within a catalogue: the kind, a colon, and the tensor or key."""
    kind: str
    """The class of the fault, such as `rows_shuffled`."""
    part: str
    """The part of the model or of the folder, such as `encoder attention` or `tokenizer`."""
    truth: Truth
    break_folder: Break


@dataclass(frozen=True, kw_only=True)
class DoubleFault:
    """Two faults that share no module, no tensor and no key."""

    name: str
    kind: str
    """`weight+config`, `weight+weight` or `config+config`."""
    first: Fault
    second: Fault

    @property
    def truths(self) -> tuple[Truth, Truth]:
        """What the findings must say, in no order."""
        return self.first.truth, self.second.truth

    def break_folder(self, folder: Path) -> None:
        """Breaks the folder in place, twice."""
        self.first.break_folder(folder)
        self.second.break_folder(folder)


def in_turn(folder: Path, *, breaks: Iterable[Break]) -> None:
    """Breaks the folder in several ways, one after the other."""
    for break_folder in breaks:
        break_folder(folder)
