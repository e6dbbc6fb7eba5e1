"""What `--help` shows: arguments with their meaning, commands in the order of their use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

HELP = {"help_option_names": ["-h", "--help"]}
"""What every command says of itself, whether or not it is called by another."""


class Described(click.Argument):
    """An argument that says what it is."""

    def __init__(self, names: list[str], *, help: str, **attributes: Any) -> None:
        super().__init__(names, **attributes)
        self.help = help

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """Its row in the help of its command."""
        return self.make_metavar(ctx), str(self.help)


class Helpful(click.Command):
    """A command whose help has a section of arguments and one of options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes both sections."""
        params = self.get_params(ctx)
        arguments = [param for param in params if isinstance(param, click.Argument)]
        _write(formatter, "Arguments", ctx, arguments)
        _write(formatter, "Options", ctx, [param for param in params if param not in arguments])


def _write(
    formatter: click.HelpFormatter,
    title: str,
    ctx: click.Context,
    params: Iterable[click.Parameter],
) -> None:
    rows = [row for param in params if (row := param.get_help_record(ctx)) is not None]
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)
