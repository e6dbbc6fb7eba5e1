"""What `--help` shows: arguments with their meaning, commands in the order of their use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from toolkit.session.options import Section

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


class Placed(click.Option):
    """An option that stands under a heading."""

    def __init__(self, names: list[str], *, section: Section, **attributes: Any) -> None:
        super().__init__(names, **attributes)
        self.section = section


class Helpful(click.Command):
    """A command whose help has a section of arguments and some of options."""

    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes nothing: click since 8.5 would write the arguments here."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes all sections."""
        params = self.get_params(ctx)
        arguments = [param for param in params if isinstance(param, click.Argument)]
        _write(formatter, "Arguments", ctx, arguments)
        for section in Section:
            rows = [p for p in params if p not in arguments and _section_of(p) is section]
            _write(formatter, section.value, ctx, rows)


def _section_of(param: click.Parameter) -> Section:
    return param.section if isinstance(param, Placed) else Section.OTHERS


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
