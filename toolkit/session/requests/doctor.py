"""What `toolkit doctor` is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from toolkit.session.groups import Request
from toolkit.session.options import Option


@dataclass(frozen=True, kw_only=True)
class Doctor(Request):
    """What `toolkit doctor` is asked."""

    command: ClassVar[str] = "doctor"

    fairseq_python: Annotated[
        Sequence[Path],
        Option(
            "Another Python with fairseq to look at; repeatable.",
            metavar="PATH",
            python="Pythons of environments in which fairseq may run.",
        ),
    ] = ()
