"""What stands beside a field of a request: how it is typed, what it means, what it must be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from enum import Enum
from types import NoneType
from typing import TYPE_CHECKING, Any, cast, get_args

from toolkit.core.errors import BadInput

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Check = Callable[[str, object], None]
"""Takes the option as it is typed and its value; raises `BadInput` for a value that is none."""


class Role(Enum):
    """What a command does with a path; one without a role is read, and a folder is one thing."""

    REPORT = "report"
    FILE = "file"
    FOLDER = "folder"
    NEW = "new"
    """Is written: a file that must not be there yet, whatever is forced."""
    SHELF = "shelf"
    """Is read: files, or folders of separate files."""


class Section(Enum):
    """Under which heading `--help` has an option, in this order."""

    FILES = "Files beside the checkpoint"
    UNSAID = "What the checkpoint does not say"
    COMPARED = "What to compare"
    OUTPUT = "Output"
    OTHERS = "Options"


@dataclass(frozen=True)
class Named:
    """What can be named in Python alone."""

    help: str
    """What it is, in one sentence."""
    _: KW_ONLY
    python: str = ""
    """What it is where the function takes more than the command line, or says it otherwise."""
    check: Check | None = None
    role: Role | None = None
    fetched_as: str = ""
    """What it may be on the hub, of `toolkit.session.hub`; empty where it is a path only."""
    not_repeated: str = ""
    """Why the line that gives a result once more leaves it out; empty where it does not."""


@dataclass(frozen=True)
class Argument(Named):
    """Is typed without a name, in its place."""

    _: KW_ONLY
    metavar: str


@dataclass(frozen=True)
class Option(Named):
    """Is typed by its name; a field's own, with hyphens, if no other is given."""

    _: KW_ONLY
    metavar: str | None = None
    flag: str = ""
    min: int | None = None


@dataclass(frozen=True, kw_only=True)
class Item:
    """A field that can be named."""

    name: str
    type: Any
    """Without None; `Path`, `str`, `bool`, `int`, or the unparametrized kind of a collection."""
    is_optional: bool
    """Whether None is a value."""
    default: Any
    """`MISSING` where there is none."""
    named: Named
    section: Section

    @property
    def typed(self) -> str:
        """As it is typed: `--json`, or the word for an argument."""
        if isinstance(self.named, Argument):
            return self.named.metavar
        flag = self.named.flag if isinstance(self.named, Option) else ""
        return flag or f"--{self.name.replace('_', '-')}"

    @property
    def meaning(self) -> str:
        """What it is, for who calls a function."""
        return self.named.python or self.named.help


def items_of(kind: type[DataclassInstance]) -> tuple[Item, ...]:
    """All that can be named of a class, in the order of its fields.

    Raises:
        TypeError: its annotations are texts, as `from __future__ import annotations` makes them.
    """
    found = ((field, _maybe_named(field.type)) for field in fields(kind))
    return tuple(
        Item(
            name=field.name,
            type=_kind_of(get_args(field.type)[0]),
            is_optional=NoneType in get_args(get_args(field.type)[0]),
            default=field.default,
            named=named,
            section=_section_of(kind, field.name),
        )
        for field, named in found
        if named is not None
    )


def typed_items(kind: type[DataclassInstance]) -> tuple[Item, ...]:
    """Those of the command line."""
    return tuple(item for item in items_of(kind) if isinstance(item.named, (Argument, Option)))


def one_of(choices: Sequence[str], otherwise: str) -> Check:
    """A check that a value is one of a few.

    Args:
        choices: All of them.
        otherwise: What holds where the option is left out.
    """

    def check(typed: str, value: object) -> None:
        if value not in choices:
            raise BadInput(
                f"`{typed}` must be one of {', '.join(choices)}, but is {value!r}. Leave it out "
                f"for {otherwise}."
            )

    return check


def _maybe_named(annotation: object) -> Named | None:
    if isinstance(annotation, str) and annotation.startswith("Annotated"):
        raise TypeError(f"`{annotation}` must be an object, but is a text. Leave the future out.")
    return next((part for part in get_args(annotation) if isinstance(part, Named)), None)


def _section_of(kind: type[DataclassInstance], name: str) -> Section:
    """The section of the class that a field was written in."""
    (*_, owner) = (base for base in kind.__mro__ if name in vars(base).get("__annotations__", {}))
    return cast(Section, vars(owner).get("section", Section.OTHERS))


def _kind_of(annotation: object) -> object:
    """`Path | None` is a `Path`, `Sequence[Path]` a `Sequence`."""
    kinds = [part for part in get_args(annotation) if part is not NoneType]
    union = NoneType in get_args(annotation)
    kind = kinds[0] if union else annotation
    return getattr(kind, "__origin__", kind)
