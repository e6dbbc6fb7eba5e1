"""What `--help` shows: arguments with their meaning, commands in the order of their use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
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
    """A command whose help has a section of arguments and some of options.

    What it takes is made once it is asked for: the list of all commands asks for none of it.
    """

    def __init__(
        self,
        name: str,
        parameters: Callable[[], list[click.Parameter]],
        callback: Callable[..., None],
        said: str,
        parts: click.Group | None = None,
    ) -> None:
        first = said.partition("\n\n")[0]
        super().__init__(name, HELP, callback, help=said, short_help=first)
        self._parameters = parameters
        self.parts = parts or click.Group(name)
        """Commands that are asked for by a further word, before all else."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: object,
    ) -> click.Context:
        """The context of the part that is named first, else of the command itself."""
        part = self.parts.commands.get(args[0]) if args else None
        if part is None:
            return super().make_context(info_name, args, parent, **extra)
        return part.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """All that it takes, and the option for help."""
        if not self.params:
            self.params = self._parameters()
        return super().get_params(ctx)

    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes nothing: click since 8.5 would write the arguments here."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes all sections."""
        from toolkit.session.options import Section

        params = self.get_params(ctx)
        arguments = [param for param in params if isinstance(param, click.Argument)]
        _write(formatter, "Arguments", ctx, arguments)
        for section in Section:
            rows = [p for p in params if getattr(p, "section", Section.OTHERS) is section]
            _write(formatter, section.value, ctx, [row for row in rows if row not in arguments])


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
