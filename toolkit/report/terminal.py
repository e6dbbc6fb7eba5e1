"""The result in a terminal: verdict, levels, coverage, what to fix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.core.counting import counted
from toolkit.core.findings import Finding
from toolkit.core.folding import fold
from toolkit.core.measures import Level
from toolkit.core.result import Fixed, ModuleRow, Result
from toolkit.core.settled import settled, unproven
from toolkit.report import measured, text
from toolkit.report.exported import describe_exported

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

FRAMES = "B T D"
"""Axes of features: clips, frames, features."""
MAX_FINDINGS = 5
MAX_KEYS = 4
_AROUND = 4 * 3 + 1
"""Columns between and beside those of a table of four."""
_NARROWEST = 12
_BESIDE = ("level", "verdict", "found")
"""Headers of the columns left of the one that may break."""

_STYLES = {
    "pass": "green",
    "match": "bold green",
    "deviation": "yellow",
    "fail": "bold red",
    "mismatch": "bold red",
    "unverified": "bold yellow",
}


def print_result(result: Result, console: Console, report_path: Path | None = None) -> None:
    """Prints what a person wants to know first.

    Args:
        result: what was found.
        console: where it goes; without UTF-8 only ASCII is printed, without colour the words stay.
        report_path: the HTML report to point at, if one was written.
    """
    writer = _Writer(console)
    writer.line(_verdict_line(result, writer), _STYLES[result.verdict])
    for suspicion in result.suspicious:
        writer.line(f"WARNING, suspicious {suspicion.name}: {suspicion.summary}", "bold yellow")
    for line in _assumption_lines(result):
        writer.line(line, "yellow")
    if result.levels:
        console.print(_level_table(result.levels, writer))
    else:
        because = f", because {result.unverified_because}" if result.unverified_because else ""
        writer.line(f"Nothing was compared{because}: whether it is right is not known.")
    if result.coverage is not None:
        writer.line(measured.describe_coverage(result.coverage, writer.separator, result.examples))
    for deviation in result.deviations:
        size = text.format_error(deviation.max_error)
        mark = writer.symbol("deviation")
        writer.line(
            f"{mark} deviation {deviation.name}: {deviation.summary}"
            f" (at most {size}, {deviation.where})",
            hang=len(f"{mark} "),
        )
    for line, hang in _finding_lines(result.findings):
        writer.line(line, hang=hang)
    if result.notes:
        writer.line(measured.describe_notes(result.notes))
    for line in (*_written_lines(result), *_next_lines(result)):
        writer.whole(line)
    if report_path is not None:
        writer.whole(f"report: {report_path}")


class _Writer:
    """A console, and whether it can show more than ASCII."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.ascii_only = not console.encoding.lower().startswith("utf")
        self.separator = "; " if self.ascii_only else " · "

    def symbol(self, verdict: str) -> str:
        """The sign of a verdict."""
        return (text.ASCII_SYMBOLS if self.ascii_only else text.SYMBOLS)[verdict]

    def text(self, plain: str, style: str = "") -> Text:
        """The words as they are, never read as markup or escape sequences."""
        from rich.text import Text

        shown = text.show_controls(plain)
        if self.ascii_only:
            shown = shown.encode("ascii", errors="backslashreplace").decode("ascii")
        return Text(shown, style=style, overflow="fold")

    def line(self, plain: str, style: str = "", *, hang: int = 0) -> None:
        """Prints a sentence; a terminal breaks it between words, and nothing else does."""
        lines = [plain]
        if self.console.is_terminal:
            width = self.console.width
            lines = fold(text.show_controls(plain), width, hang=hang).split("\n")
        for line in lines:
            self.whole(line, style)

    def whole(self, plain: str, style: str = "") -> None:
        """Prints what is copied: in one line, however long."""
        self.console.print(self.text(plain, style), soft_wrap=True)


def _verdict_line(result: Result, writer: _Writer) -> str:
    arrow = "->" if writer.ascii_only else "→"
    counts = f" ({measured.describe_levels(result.levels)})" if result.levels else ""
    names = f" {arrow} ".join(result.way)
    under = text.describe_assumptions(result.assumptions)
    verdict = f"{result.verdict} {under}" if under else result.verdict
    return f"{writer.symbol(result.verdict)} {verdict}{counts}: {names}"


