"""How what was measured is written, the same in every report: levels, errors, coverage, notes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import get_args

from toolkit.core.coverage import Coverage
from toolkit.core.findings import Note, NoteConsequence
from toolkit.core.measures import NOISE, RELATIVE, Level, LevelVerdict, Measure
from toolkit.report import text


def describe_levels(levels: Iterable[Level]) -> str:
    """How many levels ended how: `8 pass, 2 deviations`."""
    counts = Counter(level.verdict for level in levels)
    plural = "deviations" if counts["deviation"] > 1 else "deviation"
    spoken: dict[LevelVerdict, str] = {
        "pass": "pass",
        "deviation": plural,
        "fail": "fail",
        "unverified": "unverified",
    }
    return ", ".join(
        f"{counts[verdict]} {word}" for verdict, word in spoken.items() if counts[verdict]
    )


def describe_coverage(coverage: Coverage, separator: str = " · ", examples: str = "clips") -> str:
    """How much was compared, in one line."""
    left_out = sum(clip.frames_not_compared for clip in coverage.clips)
    padded = f" (padding frames not compared: {left_out})" if left_out else ""
    parts = [
        f"modules compared: {coverage.modules_compared} of {coverage.modules_total}"
        f" ({coverage.parameterized_compared} of {coverage.parameterized_total} with parameters)",
        f"tensors: {coverage.target_compared} of {coverage.target_total} compared,"
        f" {coverage.source_used} of {coverage.source_total} in the source used,"
        f" {len(coverage.source_dropped)} dropped",
        *([f"{examples}: {len(coverage.clips)}{padded}"] if coverage.clips else ()),
    ]
    return separator.join(parts)


def describe_notes(notes: Sequence[Note]) -> str:
    """How many differences change nothing of what a folder says, by what they do change."""
    counts = Counter(note.consequence for note in notes)
    each = ", ".join(f"{name} {counts[name]}" for name in get_args(NoteConsequence) if counts[name])
    plural = "difference changes" if len(notes) == 1 else "differences change"
    return f"{len(notes)} {plural} nothing here ({each})"


def describe_error(measure: Measure) -> str:
    """An error beside what it may be, in its unit: `2.2x of 4x`, `8 of 117 modules`, `equal`."""
    tolerance = text.format_error(measure.tolerance)
    if measure.unit == NOISE:
        return f"{format_found(measure)} of {tolerance}x"
    if measure.unit == RELATIVE:
        equal = measure.error == measure.tolerance == 0
        return "equal" if equal else f"{format_found(measure)} of {tolerance}"
    unit = _unit(measure.unit, measure.compared)
    return f"{text.format_error(measure.error)} of {measure.compared} {unit}"


def format_found(measure: Measure) -> str:
    """An error in its unit: `2.20x`, `8 modules`, `4.2e-07` of the largest value."""
    if measure.unit == NOISE:
        return text.format_ratio(measure.error) + ("x" if math.isfinite(measure.error) else "")
    error = text.format_error(measure.error)
    return error if measure.unit == RELATIVE else f"{error} {_unit(measure.unit, measure.error)}"


def _unit(plural: str, number: float) -> str:
    return plural.removesuffix("s") if number == 1 else plural
