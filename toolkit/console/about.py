"""Options of the program itself: what it consists of, and how a shell completes its commands."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import click

from toolkit.console.speaking import say


def version_option() -> click.Option:
    """`--version`, which names the versions of all that takes part in a proof."""
    return _option("--version", "Show versions and exit.", _show_versions)


def completion_option() -> click.Option:
    """`--show-completion`, which prints the script that the user's shell reads."""
    return _option("--show-completion", "Print completion for the shell and exit.", _show_script)


def _show_versions(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from toolkit.pipeline.basics import environment

        say("\n".join(f"{name} {value}" for name, value in environment().items()))
        context.exit()


def _show_script(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from click.shell_completion import get_completion_class

        from toolkit.core.errors import BadInput

        shell = Path(os.environ.get("SHELL", "")).name
        complete = get_completion_class(shell)
        if complete is None:
            raise BadInput(
                f"`SHELL` must be bash, zsh or fish, but is {shell!r}. Set it for this call, as in "
                "`SHELL=bash toolkit --show-completion`."
            )
        say(complete(context.command, {}, "toolkit", "_TOOLKIT_COMPLETE").source())
        context.exit()


def _option(flag: str, meaning: str, show: Callable[..., None]) -> click.Option:
    return click.Option(
        [flag], is_flag=True, is_eager=True, expose_value=False, help=meaning, callback=show
    )
