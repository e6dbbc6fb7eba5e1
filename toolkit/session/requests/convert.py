"""What `toolkit convert` is asked."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from toolkit.session.groups import Material, OfCheckpoint
from toolkit.session.options import Argument, Role
from toolkit.session.proving import (
    Clips,
    Device,
    Fairseq,
    Pictured,
    Proof,
    Recorded,
    Searches,
    Shards,
    Watched,
)


@dataclass(frozen=True, kw_only=True)
class Convert(
    Watched,
    Pictured,
    Material,
    Device,
    Searches,
    Shards,
    Fairseq,
    Recorded,
    Clips,
    Proof,
    OfCheckpoint,
):
    """What `toolkit convert` is asked."""

    command: ClassVar[str] = "convert"

    out: Annotated[
        Path,
        Argument("Folder to write; must not exist yet.", metavar="OUT", role=Role.FOLDER),
    ] = field(kw_only=False)
