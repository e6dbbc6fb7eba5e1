"""An audit in the terminal and as a page."""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.core.counting import counted
from toolkit.proof.audited import BY_WHOM, END_TO_END, Against, Audited
from toolkit.proof.document import Verification
from toolkit.report.measured import describe_levels
from toolkit.report.rows import fold_rows
from toolkit.report.text import SYMBOLS, describe_bytes

MAX_CHANGES = 20
"""That are named in the terminal."""
TITLES = {"match": "AS PROVEN", "mismatch": "NOT AS WRITTEN", "unverified": "AS WRITTEN"}


def describe_audit(audited: Audited, columns: int) -> str:
    """The verdict, what changed, what was proven, and how to prove it again.

    Args:
        audited: What was found.
        columns: Of the terminal.
    """
    first = f"{SYMBOLS[audited.verdict]} {audited.headline}"
    rows = (row for row in (*_changes(audited), *_facts(audited)) if row[1])
    return f"{first}\n{fold_rows(rows, columns, kept_whole=('seal', 'again'))}"


def render_audit(audited: Audited) -> str:
    """The same as one HTML page."""
    from toolkit.report.html import create_environment

    template = create_environment().get_template("audit.html.j2")
    return template.render(
        audited=audited, title=TITLES[audited.verdict], facts=list(_facts(audited))
    )


def _changes(audited: Audited) -> Iterator[tuple[str, str]]:
    for change in audited.changes[:MAX_CHANGES]:
        yield change.kind, f"{change.file}: {change.summary}"
    further = len(audited.changes) - MAX_CHANGES
    if further > 0:
        yield "", f"and {further} more; `--json` has all"


def _facts(audited: Audited) -> Iterator[tuple[str, str]]:
    proven = audited.verification
    if proven is not None:
        size = describe_bytes(audited.num_bytes)
        yield "held", f"{counted(audited.num_files, 'files')} against their hashes, {size} read"
    for reason in audited.beside:
        yield "beside", f"{reason.name}: {reason.because}"
    if proven is not None:
        yield from _told(proven)
    yield "seal", f"{audited.seal or 'none that holds'}{', as named' if audited.is_sealed else ''}"
    if not audited.is_sealed:
        yield "not shown", BY_WHOM
    if audited.against is not None:
        yield from _heard(audited.against)
    if proven is not None:
        yield "again", proven.result.reproduce


def _heard(against: Against) -> Iterator[tuple[str, str]]:
    """What the folder answers today."""
    yield "recording", against.recording
    if against.runner:
        yield "runner", f"{against.runner}, {END_TO_END}"
    if against.broken:
        yield "", against.broken
        return
    yield "answers", describe_levels(against.levels)
    for level in against.levels:
        if level.verdict == "fail" or against.runner:
            yield "", f"{level.name}: {level.summary}"
    for trouble in against.troubles[:MAX_CHANGES]:
        yield "", trouble
    further = len(against.troubles) - MAX_CHANGES
    if further > 0:
        yield "", f"and {further} more; `--json` has all"
    yield "not asked", "; ".join(_not_asked(against))


def _not_asked(against: Against) -> Iterator[str]:
    """The levels that were left out, with each reason once."""
    if not against.not_asked:
        yield f"{', '.join(against.left_out)}: they take the checkpoint (`toolkit verify`)"
    for because in dict.fromkeys(reason.because for reason in against.not_asked):
        names = [reason.name for reason in against.not_asked if reason.because == because]
        yield f"{', '.join(names)}: {because}"


def _told(proven: Verification) -> Iterator[tuple[str, str]]:
    """What the folder says of itself."""
    result, versions = proven.result, proven.result.environment
    yield "made of", f"{result.source.path}, sha256 {result.source.sha256}"
    because = f"none, because {result.unverified_because}"
    yield "proof", describe_levels(result.levels) or because
    named = (f"{name} {versions[name]}" for name in ("toolkit", "transformers") if name in versions)
    yield "with", ", ".join(named)
    if proven.date is not None:
        yield "date", proven.date
