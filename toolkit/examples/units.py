"""Units of speech as examples: one sequence a line of a file, numbers with spaces between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar

from toolkit.audio.clips import Clip, ClipFacts, ClipFile, golden_folder
from toolkit.checkpoint.plain_files import read_small
from toolkit.core.errors import BadInput, reason_of

GOLDEN = "units.txt"
MAX_BYTES = 1 << 22
MAX_UNIT = 1 << 20
"""float32 holds every number below exactly; published vocoders have 2500 at most."""


@dataclass(frozen=True, kw_only=True)
class Units(Clip):
    """A sequence of units, in the place of samples."""

    samples_a_second: ClassVar[int] = 0

    def excerpt(self, samples: int) -> Clip:
        """Its first units, so many at most, as a sequence of its own."""
        facts = ClipFacts(name=f"{self.name}/…", lang=self.lang, kind="probe")
        return make_units([int(unit) for unit in self.waveform[:samples]], facts)


@dataclass(frozen=True, kw_only=True)
class UnitFile(ClipFile):
    """A sequence of a file, which is read already: it is small."""

    units: tuple[int, ...]

    def read(self) -> Clip:
        """The sequence."""
        return make_units(self.units, self)


def make_units(units: Sequence[int], facts: ClipFacts) -> Units:
    """A sequence of units.

    Args:
        units: The units.
        facts: What is told of it beside.
    """
    import numpy as np

    told = {field.name: getattr(facts, field.name) for field in fields(ClipFacts)}
    return Units(**told, waveform=np.array(units, dtype=np.float32))


def find_units(paths: Sequence[Path]) -> Iterator[UnitFile]:
    """The sequences in files, one a line.

    Args:
        paths: Files; none means the golden sequences.

    Raises:
        BadInput: a file cannot be read, or holds something else.
    """
    for path in paths or [golden_folder() / GOLDEN]:
        lines = _read(path).replace("\r\n", "\n").split("\n")
        found = [_read_line(path, *each) for each in enumerate(lines, start=1) if each[1].strip()]
        if not found:
            raise BadInput(f"`{path}` must hold units, but holds none. Name another file.")
        yield from found


def _read(path: Path) -> str:
    try:
        return read_small(path, max_bytes=MAX_BYTES).decode("utf-8")
    except (OSError, ValueError) as error:
        raise BadInput(
            f"`{path}` must be a file of units, one sequence a line, but {reason_of(error)}. Name "
            "the right file with `--units`."
        ) from error


def _read_line(path: Path, number: int, line: str) -> UnitFile:
    words = line.split()
    wrong = [word for word in words if not (word.isascii() and word.isdigit() and len(word) < 7)]
    if wrong:
        raise BadInput(
            f"Line {number} of `{path}` must be units, whole numbers with spaces between, but has "
            f"{wrong[0]!r:.40}. Correct it."
        )
    units = tuple(map(int, words))
    return UnitFile(name=f"{path.stem}:{number}", path=path, units=units)
