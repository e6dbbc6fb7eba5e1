"""What `toolkit faults` is asked."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from toolkit.session.hub import CHECKPOINT
from toolkit.session.options import Argument, Option
from toolkit.session.proving import Watched


@dataclass(frozen=True, kw_only=True)
class Faults(Watched):
    """What `toolkit faults` is asked."""

    command: ClassVar[str] = "faults"

    checkpoint: Annotated[
        Path | None,
        Argument(
            "A convertible checkpoint; the golden one.",
            metavar="[CHECKPOINT]",
            fetched_as=CHECKPOINT,
            python="A fairseq checkpoint that converts exactly; the golden one by default.",
        ),
    ] = field(default=None, kw_only=False)
    family: Annotated[
        str | None,
        Option(
            "Break the golden checkpoint of this family, or kind.",
            metavar="NAME",
            python="The family or kind whose golden checkpoint is broken, where no other is named.",
        ),
    ] = None
    only: Annotated[str, Option("Only faults whose name contains TEXT.", metavar="TEXT")] = ""
    workers: Annotated[
        int, Option("Processes.", min=1, python="How many processes share the work.")
    ] = 2
