"""What a batch came to, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.core.counting import counted

if TYPE_CHECKING:
    from toolkit.core.batches import Catalogue, Summary

MOST = 20
"""Troubles that are listed; the database has all of them."""


def describe_batch(summary: Summary) -> str:
    """The numbers, then what did not come to a match, the worst first."""
    counts = ", ".join(f"{number} {name}" for name, number in sorted(summary.counts.items()))
    lines = [f"{counted(summary.jobs, 'jobs')}: {counts or 'none'}"]
    lines += [
        f"✗ {trouble.outcome}: {trouble.kind} {trouble.checkpoint}: {_first_line(trouble.because)}"
        for trouble in summary.troubles[:MOST]
    ]
    further = len(summary.troubles) - MOST
    if further > 0:
        lines.append(f"... and {further} more")
    now = "" if summary.done_now is None else f" ({summary.done_now} done now)"
    lines.append(f"results: {summary.results}{now}")
    return "\n".join(lines)


def describe_catalogue(catalogue: Catalogue) -> str:
    """How many cards there are by status, and what was written now."""
    counts = ", ".join(f"{number} {status}" for status, number in catalogue.counts.items())
    lines = [f"{counted(sum(catalogue.counts.values()), 'cards')}: {counts}"]
    lines += [f"no card: {name}, which cannot be read" for name in catalogue.unreadable[:MOST]]
    kept = sum(catalogue.counts.values()) - catalogue.new - catalogue.changed
    written = f"{catalogue.new} new, {catalogue.changed} changed, {kept} as they were"
    return "\n".join([*lines, f"catalogue: {catalogue.path} ({written})"])


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
