"""`toolkit batch` and what can be asked of its results."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from toolkit.console.answering import deliver, working
from toolkit.console.exits import Exit
from toolkit.console.interruption import Interrupted
from toolkit.console.registering import Asked, command_of
from toolkit.console.speaking import say
from toolkit.core.errors import BadInput

if TYPE_CHECKING:
    from toolkit.core.batches import Summary
    from toolkit.session.program import Shown

ANSWERS = ("json_path", "quiet")
PAGES = ("html", *ANSWERS)


def register_batches(app: click.Group) -> None:
    """Makes them commands of the program."""
    parts = click.Group("batch")
    command_of(app, "toolkit.batch.running", shows=ANSWERS, parts=parts)(batch)
    command_of(parts, "toolkit.batch.asking", shows=ANSWERS, of="batch")(status)
    command_of(parts, "toolkit.batch.overview", shows=PAGES, of="batch")(report)


def batch(asked: Asked, shown: Shown) -> None:
    """Do the same with many checkpoints: each job once, whatever ends it.

    The same line again continues, and does nothing twice. `toolkit batch status RESULTS` says how
    far it is.

    Example: toolkit batch jobs.toml results/

    Example: toolkit batch jobs.toml results/ --workers 8 --time-limit 3600

    Example: toolkit batch jobs.toml results/ --engine ray --address auto
    """
    from toolkit.batch.running import batch as run

    try:
        with working(shown.quiet, shown.json_path) as progress:
            summary = run(**asked, progress=progress)
    except KeyboardInterrupt as stop:
        raise Interrupted(_what_is_done(asked)) from stop
    _tell(summary, shown)
    _end(summary)


def status(asked: Asked, shown: Shown) -> None:
    """Say how far a batch is, and why jobs did not come to a match.

    Example: toolkit batch status results/

    Example: toolkit batch status results/ --json status.json
    """
    from toolkit.batch.asking import summarize

    _tell(summarize(**asked), shown)


def report(asked: Asked, shown: Shown) -> None:
    """Show all checkpoints of a batch on one page, the worst first.

    It is RESULTS/index.html where `--html` names no other.

    Example: toolkit batch report results/

    Example: toolkit batch report results/ --html overview.html --parquet tables/
    """
    from toolkit.batch.overview import report as overview_of
    from toolkit.report.batches import describe_batch
    from toolkit.report.overview import NAME, render_overview

    page = shown.html or asked["results"] / NAME
    if shown.html is None and os.path.lexists(page):
        _expect_own(page)
    overview = overview_of(**asked)
    written = {"page": page, "tables": asked["parquet"]}
    lines = [f"{what}: {path}" for what, path in written.items() if path is not None]
    deliver(
        replace(shown, html=page),
        values=overview.to_dict,
        page=lambda: render_overview(overview, page.parent),
        show=lambda err: say("\n".join([describe_batch(overview.summary), *lines]), err=err),
    )


def _expect_own(page: Path) -> None:
    """Refuses to write a page over what is none.

    Raises:
        BadInput: it would.
    """
    from toolkit.core.outputs import Kept, Output, check_outputs
    from toolkit.report.files import is_report

    written = Output(option="RESULTS", path=page, kind="report")
    check_outputs([written], Kept(), force=False, is_report=is_report)


def _tell(summary: Summary, shown: Shown) -> None:
    from toolkit.report.batches import describe_batch

    deliver(
        shown,
        values=summary.to_dict,
        show=lambda err: say(describe_batch(summary), err=err),
    )


def _end(summary: Summary) -> NoReturn:
    if summary.count("mismatch"):
        raise click.exceptions.Exit(Exit.MISMATCH)
    failed = summary.count("refused", "died")
    if failed:
        raise BadInput(
            f"`{failed}` of {summary.jobs} jobs must come to a result, but were refused or died; "
            f"all others are done. `toolkit batch status {summary.results}` says why, and "
            "`--again` does them once more."
        )
    raise click.exceptions.Exit(Exit.MATCH)


def _what_is_done(asked: Asked) -> str:
    """What there is of a batch that was interrupted, in words."""
    from toolkit.batch.asking import summarize

    try:
        summary = summarize(asked["results"])
    except BadInput:
        return "no job is done"
    done = summary.jobs - summary.count("waiting", "running", "interrupted")
    return (
        f"{done} of {summary.jobs} jobs that were begun are done and kept in `{summary.results}`; "
        "the same command continues"
    )
