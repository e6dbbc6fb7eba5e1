"""What `toolkit record` is asked."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from toolkit.session.groups import Material, OfCheckpoint
from toolkit.session.options import Argument, Role
from toolkit.session.proving import Clips, Fairseq, Watched


@dataclass(frozen=True, kw_only=True)
class Record(Watched, Material, Fairseq, Clips, OfCheckpoint):
    """What `toolkit record` is asked."""

    command: ClassVar[str] = "record"

    rec_dir: Annotated[
        Path,
        Argument("Folder to write; must not exist yet.", metavar="REC_DIR", role=Role.FOLDER),
    ] = field(kw_only=False)
