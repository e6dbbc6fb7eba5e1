"""What several commands are asked of a proof: who answers, on which clips, and what is written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from toolkit.core.errors import BadInput
from toolkit.core.progress import Progress
from toolkit.examples.medium import MEDIA, Medium, expect_medium
from toolkit.folder.shards import MAX_SHARD_BYTES
from toolkit.session.device import expect_device
from toolkit.session.groups import Request
from toolkit.session.hub import CHECKPOINT
from toolkit.session.options import Argument, Named, Option, Role, Section, items_of


@dataclass(frozen=True, kw_only=True)
class Clips(Request):
    """What models hear."""

    section: ClassVar[Section] = Section.COMPARED

    audio: Annotated[
        Sequence[Path],
        Option(
            "Clips or folders of clips; repeatable.",
            metavar="PATH",
            role=Role.SHELF,
            python="Clips, folders of clips, or folders with a manifest; the golden audio by "
            "default, of which a diff takes the shortest two.",
        ),
    ] = ()
    text: Annotated[
        Sequence[Path],
        Option(
            "Files of sentences, for models that read; repeatable.",
            metavar="FILE",
            role=Role.SHELF,
            python="Sentences, one a line, or with translations in `.tsv` or `.toml`, for models "
            "that read; the golden ones by default.",
        ),
    ] = ()
    units: Annotated[
        Sequence[Path],
        Option(
            "Files of speech units, one sequence a line, for vocoders; repeatable.",
            metavar="FILE",
            role=Role.SHELF,
            python="Units of speech, one sequence a line; the golden ones by default.",
        ),
    ] = ()

    def named(self, medium: Medium) -> Sequence[Path]:
        """What is named of what a model is asked about; nothing for the golden examples.

        Raises:
            BadInput: something else is named, that the model is not asked about.
        """
        expect_medium(medium, [one.name for one in MEDIA if getattr(self, one.name)])
        chosen: Sequence[Path] = getattr(self, medium.name)
        return chosen


@dataclass(frozen=True, kw_only=True)
class Recorded(Request):
    """Who answers in fairseq's place."""

    section: ClassVar[Section] = Section.COMPARED

    def check(self) -> None:
        """Makes sure that every value is one, and that nothing is named twice.

        Raises:
            BadInput: it is not, or a recording is named beside what it takes the place of.
        """
        super().check()
        others = (*(one.name for one in MEDIA), "fairseq_python", "user_dir")
        named = [f"`{i.typed}`" for i in items_of(type(self)) if i.name in others and self.gives(i)]
        if self.recording is not None and named:
            raise BadInput(
                f"`--recording` must stand alone, as it takes the place of fairseq and of clips, "
                f"but {' and '.join(named)} is named too. Leave one out."
            )

    recording: Annotated[
        Path | None,
        Option(
            "Ask a recording instead of fairseq; has its clips.",
            metavar="REC_DIR",
            python="Folder that `toolkit record` wrote of this checkpoint; takes the place of "
            "fairseq and of clips, and chooses among the values that the checkpoint leaves open.",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Fairseq(Request):
    """Where fairseq runs."""

    section: ClassVar[Section] = Section.COMPARED

    fairseq_python: Annotated[
        Path | None,
        Option("Python of the environment in which fairseq runs.", metavar="PATH"),
    ] = None
    user_dir: Annotated[
        Path | None,
        Option("A fork's own models, as fairseq takes them.", metavar="PATH", role=Role.SHELF),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Device(Request):
    """Where models run."""

    section: ClassVar[Section] = Section.COMPARED

    device: Annotated[
        str,
        Option(
            "Where models run: `cpu`, `cuda`, `cuda:1`.",
            metavar="DEVICE",
            check=lambda _, name: expect_device(name),
        ),
    ] = "cpu"


@dataclass(frozen=True, kw_only=True)
class Searches(Request):
    """What a proof may leave out."""

    section: ClassVar[Section] = Section.COMPARED

    beam: Annotated[
        bool,
        Option(
            "Compare searches with a beam, which take longest; on by default.",
            python="Whether to compare searches with a beam, which take longest; if not, that "
            "level is left out and says so.",
        ),
    ] = True
    thorough: Annotated[
        bool,
        Option(
            "Compare every clip in every way, which takes long.",
            python="Whether every clip is compared in every way; by default modules and searches "
            "are compared on the few clips that show most, the others end to end.",
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class Watched(Request):
    """Who is told how far the work is; stays in the process that asks."""

    progress: Annotated[Progress | None, Named("Called before every step.")] = field(
        default=None, compare=False
    )

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "progress": None}


@dataclass(frozen=True, kw_only=True)
class Pictured(Request):
    """Whether a result can be shown."""

    pictures: Annotated[
        bool,
        Named("Whether to draw what an HTML report of the result shows beside its numbers."),
    ] = True


@dataclass(frozen=True, kw_only=True)
class Proof(Request):
    """Whether a conversion is proven."""

    section: ClassVar[Section] = Section.COMPARED

    verify: Annotated[
        bool | None,
        Option(
            "Prove it before it appears. Default: if fairseq is installed.",
            python="Prove the conversion before the folder appears. None does so if fairseq is at "
            "hand.",
            not_repeated="what is repeated is always a proof",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Shards(Request):
    """How weights are cut into files."""

    section: ClassVar[Section] = Section.OUTPUT

    max_shard_bytes: Annotated[
        int,
        Option(
            "Weights of one file.",
            metavar="N",
            min=1,
            python="Weights of one file; what is more is written in several, with an index.",
        ),
    ] = MAX_SHARD_BYTES


@dataclass(frozen=True, kw_only=True)
class Cases(Request):
    """What is written beside the verdict."""

    section: ClassVar[Section] = Section.OUTPUT

    reproduction: Annotated[
        Path | None,
        Option(
            "Write a runnable minimal case of every module that errs without explanation.",
            metavar="DIR",
            role=Role.FOLDER,
            python="Folder to write, where a module errs and nothing explains it: one subfolder "
            "per module with its input, the expected output and a script. Must not exist.",
            not_repeated="is written after the verdict and must not exist",
        ),
    ] = None
    fix: Annotated[
        Path | None,
        Option(
            "Write the folder with every finding undone, proven before it appears.",
            metavar="DIR",
            role=Role.FOLDER,
            python="Folder to write with every finding undone, proven before it appears; nothing "
            "for a match. Must not exist.",
            not_repeated="is written after the verdict and must not exist",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Destination(Request):
    """What a recorder is written of, and where."""

    section: ClassVar[Section] = Section.OUTPUT

    destination: Annotated[
        Path,
        Option(
            "File to write, a new one; `-`: stdout.",
            metavar="FILE",
            flag="--write",
            role=Role.FILE,
            python="The file to write; must not exist.",
        ),
    ] = field(kw_only=False)
    checkpoint: Annotated[
        Path | None,
        Argument(
            "fairseq checkpoint; the golden one.", metavar="[CHECKPOINT]", fetched_as=CHECKPOINT
        ),
    ] = field(default=None, kw_only=False)
