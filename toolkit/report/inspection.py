"""An inspection in the terminal and as one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.checkpoint.finite import describe_not_finite
from toolkit.core.coverage import Reason
from toolkit.core.inspection import Inspection
from toolkit.report import text

if TYPE_CHECKING:
    from rich.console import Console

CONVERSIONS = {
    "native": "stock transformers classes, exact",
    "bundled": "classes that the folder carries, exact: stock ones are not",
    "incomplete": "needs values that the checkpoint does not give",
    "refused": "refused: neither stock classes nor those that a folder can carry are exact",
}


def print_inspection(inspection: Inspection, console: Console) -> None:
    """What the file is, what was derived on which evidence, and what a conversion will do."""
    from rich.table import Table
    from rich.text import Text

    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(inspection):
        facts.add_row(Text(name, style="dim"), Text(text.show_controls(value)))
    console.print(facts)
    fields = Table(title="configuration", title_justify="left")
    for column in ("key", "value", "evidence"):
        fields.add_column(column, overflow="fold")
    for field in inspection.fields:
        cells = (field.name, str(field.value), field.evidence)
        fields.add_row(*(Text(text.show_controls(cell)) for cell in cells))
    console.print(fields)
    for title, reasons in _groups(inspection):
        for reason in reasons:
            console.print(Text(text.show_controls(f"{title}: {reason.name}: {reason.because}")))


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
    dtypes = ", ".join(f"{count} {dtype}" for dtype, count in inspection.dtypes.items())
    optimizer = ", with optimizer state" if inspection.has_optimizer_state else ""
    return [
        ("file", text.show_controls(inspection.source.path)),
        ("sha256", inspection.source.sha256 or "not known"),
        ("format", f"{inspection.format}{optimizer}"),
        ("family", f"{inspection.family}, {inspection.generation}"),
        ("architecture", text.show_controls(inspection.architecture)),
        ("tensors", f"{inspection.tensors} ({dtypes}), {inspection.parameters:,} parameters"),
        ("languages", ", ".join(inspection.languages) or "no language tags"),
        *((name, text.show_controls(path)) for name, path in inspection.sidecars.items()),
        ("conversion", _conversion(inspection)),
    ]
