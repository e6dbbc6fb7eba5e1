"""A mismatch as the message of an assertion: where, by how much, why, and what to change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from toolkit.core.measures import Level
from toolkit.core.result import Result
from toolkit.report.text import format_error


def describe_mismatch(result: Result, report: Path | None) -> Iterator[str]:
    """The lines of the message; writes the HTML report where one is asked for.

    Args:
        result: What does not match.
        report: Where the report goes.
    """
    failing = [level for level in result.levels if level.verdict == "fail"]
    names = ", ".join(level.name for level in failing)
    yield f"`{result.target.path}` does not match `{result.source.path}`: {names or 'see findings'}"
    for level in failing:
        yield from _describe_level(level)
    for finding in result.findings:
        yield f"Likely cause: {finding.summary}"
        yield f"    at:   {finding.target_module or ', '.join(finding.config_keys)}"
        yield f"    fix:  {finding.fix}"
    if report is not None:
        from toolkit.report import write_html

        write_html(result, report)
        yield f"Report: {report}"


def _describe_level(level: Level) -> Iterator[str]:
    worst = level.worst
    if worst is None:
        yield f"{level.name}: {level.summary}"
        return
    yield (
        f"{level.name}: {worst.name}, {format_error(worst.error)} {worst.unit} "
        f"(up to {format_error(worst.tolerance)} allowed), at {worst.where}"
    )
