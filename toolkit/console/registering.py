"""Makes a function a command of the program, with all that its request takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from inspect import cleandoc
from typing import TYPE_CHECKING, Any

import click

from toolkit.console.helping import Helpful
from toolkit.console.interruption import telling_what_is_there, waiting_for_imports
from toolkit.console.progress import greeting

if TYPE_CHECKING:
    from toolkit.session.groups import Request
    from toolkit.session.options import Item
    from toolkit.session.program import Shown

Asked = dict[str, Any]
"""What a command is asked, by the names of its request's fields."""
Command = Callable[[Asked, "Shown"], None]
REPORTS = ("html", "json_path", "quiet")
"""Where the answer of most commands may go."""


def command_of(
    app: click.Group,
    home: str,
    shows: Sequence[str] = REPORTS,
    is_checked: bool = False,
    parts: click.Group | None = None,
    of: str = "",
) -> Callable[[Command], Command]:
    """Registers a command with all that can be named of its request.

    The request is imported once the command is called, for the list of commands needs none. What
    may be written is checked first.

    Args:
        app: The program.
        home: The module that does it, which is imported when it is called.
        shows: Where its answer may go.
        is_checked: Whether what it needs is looked for before `home` is imported, which takes
            seconds.
        parts: Commands that stand behind this one's name.
        of: The command behind whose name this one stands.
    """

    def register(command: Command) -> Command:
        name = command.__name__

        @cache
        def items() -> tuple[Item, ...]:
            from toolkit.console.parameters import items_of_command

            return items_of_command(request_of(name, of), shows)

        def parameters() -> list[click.Parameter]:
            from toolkit.console.parameters import make_parameters

            return make_parameters(items())

        def run(*, debug: bool, **given: Any) -> None:  # noqa: ARG001
            from toolkit.console.outputs import check_given
            from toolkit.console.parameters import read_given
            from toolkit.session.program import Shown

            with waiting_for_imports(), greeting(given.get("quiet", False)):
                outputs = check_given(given, items(), force=given.get("force", False))
                if is_checked:
                    _look_first(request_of(name, of), given)
                import_module(home)
            with waiting_for_imports(), telling_what_is_there(outputs):
                command(read_given(request_of(name, of), given), Shown(**read_given(Shown, given)))

        said = cleandoc(command.__doc__ or "")
        app.add_command(Helpful(name, parameters, run, said, parts))
        return command

    return register


def _look_first(kind: type[Request], given: Asked) -> None:
    from toolkit.console.parameters import read_given
    from toolkit.pipeline.preflight import expect_all_at_hand

    expect_all_at_hand(kind(**read_given(kind, given)))


def request_of(name: str, of: str = "") -> type[Request]:
    """What a command is asked: the class that has its name, in the file of the command."""
    from toolkit.session import requests

    module = import_module(f"{requests.__name__}.{of or name}")
    kind: type[Request] = getattr(module, f"{of.capitalize()}{name.capitalize()}")
    return kind
