"""The outcomes of `toolkit faults`, in the terminal and as one page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from toolkit.core.outcomes import FaultsResult
from toolkit.report.html import create_environment
from toolkit.report.text import show_controls

if TYPE_CHECKING:
    from rich.console import Console


def print_faults(result: FaultsResult, console: Console) -> None:
    """One line per class, the yardsticks, and every fault that was not named rightly."""
    console.print(_classes_table(result))
    console.print(_yardsticks_table(result))
    weights = [o for o in result.singles if o.of_weights]
    for line in (
        f"single faults: {result.share('detected')} detected, {result.share('blamed')} blamed "
        f"rightly, in {len(result.by_kind)} classes",
        f"weight faults: {result.share('hypothesis', weights)} hypotheses right and confirmed",
        f"double faults: {sum(d.both for d in result.doubles)} of {len(result.doubles)} with both "
        "in the findings",
        f"faults that fine-tuning alone sees, or nobody: {result.noted} noted, and no finding",
        f"extra findings: {result.extra} beyond those that the faults explain",
        f"isolated errors: right modules up to {result.gap[0]:.1e}, wrong ones from "
        f"{result.gap[1]:.1e} of the largest value",
        f"excluded, because they provably change nothing: {len(result.excluded)}",
        f"took {result.duration_s:.0f} s",
    ):
        console.print(line, markup=False, highlight=False)
    for line in _complaints(result):
        console.print(show_controls(line), markup=False)


def _complaints(result: FaultsResult) -> Iterator[str]:
    for outcome in result.singles:
        if not (outcome.detected and outcome.blamed):
            yield f"not named: {outcome.name}: {outcome.said}"
    for name, extra in result.extras.items():
        yield f"{extra} extra findings: {name}"
    for double in result.doubles:
        if not double.both:
            yield f"not both: {double.name}: {'; '.join(double.said)}"


def _classes_table(result: FaultsResult) -> object:
    from rich.table import Table

    table = Table(title="faults by class", title_justify="left")
    for column in ("class", "faults", "detected", "blamed", "hypothesis", "noted", "extra"):
        table.add_column(column, justify="left" if column == "class" else "right")
    for kind, outcomes in result.by_kind.items():
        shares = [result.share(f, outcomes) for f in ("detected", "blamed", "hypothesis")]
        rights = (str(share.right) for share in shares)
        noted = str(result.count_noted(outcomes))
        extra = str(result.count_extra(outcomes))
        table.add_row(kind, str(len(outcomes)), *rights, noted, extra)
    return table


def _yardsticks_table(result: FaultsResult) -> object:
    from rich.table import Table

    table = Table(title="the same faults, other yardsticks", title_justify="left")
    for column in ("yardstick", "detects", "names the module"):
        table.add_column(column, justify="left" if column == "yardstick" else "right")
    diff = (str(result.share("detected")), str(result.share("blamed")))
    table.add_row("toolkit diff", *diff)
    for name, (detects, names) in result.yardsticks.items():
        table.add_row(name, str(detects), str(names))
    return table


def render_faults(result: FaultsResult) -> str:
    """All outcomes as one self-contained page."""
    return create_environment().get_template("faults.html.j2").render(result=result)
