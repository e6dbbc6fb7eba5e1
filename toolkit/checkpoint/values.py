"""The inert values that a pickle turns into: names, records and references, nothing that runs."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_DIMENSIONS = 64
"""torch's own limit."""

MAX_QUOTED_CHARS = 100
"""Longest piece of a file that is quoted in a message; names in real checkpoints are shorter."""


@dataclass(frozen=True, slots=True)
class Global:
    """The name of a class or function. It is never imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return quote(f"{self.module}.{self.name}")


@dataclass(kw_only=True, eq=False, repr=False, slots=True)
class Opaque:
    """What the file wants to build from a name outside the allow-list, kept as a record.

    Not frozen: a pickle fills an object after making it. Compared by identity, because the
    records of a configuration tree point back to their parents.
    """

    global_: Global
    args: tuple[object, ...] = ()
    kwargs: dict[object, object] = field(default_factory=dict)
    state: object = None
    """Usually a dict of attributes, or a pair (dict, slots)."""
    items: list[tuple[object, object]] = field(default_factory=list)
    """Key and value pairs that the file sets on the object."""
    members: list[object] = field(default_factory=list)
    """Values that the file appends or adds to the object."""

    def __repr__(self) -> str:
        return f"<{self.global_}>"


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageRef:
    """A stretch of numbers in the file, by key."""

    key: str
    dtype: str
    """As torch spells it without the `torch.` prefix; an untyped storage counts as uint8."""
    numel: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorRef:
    """A view of a storage. Offset and stride count elements, as in torch."""

    storage: StorageRef
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def quote(value: object) -> str:
    """Returns a piece of the file that is safe and short enough for a message."""
    text = value if isinstance(value, str) else repr(value)
    short = text if len(text) <= MAX_QUOTED_CHARS else text[:MAX_QUOTED_CHARS] + "..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short)


def type_name(value: object) -> str:
    """Returns what kind of value this is, in words for a message."""
    if isinstance(value, Global):
        return f"the name `{value}`"
    if isinstance(value, Opaque):
        return f"an object of `{value.global_}`"
    if isinstance(value, TensorRef):
        return "a tensor"
    if isinstance(value, StorageRef):
        return "a storage"
    return "None" if value is None else f"a value of type {type(value).__name__}"
