"""Shows that a command works, and delivers what it came to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.console.progress import showing_progress
from toolkit.console.speaking import printing
from toolkit.core.json import JsonObject
from toolkit.core.outputs import STDOUT

if TYPE_CHECKING:
    from toolkit.core.progress import Progress
    from toolkit.session.program import Shown


def deliver(
    shown: Shown,
    *,
    values: Callable[[], JsonObject],
    page: Callable[[], str] | None = None,
    show: Callable[[bool], None],
) -> None:
    """Writes all that was asked for or nothing, then speaks: `show` is told whether to stderr."""
    from toolkit.report.files import write_files
    from toolkit.report.json_report import render_json

    html, json_path = shown.html, shown.json_path
    files = [] if json_path is None else [(json_path, render_json(values()))]
    if html is not None and page is not None:
        files.append((html, page().encode("utf-8", errors="xmlcharrefreplace")))
    with printing():
        write_files(files, force=shown.force)
    if not shown.quiet:
        with printing():
            show(STDOUT in (html, json_path))


@contextmanager
def working(quiet: bool, *written: Path | None) -> Iterator[Progress | None]:
    """Progress; where a report goes to standard output, nothing else does."""
    elsewhere = redirect_stdout(sys.stderr) if STDOUT in written else nullcontext()
    with elsewhere, showing_progress(quiet) as progress:
        yield progress
