"""What `toolkit infer` is asked."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from toolkit.session.groups import Beside, OfCheckpoint, Request
from toolkit.session.options import Option, Role, Section
from toolkit.session.proving import Watched


@dataclass(frozen=True, kw_only=True)
class Evidence(Request):
    """What a mapping is inferred from, beside the checkpoint."""

    section: ClassVar[Section] = Section.COMPARED

    like: Annotated[
        str,
        Option(
            "Family that it is a fork of, or a folder with the same weights.",
            metavar="FAMILY|HF_DIR",
            python="The name of the family that the checkpoint is a fork of, or a Hugging Face "
            "folder of the same weights.",
        ),
    ] = field(kw_only=False)
    user_dir: Annotated[
        Path | None,
        Option("The fork's own models, as fairseq takes them.", metavar="PATH", role=Role.SHELF),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Infer(Watched, Beside, Evidence, OfCheckpoint):
    """What `toolkit infer` is asked."""

    command: ClassVar[str] = "infer"

    write: Annotated[
        Path | None,
        Option(
            "Mapping file to write; must not exist yet.",
            metavar="FILE",
            role=Role.NEW,
            python="The mapping file to write; must not exist yet. None writes nothing.",
        ),
    ] = None
