"""An inspection in the terminal and as one page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import quote
from typing import TYPE_CHECKING

from toolkit.checkpoint.finite import describe_not_finite
from toolkit.core.counting import counted
from toolkit.core.coverage import Reason
from toolkit.core.inspection import ConfigField, Inspection
from toolkit.core.settled import unproven
from toolkit.report import text
from toolkit.report.rows import fold_rows

if TYPE_CHECKING:
    from rich.console import Console

CONVERSIONS = {
    "native": "stock transformers classes, exact",
    "bundled": "classes that the folder carries, exact: stock ones are not",
    "incomplete": "needs values that the checkpoint does not give",
    "refused": "refused: neither stock classes nor those that a folder can carry are exact",
}


_AROUND = 10
"""Columns that the lines of a table of three take."""
MAX_LINES = 12
"""Of a summary at 80 columns."""


def summarize(inspection: Inspection, columns: int) -> str:
    """What the file is, what becomes of it, why, and what to do next, in at most a dozen lines.

    Args:
        inspection: What was found out.
        columns: Of the terminal. Words are never broken: a path may be longer than a line.
    """
    return fold_rows(_summary(inspection), columns, kept_whole=("file", "next"))


def _summary(inspection: Inspection) -> Iterator[tuple[str, str]]:
    """What a summary says, each with its label, the most important first."""
    path = inspection.source.path
    yield "file", path
    task = f"; task {inspection.task}" if inspection.task else ""
    yield "is", f"{inspection.family}, {inspection.generation}{task}"
    yield "holds", _size(inspection)
    classes = " + ".join(inspection.architectures)
    yield "becomes", f"{classes}: {_conversion(inspection)}" if classes else _conversion(inspection)
    for label, reasons in _why(inspection):
        if reasons:
            yield label, _first(reasons)
    yield "next", _next(inspection, quote(path))


def _why(inspection: Inspection) -> tuple[tuple[str, Sequence[Reason]], ...]:
    """What decides on the conversion, and what was taken for granted."""
    open_ones = unproven(inspection.assumptions)
    decides = {
        "refused": (*inspection.refusals, *_warnings(inspection)),
        "incomplete": inspection.unknown,
        "bundled": inspection.shortcomings,
        "native": (),
    }
    return ("because", decides[inspection.conversion]), ("assumed", open_ones)


def _first(reasons: Sequence[Reason]) -> str:
    more = f"; and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return f"{reasons[0].name}: {reasons[0].because}{more}"


def _next(inspection: Inspection, path: str) -> str:
    """The command that a reader wants now."""
    return {
        "native": f"toolkit convert {path} OUT --verify",
        "bundled": f"toolkit convert {path} OUT --verify",
        "incomplete": f"toolkit inspect {path} --all",
        "refused": f"toolkit inspect {path} --all",
    }[inspection.conversion]


def print_inspection(inspection: Inspection, console: Console) -> None:
    """All of it: what was derived on which evidence, and what a conversion will do."""
    from rich.table import Table
    from rich.text import Text

    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(inspection):
        facts.add_row(Text(name, style="dim"), Text(text.show_controls(value)))
    console.print(facts)
    fields = Table(title="configuration", title_justify="left")
    for column in ("key", "value", "evidence"):
        fields.add_column(column, overflow="fold")
    for row in _broken(inspection.fields, console.width):
        fields.add_row(*map(Text, row))
    console.print(fields)
    for title, reasons in _groups(inspection):
        for reason in reasons:
            console.print(Text(text.show_controls(f"{title}: {reason.name}: {reason.because}")))


def _broken(fields: Sequence[ConfigField], columns: int) -> Iterator[list[str]]:
    """Key, value and evidence of each, side by side; names are broken at their signs."""
    cells = [
        [text.show_controls(cell) for cell in (field.name, str(field.value), field.evidence)]
        for field in fields
    ]
    room = columns - _AROUND
    longest = (max((len(row[i]) for row in cells), default=0) for i in range(2))
    key, value = (min(length, room // 3) for length in longest)
    widths = (key, value, room - key - value)
    for row in cells:
        yield ["\n".join(text.break_name(c, w)) for c, w in zip(row, widths, strict=True)]


def render_inspection(inspection: Inspection) -> str:
    """The inspection as one self-contained page."""
    from toolkit.report.html import create_environment

    return (
        create_environment()
        .get_template("inspection.html.j2")
        .render(
            inspection=inspection,
            conversion=_conversion(inspection),
            facts=_facts(inspection),
            groups=_groups(inspection),
        )
    )


def _conversion(inspection: Inspection) -> str:
    under = text.describe_assumptions(inspection.assumptions)
    conversion = CONVERSIONS[inspection.conversion]
    if inspection.not_finite and not inspection.refusals:
        conversion = "refused: tensors that it would use hold NaN or infinities"
    return f"{conversion}; {under}" if under else conversion


def _groups(inspection: Inspection) -> list[tuple[str, tuple[Reason, ...]]]:
    return [
        ("warning", _warnings(inspection)),
        ("assumed", inspection.assumptions),
        ("unknown", inspection.unknown),
        ("refused", inspection.refusals),
        ("carries code", inspection.shortcomings),
        ("dropped", inspection.dropped),
    ]


def _warnings(inspection: Inspection) -> tuple[Reason, ...]:
    if not inspection.not_finite:
        return ()
    because = f"all must be finite numbers, but {describe_not_finite(inspection.not_finite)}"
    return (Reason(name="values", because=because),)


def _facts(inspection: Inspection) -> list[tuple[str, str]]:
    optimizer = ", with optimizer state" if inspection.has_optimizer_state else ""
    return [
        ("file", text.show_controls(inspection.source.path)),
        ("sha256", inspection.source.sha256 or "not known"),
        ("format", f"{inspection.format}{optimizer}"),
        ("family", f"{inspection.family}, {inspection.generation}"),
        ("architecture", text.show_controls(inspection.architecture)),
        ("tensors", _size(inspection)),
        ("languages", ", ".join(inspection.languages) or "no language tags"),
        *((name, text.show_controls(path)) for name, path in inspection.sidecars.items()),
        ("conversion", _conversion(inspection)),
    ]


def _size(inspection: Inspection) -> str:
    dtypes = ", ".join(f"{count} {dtype}" for dtype, count in inspection.dtypes.items())
    return (
        f"{counted(inspection.tensors, 'tensors')} ({dtypes}), {inspection.parameters:,} parameters"
    )
