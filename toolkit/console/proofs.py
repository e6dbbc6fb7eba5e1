"""What is done with folders that carry their proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolkit.console.answering import deliver, working
from toolkit.console.exits import Exit
from toolkit.console.registering import Asked, command_of
from toolkit.console.speaking import say, width

if TYPE_CHECKING:
    from toolkit.session.program import Shown


def register_proofs(app: click.Group) -> None:
    """Makes them commands of the program."""
    command_of(app, "toolkit.pipeline.auditing")(audit)


def audit(asked: Asked, shown: Shown) -> None:
    """Say whether a folder is still the one that was proven, by the hash of every file.

    Exits with 1 where it is another, with 2 where nothing says what was proven.

    Example: toolkit audit out/

    Example: toolkit audit out/ --recording recording/

    Example: toolkit audit hf://org/name --json audit.json
    """
    from toolkit.pipeline.auditing import audit as run
    from toolkit.report.audited import describe_audit, render_audit

    with working(shown.quiet, shown.html, shown.json_path) as progress:
        audited = run(**asked, progress=progress)
    deliver(
        shown,
        values=audited.to_dict,
        page=lambda: render_audit(audited),
        show=lambda err: say(describe_audit(audited, width()), err=err),
    )
    raise click.exceptions.Exit(Exit.MISMATCH if audited.verdict == "mismatch" else Exit.MATCH)
