"""The base of all requests, and the groups of fields that several commands take.

Dataclasses take the fields of their bases from the last to the first, then their own: in that order
`--help` has them, under the headings of their sections.
"""

from collections.abc import Iterable, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from toolkit.core.errors import BadInput
from toolkit.core.json import JsonObject
from toolkit.core.progress import Progress
from toolkit.folder.shards import MAX_SHARD_BYTES
from toolkit.oracle.tasks.base import PADDINGS
from toolkit.session.device import expect_device
from toolkit.session.hub import CHECKPOINT, FOLDER
from toolkit.session.options import Argument, Item, Named, Option, Role, Section, items_of, one_of

DTYPES = ("float32", "float16", "bfloat16")
"""What a user may round to."""

Part = TypeVar("Part", bound="Request")


def _as_paths(value: str | Path | Iterable[str | Path] | None) -> tuple[Path, ...]:
    """Several paths; one that stands alone is one of them, and nothing is none."""
    if value is None:
        return ()
    several = (value,) if isinstance(value, str | Path) else value
    return tuple(Path(path) for path in several)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asks for: plain data, which another process can take over."""

    command: ClassVar[str] = ""
    section: ClassVar[Section] = Section.OTHERS

    def __post_init__(self) -> None:
        """Keeps lists as they are now, and takes a text for the path that it spells."""
        for item in items_of(type(self)):
            value = getattr(self, item.name)
            if item.type is Sequence:
                object.__setattr__(self, item.name, _as_paths(value))
            elif item.type is Path and isinstance(value, str):
                object.__setattr__(self, item.name, Path(value))

    def check(self) -> None:
        """Makes sure, before any work, that every value is one.

        Raises:
            BadInput: it is not.
        """
        for item in items_of(type(self)):
            value = getattr(self, item.name)
            if item.named.check is not None and value is not None:
                item.named.check(item.typed, value)

    def gives(self, item: Item) -> bool:
        """Whether a value is another than its default."""
        return item.default is MISSING or getattr(self, item.name) != item.default

    def part(self, kind: type[Part], **changed: Any) -> Part:
        """What of this another class of requests takes.

        Args:
            kind: The class.
            changed: Fields of the class with a value of their own.
        """
        shared = {f.name: getattr(self, f.name) for f in fields(kind) if hasattr(self, f.name)}
        return kind(**{**shared, **changed})


@dataclass(frozen=True, kw_only=True)
class OfCheckpoint(Request):
    """What is asked of a checkpoint."""

    checkpoint: Annotated[
        Path,
        Argument(
            "fairseq checkpoint, or hf://org/name; only ever read.",
            metavar="CHECKPOINT",
            fetched_as=CHECKPOINT,
        ),
    ] = field(kw_only=False)


@dataclass(frozen=True, kw_only=True)
class OfFolder(OfCheckpoint):
    """What is asked of a folder."""

    hf_dir: Annotated[
        Path,
        Argument(
            "Hugging Face folder, or hf://org/name, whoever made it.",
            metavar="HF_DIR",
            fetched_as=FOLDER,
        ),
    ] = field(kw_only=False)


@dataclass(frozen=True, kw_only=True)
class Companions(Request):
    """What belongs to a checkpoint."""

    section: ClassVar[Section] = Section.FILES

    dict: Annotated[
        Path | None, Option("dict.txt; found beside the checkpoint.", metavar="FILE")
    ] = None
    spm: Annotated[
        Path | None, Option("sentencepiece model; found beside the checkpoint.", metavar="FILE")
    ] = None
    config_yaml: Annotated[
        Path | None, Option("config.yaml; found beside the checkpoint.", metavar="FILE")
    ] = None
    w2v: Annotated[
        Path | None,
        Option(
            "Pretrained wav2vec 2.0 checkpoint whose arguments are missing; found beside.",
            metavar="FILE",
            python="The pretrained wav2vec 2.0 checkpoint that it was trained from, where it lacks "
            "that one's arguments; found beside it, under the name that it was trained with.",
        ),
    ] = None
    mapping: Annotated[
        Path | None,
        Option("YAML of rules that replace or extend the family's.", metavar="FILE"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Unsaid(Request):
    """What a checkpoint leaves open."""

    section: ClassVar[Section] = Section.UNSAID

    target_lang: Annotated[
        str | None, Option("Language that generation starts with.", metavar="CODE")
    ] = None
    encoder_config: Annotated[
        JsonObject | None,
        Option(
            "Encoder values, as JSON or a file of it.",
            metavar="JSON",
            python="Values for the encoder that the checkpoint does not give.",
        ),
    ] = None
    decoder_config: Annotated[
        JsonObject | None,
        Option(
            "Decoder values, as JSON or a file of it.",
            metavar="JSON",
            python="Values for the decoder that the checkpoint does not give.",
        ),
    ] = None
    padding_reference: Annotated[
        str,
        Option(
            "`masked`: padded batches as in fairseq since August 2022; `unmasked`: before.",
            metavar="KIND",
            check=one_of(PADDINGS, "today's fairseq"),
        ),
    ] = "masked"


@dataclass(frozen=True, kw_only=True)
class Made(Request):
    """What is to be made of a checkpoint."""

    section: ClassVar[Section] = Section.OUTPUT

    exact_padding: Annotated[bool, Option("Carry code rather than deviate in padded batches.")] = (
        False
    )
    dtype: Annotated[
        str | None,
        Option(
            "float32, float16 or bfloat16; the checkpoint's own by default.",
            metavar="DTYPE",
            check=one_of(DTYPES, "the checkpoint's own"),
        ),
    ] = None


class Material(Made, Unsaid, Companions):
    """What belongs to a checkpoint, and what is to be made of it."""


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
        others = ("audio", "fairseq_python", "user_dir")
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
class Proof(Request):
    """Whether a conversion is proven."""

    section: ClassVar[Section] = Section.COMPARED

    verify: Annotated[
        bool | None,
        Option(
            "Prove the folder before it appears. Default: if fairseq is installed.",
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
