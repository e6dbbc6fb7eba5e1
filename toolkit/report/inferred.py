"""Says in a terminal what was inferred of a fork."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from toolkit.core.counting import counted
from toolkit.core.inferred import Inference
from toolkit.report.rows import fold_rows

MAX_SHOWN = 12
"""Ambiguities that are shown one by one."""


def summarize_inference(inference: Inference, columns: int) -> str:
    """What was found, on what it rests, and what to do next.

    Args:
        inference: What came of it.
        columns: Of the terminal.
    """
    return fold_rows(_rows(inference), columns, kept_whole=("written", "next"))


def _rows(inference: Inference) -> Iterator[tuple[str, str]]:
    yield "written", inference.written or "nothing, as no file was named with `--write`"
    yield "family", inference.family
    yield "rows", f"{counted(len(inference.rows), 'rows')}, each with its evidence"
    yield "held", f"against {inference.held}: {inference.because}"
    for one in islice(inference.ambiguous, MAX_SHOWN):
        yield "ambiguous", f"{', '.join(one.targets)}: {one.because}; {', '.join(one.candidates)}"
    if len(inference.ambiguous) > MAX_SHOWN:
        yield "", f"and {counted(len(inference.ambiguous) - MAX_SHOWN, 'ambiguities')} more"
    for reason in islice(inference.dropped, MAX_SHOWN):
        yield "dropped", f"{reason.name}: {reason.because}"
    if inference.lacking:
        yield "lacking", ", ".join(inference.lacking[:MAX_SHOWN])
    yield "next", inference.next
