"""What `toolkit audit` is asked."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from toolkit.core.errors import BadInput
from toolkit.session.hub import FOLDER
from toolkit.session.options import Argument, Option
from toolkit.session.proving import Device, Watched


def _is_seal(typed: str, value: object) -> None:
    if not re.fullmatch("[0-9a-f]{64}", str(value)):
        raise BadInput(
            f"`{typed}` must be 64 digits of a sha256, as `toolkit audit` prints them, but is "
            f"{value!r:.80}. Copy it again."
        )


@dataclass(frozen=True, kw_only=True)
class Audit(Watched, Device):
    """What `toolkit audit` is asked."""

    command: ClassVar[str] = "audit"

    hf_dir: Annotated[
        Path,
        Argument(
            "Folder that was converted, or hf://org/name.", metavar="HF_DIR", fetched_as=FOLDER
        ),
    ] = field(kw_only=False)
    seal: Annotated[
        str | None,
        Option(
            "The seal that its author published; another is no match.",
            metavar="SHA256",
            check=_is_seal,
        ),
    ] = None
    recording: Annotated[
        Path | None,
        Option(
            "Hold what it answers against a recording, too.",
            metavar="REC_DIR",
            python="Folder that `toolkit record` wrote of its checkpoint: what the model answers "
            "is held against it, end to end, if the folder is as it was written.",
        ),
    ] = None
