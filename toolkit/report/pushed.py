"""What is sent to the hub, or would be, in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.core.counting import counted
from toolkit.core.pushed import Pushed
from toolkit.report.rows import fold_rows
from toolkit.report.text import describe_bytes

MAX_FILES = 8
"""That are named."""


def describe_push(pushed: Pushed, columns: int) -> str:
    """What goes where, what stays, and what to do next.

    Args:
        pushed: What was sent, or would be.
        columns: Of the terminal.
    """
    rows = (row for row in _rows(pushed) if row[1])
    return fold_rows(rows, columns, kept_whole=("seal", "next"))


def _rows(pushed: Pushed) -> Iterator[tuple[str, str]]:
    sent = pushed.commit is not None
    yield ("sent" if sent else "dry run"), _what(pushed)
    yield "to", _where(pushed)
    files = [(name, "new", size) for name, size in pushed.new.items()]
    files += [(name, "replaces another", size) for name, size in pushed.replaced.items()]
    for name, how, size in files[:MAX_FILES]:
        yield "file", f"{name}, {describe_bytes(size)}, {how}"
    if len(files) > MAX_FILES:
        yield "", f"and {len(files) - MAX_FILES} more"
    if pushed.same:
        yield "there", f"{counted(len(pushed.same), 'files')} with the same bytes"
    if pushed.beside:
        yield "beside", f"{', '.join(pushed.beside)}: stays, and an audit will call it added"
    yield "proof", _proof(pushed)
    yield "seal", pushed.seal
    yield "next", _next(pushed)


def _what(pushed: Pushed) -> str:
    count = len(pushed.new) + len(pushed.replaced)
    size = describe_bytes(pushed.num_bytes)
    if pushed.commit is None:
        return (
            f"nothing is sent; with `--yes` {counted(count, 'files')}, {size}, of {pushed.folder}"
        )
    return f"{counted(count, 'files')}, {size}, of {pushed.folder}; the hub has them as they are"


def _where(pushed: Pushed) -> str:
    seen = "private" if pushed.is_private else "public: everybody sees it"
    made = "which is made" if pushed.is_new else "which is there"
    commit = f", at commit {pushed.commit}" if pushed.commit else ""
    return f"{pushed.repository}, {made}, {seen}{commit}"


def _proof(pushed: Pushed) -> str:
    return "none: the folder is unverified, and says so" if pushed.verdict != "match" else "match"


def _next(pushed: Pushed) -> str:
    if pushed.commit is not None:
        return f"toolkit audit hf://{pushed.repository}@{pushed.commit} --seal {pushed.seal}"
    return "" if pushed.is_known else "hf auth login"
