"""What is done with folders that carry their proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolkit.console.answering import deliver, working
from toolkit.console.exits import Exit
from toolkit.console.interruption import NOTHING, Interrupted
from toolkit.console.registering import Asked, command_of
from toolkit.console.speaking import say, width

if TYPE_CHECKING:
    from toolkit.session.program import Shown


def register_proofs(app: click.Group) -> None:
    """Makes them commands of the program."""
    command_of(app, "toolkit.pipeline.auditing")(audit)
    command_of(app, "toolkit.batch.cards", shows=("json_path", "quiet"))(cards)
    command_of(app, "toolkit.pipeline.pushing", shows=("json_path", "quiet"))(push)


def audit(asked: Asked, shown: Shown) -> None:
    """Say whether a folder is still the one that was proven, by the hash of every file.

    Exits with 1 where it is another, with 2 where nothing says what was proven.

    Example: toolkit audit out/

    Example: toolkit audit out/ --recording recording/

    Example: toolkit audit out/ --recording rec/ --runner mine.py:Mine

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


def cards(asked: Asked, shown: Shown) -> None:
    """Write what a batch found out about each checkpoint as a card, and an index of all cards.

    Example: toolkit cards results/ catalogue/
    """
    from toolkit.batch.cards import cards as run
    from toolkit.report.batches import describe_catalogue

    catalogue = run(**asked)
    deliver(
        shown,
        values=catalogue.to_dict,
        show=lambda err: say(describe_catalogue(catalogue), err=err),
    )


def push(asked: Asked, shown: Shown) -> None:
    """Send a folder to the hub with its card and its proof; without --yes, say what would be sent.

    A folder that is not as it was written is refused, and so are files that would take the place
    of others. A repository that is made is private.

    Example: toolkit push out/ org/name

    Example: toolkit push out/ org/name --yes
    """
    from toolkit.pipeline.pushing import push as run
    from toolkit.report.pushed import describe_push

    try:
        with working(shown.quiet, shown.json_path) as progress:
            pushed = run(**asked, progress=progress)
    except KeyboardInterrupt as stop:
        raise Interrupted(_what_may_be_there(asked)) from stop
    deliver(
        shown,
        values=pushed.to_dict,
        show=lambda err: say(describe_push(pushed, width()), err=err),
    )


def _what_may_be_there(asked: Asked) -> str:
    """What there is of a folder whose sending was interrupted, in words."""
    if not asked["yes"]:
        return NOTHING
    repository = asked["repository"]
    return (
        f"`{repository}` may have been made, and holds all files or none; `toolkit push "
        f"{asked['hf_dir']} {repository}` says which"
    )
