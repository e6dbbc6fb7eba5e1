"""What `toolkit features` is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from toolkit.session.hub import FOLDER
from toolkit.session.options import Argument, Option, Role, Section
from toolkit.session.proving import Device, Watched


@dataclass(frozen=True, kw_only=True)
class Heard(Watched, Device):
    """What `toolkit.extract_features` is asked."""

    hf_dir: Annotated[
        Path,
        Argument("Hugging Face folder of an encoder.", metavar="HF_DIR", fetched_as=FOLDER),
    ] = field(kw_only=False)
    audio: Annotated[
        Sequence[Path],
        Argument("Clips or folders of clips.", metavar="AUDIO", role=Role.SHELF),
    ] = field(kw_only=False)
    layer: Annotated[
        int | None,
        Option(
            "Layer, from 1; what the model gives at its end.",
            metavar="N",
            min=1,
            python="The layer, from 1, without the norm that may follow the last; what the model "
            "gives at its end by default.",
        ),
    ] = None
    final_proj: Annotated[
        bool,
        Option(
            "Project them as in pretraining.",
            python="Whether to project features as in pretraining, by the model's `final_proj`.",
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class Features(Heard):
    """What `toolkit features` is asked."""

    command: ClassVar[str] = "features"
    section: ClassVar[Section] = Section.OUTPUT

    out: Annotated[
        Path,
        Option(
            "File to write, .safetensors or .npy for one clip; `-`: stdout.",
            metavar="FILE",
            role=Role.FILE,
        ),
    ]
