"""`assert_parity`: a whole folder in one assertion, in any test framework."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from toolkit.core.measures import Level
from toolkit.core.result import Result
from toolkit.report.text import format_error
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.verify import Assertion, Verify


@keywords_of(Assertion)
def assert_parity(request: Assertion) -> Result:
    """The result of `toolkit.verify`, if the folder matches the checkpoint.

    For unittest and scripts; pytest has a plugin with one test per module pair, level and clip.

    Raises:
        AssertionError: the folder does not match; says where, by how much, why, and what to change.
        BadInput: a file or folder cannot be used, or fairseq is not installed.
        BrokenRule: the family's rules do not cover the checkpoint.
    """
    from toolkit.pipeline.verification import verify

    result = verify(**vars(request.part(Verify)))
    if result.verdict != "match":
        raise AssertionError("\n".join(_describe(result, request.report)))
    return result


def _describe(result: Result, report: Path | None) -> Iterator[str]:
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
