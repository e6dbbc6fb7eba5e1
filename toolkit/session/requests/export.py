"""What `toolkit export` is asked."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from toolkit.session.groups import AnyFolder, Companions, Unsaid
from toolkit.session.options import Argument, Option, Role
from toolkit.session.proving import Clips, Device, Fairseq, Pictured, Proof, Searches, Watched


@dataclass(frozen=True, kw_only=True)
class Export(Watched, Pictured, Unsaid, Companions, Device, Searches, Fairseq, Clips, Proof):
    """What `toolkit export` is asked."""

    command: ClassVar[str] = "export"

    hf_dir: AnyFolder = field(kw_only=False)
    out: Annotated[
        Path,
        Argument("Checkpoint to write; must not exist yet.", metavar="OUT", role=Role.NEW),
    ] = field(kw_only=False)
    like: Annotated[
        Path | None,
        Option(
            "Checkpoint of the same model, whose settings it gets.",
            metavar="CHECKPOINT",
            python="A fairseq checkpoint of the same model: the new one gets its settings, its "
            "dictionary and the tensors that transformers has no place for.",
        ),
    ] = None
