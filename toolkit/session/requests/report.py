"""What `toolkit report` is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from toolkit.session.groups import Request
from toolkit.session.options import Argument


@dataclass(frozen=True, kw_only=True)
class Report(Request):
    """What `toolkit report` is asked."""

    command: ClassVar[str] = "report"

    first: Annotated[
        Path, Argument("A run's --json, before a correction, say.", metavar="A.json")
    ] = field(kw_only=False)
    second: Annotated[Path, Argument("Another run's, after it.", metavar="B.json")] = field(
        kw_only=False
    )
    further: Annotated[
        Sequence[Path], Argument("Those of more runs, in their order.", metavar="[C.json...]")
    ] = field(default=(), kw_only=False)