def _assumption_lines(result: Result) -> Iterator[str]:
    for reason in unproven(result.assumptions):
        yield f"assumption {reason.name}: {reason.because}"
    for chosen in settled(result.assumptions):
        yield f"chosen {chosen.name}: {chosen.because}"


def _next_lines(result: Result) -> Iterator[str]:
    """What is there now, or what to type next."""
    if result.verdict == "match":
        yield from _heard_lines(result)
    if result.usage:
        yield "use it:"
        yield from (f"  {line}" for line in result.usage.splitlines() if line)
    if result.next:
        yield f"next: {result.next}"


def _heard_lines(result: Result) -> Iterator[str]:
    """What the model says of the first clip, or how many features it gives."""
    if result.tokens:
        said = result.tokens[0]
        yield f"{said.clip} says: {said.heard}"
    elif result.coverage is not None and (last := _last_block(result.modules)) is not None:
        _, frames, width = last.shape
        clip = result.coverage.clips[0].name
        yield f"{clip} gives {counted(frames, 'frames')} of {counted(width, 'features')}"


def _last_block(rows: Sequence[ModuleRow]) -> ModuleRow | None:
    """The last module of several parts that answered with features of each frame."""
    paths = [row.target for row in rows]
    blocks = [
        row
        for row in rows
        if row.axes == FRAMES
        and row.order is not None
        and any(path.startswith(f"{row.target}.") for path in paths)
    ]
    return max(blocks, key=lambda row: row.order or 0, default=None)


def _written_lines(result: Result) -> Iterator[str]:
    if result.fixed is not None:
        yield _fixed_line(result.fixed)
    if result.exported is not None:
        yield from describe_exported(result.exported)


def _fixed_line(fixed: Fixed) -> str:
    converted = "a new conversion, as undoing alone makes no match"
    how = f"{counted(fixed.findings, 'findings')} undone" if fixed.how == "undone" else converted
    return f"fixed: {fixed.path} ({how}; verified: match)"


def _level_table(levels: tuple[Level, ...], writer: _Writer) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.ASCII2 if writer.ascii_only else box.SIMPLE_HEAD, highlight=False)
    for header in _BESIDE:
        table.add_column(header, no_wrap=True)
    table.add_column("where", overflow="fold")
    cells = [_level_cells(level, writer) for level in levels]
    room = writer.console.width - _taken([map(Text, _BESIDE), *(others for others, _ in cells)])
    for others, where in cells:
        lines = text.break_name(text.show_controls(where), max(room, _NARROWEST))
        table.add_row(*others, Text("\n").join(map(writer.text, lines)))
    return table


def _taken(cells: Iterable[Iterable[Text]]) -> int:
    """Columns of a table that all but the last one take, from its headers and cells."""
    columns = zip(*cells, strict=True)
    widths: list[int] = [max(cell.cell_len for cell in column) for column in columns]
    return sum(widths) + _AROUND


def _level_cells(level: Level, writer: _Writer) -> tuple[tuple[Text, Text, Text], str]:
    """The cells of a level, and where its largest error is."""
    worst = level.worst
    verdict = writer.text(f"{writer.symbol(level.verdict)} {level.verdict}", _STYLES[level.verdict])
    found = "-" if worst is None else measured.describe_error(worst)
    where = "nothing was compared" if worst is None else worst.where
    return (writer.text(level.name), verdict, writer.text(found)), where


def _listed(keys: tuple[str, ...]) -> str:
    left_out = len(keys) - MAX_KEYS
    return ", ".join(keys[:MAX_KEYS]) + (f" and {left_out} more" if left_out > 0 else "")


def _finding_lines(findings: tuple[Finding, ...]) -> Iterator[tuple[str, int]]:
    """Lines, and by how much each is set in where it goes on."""
    head, detail = len("1. "), len("   fix: ")
    for rank, finding in enumerate(findings[:MAX_FINDINGS], start=1):
        place = finding.target_module or _listed(finding.config_keys)
        yield f"{rank}. {finding.kind}: {finding.summary}", head
        if place:
            yield f"   at:  {place}", detail
        first, *more = finding.fix.split("\n")
        yield f"   fix: {first}", detail
        yield from ((" " * detail + line, detail) for line in more)
    left_out = len(findings) - MAX_FINDINGS
    if left_out > 0:
        yield f"   and {left_out} more, which the report and the JSON list.", head
