"""Every job of a batch on one page, which leads to the pages of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from toolkit.core.batches import JobRow, Overview, Summary
from toolkit.core.counting import counted
from toolkit.core.json import JsonDict
from toolkit.report.html import create_environment
from toolkit.report.inlining import content_policy, pack_json, read_scripts
from toolkit.report.text import describe_bytes

SCRIPTS = ("data", "address", "words", "overview")
NAME = "index.html"
"""Of the page, in the results."""
TONES = {
    "mismatch": "fail",
    "died": "fail",
    "refused": "deviation",
    "running": "unverified",
    "interrupted": "unverified",
    "waiting": "unverified",
    "unverified": "unverified",
    "recorded": "pass",
    "match": "pass",
}
"""How each outcome looks, the worst first."""


def render_overview(overview: Overview, home: Path) -> str:
    """The page, as it lies in the folder `home`: links to other pages are seen from there."""
    results = Path(overview.summary.results)
    shared = _shared_folder(row.checkpoint for row in overview.rows)
    script = read_scripts(SCRIPTS)
    tone, title = _title(overview.summary)
    return (
        create_environment()
        .get_template("overview.html.j2")
        .render(
            summary=overview.summary,
            title=title,
            tone=tone,
            gist=_gist(overview.summary),
            shared=shared,
            outcomes=[name for name in TONES if name in overview.summary.counts],
            choices={
                "kind": sorted({row.kind for row in overview.rows}),
                "family": sorted({row.family or "" for row in overview.rows} - {""}),
                "task": sorted({row.task or "" for row in overview.rows} - {""}),
            },
            policy=content_policy([script]),
            script=script,
            data=pack_json({"rows": [_plain(r, results, shared, home) for r in overview.rows]}),
        )
    )


def _plain(row: JobRow, results: Path, shared: str, home: Path) -> JsonDict:
    return {
        "name": row.checkpoint[len(shared) :],
        "kind": row.kind,
        "outcome": row.outcome,
        "tone": TONES[row.outcome],
        "family": row.family,
        "task": row.task,
        "worst": row.worst and vars(row.worst),
        "cause": row.cause,
        "seconds": row.seconds,
        "bytes": row.peak_bytes,
        "page": None if row.page is None else _link(results / row.page, home),
    }


def _link(page: Path, home: Path) -> str:
    relative = os.path.relpath(page.absolute(), home.absolute())
    return quote(relative.encode("utf-8", "surrogateescape").replace(os.sep.encode(), b"/"))


def _shared_folder(paths: Iterable[str]) -> str:
    """The folder, with a slash behind it, that all paths lie in; empty where there is none."""
    folders = {os.path.dirname(path) for path in paths}
    try:
        shared = os.path.commonpath(folders)
    except ValueError:
        return ""
    # A checkpoint is known by its own folder, which therefore is never left out.
    shared = os.path.dirname(shared) if shared in folders else shared
    return f"{shared.rstrip(os.sep)}{os.sep}" if shared else ""


def _title(summary: Summary) -> tuple[str, str]:
    """How the page looks, and what it says first: the worst that there is."""
    jobs = counted(summary.jobs, "jobs").upper()
    for tone, names, said in (
        ("fail", ("mismatch",), "DO NOT MATCH"),
        ("fail", ("died",), "DIED"),
        ("deviation", ("refused",), "REFUSED"),
        ("unverified", ("running", "interrupted", "waiting"), "NOT DONE"),
        ("unverified", ("unverified",), "NOT VERIFIED"),
    ):
        count = summary.count(*names)
        if count:
            return tone, f"{count} OF {jobs} {said}"
    if not summary.jobs:
        return "unverified", "NO JOBS"
    return "pass", f"{jobs} {'DONE' if summary.count('recorded') else 'MATCH'}"


def _gist(summary: Summary) -> str:
    counts = ", ".join(f"{summary.counts[name]} {name}" for name in TONES if name in summary.counts)
    hours = summary.seconds / 3600
    took = f"{hours:.1f} hours" if hours >= 1 else f"{summary.seconds:.0f} s"
    return (
        f"{counts or 'nothing'}: {describe_bytes(summary.bytes_done)} of "
        f"{describe_bytes(summary.bytes_total)} done, {took} of work"
    )
