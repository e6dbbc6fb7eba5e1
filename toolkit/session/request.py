"""All that a user may name, each with its name, type, default and meaning, written once.

The command line, the functions of Python, the settings of the pytest plugin and the line that gives
a result once more are made of the fields here. A new option is one field: of a group where several
commands take it, of a command's own class where one does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from toolkit.session.groups import (
    Cases,
    Clips,
    Destination,
    Device,
    Fairseq,
    Material,
    OfCheckpoint,
    OfFolder,
    Proof,
    Recorded,
    Request,
    Searches,
    Shards,
    Watched,
)
from toolkit.session.hub import CHECKPOINT, FOLDER
from toolkit.session.options import Argument, Named, Option, Role, Section


@dataclass(frozen=True, kw_only=True)
class Inspect(Material, OfCheckpoint):
    """What `toolkit inspect` is asked."""

    command: ClassVar[str] = "inspect"


@dataclass(frozen=True, kw_only=True)
class Convert(
    Watched, Material, Device, Searches, Shards, Fairseq, Recorded, Clips, Proof, OfCheckpoint
):
    """What `toolkit convert` is asked."""

    command: ClassVar[str] = "convert"

    out: Annotated[
        Path,
        Argument("Folder to write; must not exist yet.", metavar="OUT", role=Role.FOLDER),
    ] = field(kw_only=False)


@dataclass(frozen=True, kw_only=True)
class Verify(Watched, Material, Device, Searches, Fairseq, Recorded, Clips, OfFolder):
    """What `toolkit verify` is asked."""

    command: ClassVar[str] = "verify"


@dataclass(frozen=True, kw_only=True)
class Diff(Watched, Material, Device, Cases, Fairseq, Recorded, Clips, OfFolder):
    """What `toolkit diff` is asked."""

    command: ClassVar[str] = "diff"


@dataclass(frozen=True, kw_only=True)
class Record(Watched, Material, Fairseq, Clips, OfCheckpoint):
    """What `toolkit record` is asked."""

    command: ClassVar[str] = "record"

    rec_dir: Annotated[
        Path,
        Argument("Folder to write; must not exist yet.", metavar="REC_DIR", role=Role.FOLDER),
    ] = field(kw_only=False)


@dataclass(frozen=True, kw_only=True)
class Recorder(Material, Clips, Destination):
    """What `toolkit recorder` is asked."""

    command: ClassVar[str] = "recorder"


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


@dataclass(frozen=True, kw_only=True)
class Assertion(Verify):
    """What `toolkit.assert_parity` is asked."""

    report: Annotated[Path | None, Named("HTML file to write if the folder does not match.")] = None


@dataclass(frozen=True, kw_only=True)
class Pair(Material, Device, Fairseq, Recorded, Clips, OfFolder):
    """What the pytest plugin compares: every level is a test of its own, searches among them."""


COMMANDS = (Inspect, Convert, Verify, Record, Recorder, Features, Diff, Faults, Report, Doctor)
