"""What the command line alone is asked: where an answer goes, and how it is given."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from toolkit.session.groups import Request
from toolkit.session.options import Option, Role, Section


@dataclass(frozen=True, kw_only=True)
class Forced(Request):
    """What may be written over."""

    section: ClassVar[Section] = Section.OUTPUT

    force: Annotated[bool, Option("Replace files that are no report.")] = False


@dataclass(frozen=True, kw_only=True)
class Shown(Forced):
    """Where a command's answer goes."""

    section: ClassVar[Section] = Section.OUTPUT

    html: Annotated[
        Path | None,
        Option("Write the report as one HTML file; `-`: stdout.", metavar="FILE", role=Role.REPORT),
    ] = None
    json_path: Annotated[
        Path | None,
        Option(
            "Write the result as JSON; `-`: stdout.",
            metavar="FILE",
            flag="--json",
            role=Role.REPORT,
        ),
    ] = None
    quiet: Annotated[bool, Option("Print nothing but errors.")] = False
    everything: Annotated[
        bool, Option("Show every value with its evidence, and all that is dropped.", flag="--all")
    ] = False
    dry_run: Annotated[bool, Option("Say what would be written and proven, and do neither.")] = (
        False
    )


@dataclass(frozen=True, kw_only=True)
class Traced(Request):
    """What is said of an error."""

    debug: Annotated[bool, Option("Show where a fault of the toolkit is.")] = False
