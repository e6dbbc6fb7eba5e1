"""A planned conversion or export in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from toolkit.core.counting import counted
from toolkit.core.planned import PlannedConversion, PlannedExport
from toolkit.core.settled import unproven
from toolkit.report.exported import describe_kept
from toolkit.report.rows import fold_rows
from toolkit.report.text import describe_bytes

MAX_FILES = 3
"""Files of weights that are named."""
CARD_AND_REST = "configuration, vocabulary and model card, which take little"


def summarize_plan(plan: PlannedConversion, columns: int) -> str:
    """What would be written where, from what, and how it would be proven.

    Args:
        plan: What a conversion would do.
        columns: Of the terminal.
    """
    return fold_rows(_rows(plan), columns, kept_whole=("writes", "next"))


def summarize_export(plan: PlannedExport, columns: int) -> str:
    """What would be written where, with whose settings, and whether it would be proven.

    Args:
        plan: What an export would do.
        columns: Of the terminal.
    """
    return fold_rows(_export_rows(plan), columns, kept_whole=("writes", "next"))


def _export_rows(plan: PlannedExport) -> Iterator[tuple[str, str]]:
    yield "writes", f"nothing now; {plan.out} if it is run without `--dry-run`"
    yield "settings", f"those of {plan.like}" if plan.like else "as the folder's configuration says"
    if plan.beside:
        yield "beside", ", ".join(plan.beside)
    yield from (("kept", line) for line in describe_kept(plan.kept))
    yield "room", _room(plan)
    because = plan.unverified_because
    yield "proof", "all levels, before it appears" if because is None else f"none: {because}"
    yield "next", plan.next


def _rows(plan: PlannedConversion) -> Iterator[tuple[str, str]]:
    yield "writes", f"nothing now; {plan.out} if it is run without `--dry-run`"
    yield "becomes", f"{' + '.join(plan.architectures)}, {_whose(plan)}; task {plan.task}"
    for name, num_bytes in islice(plan.files.items(), MAX_FILES):
        yield "file", f"{name}, {describe_bytes(num_bytes)}"
    if len(plan.files) > MAX_FILES:
        yield "", f"and {counted(len(plan.files) - MAX_FILES, 'files')} of weights more"
    yield "", CARD_AND_REST
    yield "room", _room(plan)
    yield "proof", _proof(plan)
    for reason in unproven(plan.assumptions):
        yield "assumed", f"{reason.name}: {reason.because}"
    yield "next", plan.next


def _whose(plan: PlannedConversion) -> str:
    return "classes that the folder carries" if plan.carries_code else "stock transformers classes"


def _room(plan: PlannedConversion | PlannedExport) -> str:
    needed = describe_bytes(plan.num_bytes)
    if plan.free_bytes is None:
        return f"{needed}; the system does not say how much is free"
    return f"{needed} of {describe_bytes(plan.free_bytes)}, free now"


def _proof(plan: PlannedConversion) -> str:
    if plan.unverified_because is not None:
        return f"none: {plan.unverified_because}"
    return plan.comparison
