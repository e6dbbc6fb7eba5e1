"""Makes a function a command of the program, with all that its request takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from inspect import cleandoc
from typing import Any

import click

from toolkit.console.helping import HELP, Helpful
from toolkit.console.interruption import telling_what_is_there
from toolkit.console.outputs import check_given
from toolkit.console.parameters import items_of_command, make_parameters, read_given
from toolkit.console.progress import greeting
from toolkit.session.groups import Request
from toolkit.session.program import Shown

Asked = dict[str, Any]
"""What a command is asked, by the names of its request's fields."""
Command = Callable[[Asked, Shown], None]
REPORTS = ("html", "json_path", "quiet")
"""Where the answer of most commands may go."""


def command_of(
    app: click.Group,
    kind: type[Request],
    home: str,
    shows: Sequence[str] = REPORTS,
    first: Callable[[Asked], None] = lambda _: None,
) -> Callable[[Command], Command]:
    """Registers a command with all that can be named of a request.

    What it may write is checked first.

    Args:
        app: The program.
        kind: What it is asked.
        home: The module that does it, which is imported when it is called.
        shows: Where its answer may go.
        first: Refuses what cannot be done, before `home` is imported, which takes seconds.
    """
    items = items_of_command(kind, shows)
    roles = {item.name: item.named.role for item in items if item.named.role is not None}
    typed = {item.name: item.typed for item in items}

    def register(command: Command) -> Command:
        def run(*, debug: bool, force: bool = False, **given: Any) -> None:  # noqa: ARG001
            with greeting(given.get("quiet", False)):
                outputs = check_given(given, roles, typed, force=force)
                first(given)
                import_module(home)
            with telling_what_is_there(outputs):
                command(read_given(kind, given), Shown(**read_given(Shown, given)))

        said = cleandoc(command.__doc__ or "")
        app.add_command(
            Helpful(
                kind.command,
                callback=run,
                params=make_parameters(items),
                help=said,
                short_help=said.partition("\n\n")[0],
                context_settings=HELP,
            )
        )
        return command

    return register
