"""The base of all requests, and what several commands are asked of a checkpoint and a folder.

Dataclasses take the fields of their bases from the last to the first, then their own: in that order
`--help` has them, under the headings of their sections.
"""

from collections.abc import Iterable, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from toolkit.core.json import JsonObject
from toolkit.oracle.tasks.base import PADDINGS
from toolkit.session.hub import CHECKPOINT, FOLDER
from toolkit.session.options import Argument, Item, Option, Section, items_of, one_of

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


AnyFolder = Annotated[
    Path,
    Argument(
        "Hugging Face folder, or hf://org/name, whoever made it.",
        metavar="HF_DIR",
        fetched_as=FOLDER,
    ),
]
"""A folder that is asked for its model."""


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

    hf_dir: AnyFolder = field(kw_only=False)


@dataclass(frozen=True, kw_only=True)
class Beside(Request):
    """Files that stand beside a checkpoint."""

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


@dataclass(frozen=True, kw_only=True)
class Companions(Beside):
    """What belongs to a checkpoint."""

    section: ClassVar[Section] = Section.FILES

    mapping: Annotated[
        Path | None,
        Option("YAML of rules that replace or extend the family's.", metavar="FILE"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Unsaid(Request):
    """What a checkpoint leaves open."""

    section: ClassVar[Section] = Section.UNSAID

    source_lang: Annotated[
        str | None, Option("Language that a model of texts reads.", metavar="CODE")
    ] = None
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
