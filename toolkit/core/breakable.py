"""What of a folder can be broken, by name: the data that `toolkit faults` works on.

Blocks, families and tasks say it of what they write, with names relative to their own place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from toolkit.core.slips import CONFIG, Invention, Slip


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a model, in which every kind of fault is made that fits."""

    name: str
    """As results call it: `encoder attention`."""
    modules: str = ""
    """Regular expression of the paths of its modules; empty for the place's own module."""
    is_bare: bool = False
    """Its tensors are those of a module with others inside, which is never left out as a whole, and
    begin as random numbers whatever their shape."""
    is_zero: bool = False
    """Its tensors hold zeros, so that whatever multiplies or moves them changes nothing."""
    is_gated: bool = False
    """Its convolutions give values, and behind them as many gates."""

    def under(self, target: str) -> Part:
        """The part with whole paths."""
        return replace(self, modules=_under(target, self.modules))


@dataclass(frozen=True, kw_only=True)
class Side:
    """Tensors that one group of `config.json` describes, with its keys for what faults need."""

    width: str
    heads: str
    groups: str | None = None
    """Key for the groups of the convolution with a weight norm, where there is one."""
    prefix: str = ""
    """What the names of the tensors begin with."""

    def under(self, target: str, part: str) -> Side:
        """The side with whole names and whole keys."""
        return replace(
            self,
            prefix=target + self.prefix,
            width=_key(part, self.width),
            heads=_key(part, self.heads),
            groups=self.groups and _key(part, self.groups),
        )


@dataclass(frozen=True, kw_only=True)
class Attention:
    """Attention blocks, and what they call their projections."""

    modules: str
    """Regular expression of their paths."""
    query: str = "q_proj"
    key: str = "k_proj"
    value: str = "v_proj"
    output: str = "out_proj"
    crossed: str | None = None
    """Name of the block beside it that attends to something else in the same way."""

    @property
    def inputs(self) -> tuple[str, str, str]:
        """The names of query, key and value."""
        return self.query, self.key, self.value

    @property
    def projections(self) -> tuple[str, ...]:
        """The names of all projections."""
        return (*self.inputs, self.output)

    def under(self, target: str) -> Attention:
        """The blocks with whole paths."""
        return replace(self, modules=_under(target, self.modules))


@dataclass(frozen=True, kw_only=True)
class Output:
    """A layer with one row for each symbol."""

    module: str
    embedding: str | None = None
    """The tensor that it may be tied to."""
    tie: str | None = None
    """The key that says whether it is."""

    def under(self, target: str, part: str) -> Output:
        """The layer with whole names and keys."""
        return replace(
            self,
            module=target + self.module,
            embedding=self.embedding and target + self.embedding,
            tie=self.tie and _key(part, self.tie),
        )


@dataclass(frozen=True, kw_only=True)
class Droppable:
    """Modules that conversion scripts are known to have dropped."""

    name: str
    """What they are: `embedding_norm`."""
    modules: str
    """Regular expression of their paths."""
    is_table: bool = False
    """Whether each is a table with rows before the first that is read, which may be cut off."""

    def under(self, target: str) -> Droppable:
        """The modules with whole paths."""
        return replace(self, modules=_under(target, self.modules))


@dataclass(frozen=True, kw_only=True)
class Breakable:
    """What of a folder can be broken; pieces of it are joined to a whole."""

    parts: tuple[Part, ...] = ()
    """Every module with tensors lies in one of them."""
    sides: tuple[Side, ...] = ()
    """A tensor belongs to the first that it begins like, else to the first of all."""
    stacks: tuple[str, ...] = ()
    """Names of lists of layers: `layers`."""
    attentions: tuple[Attention, ...] = ()
    outputs: tuple[Output, ...] = ()
    droppable: tuple[Droppable, ...] = ()
    slips: tuple[Slip, ...] = ()
    inventions: tuple[Invention, ...] = ()
    vocabularies: tuple[str, ...] = ()
    """Files that hold the rows of the tokenizer."""
    narrow_dtypes: tuple[str, ...] = ()
    """In which the whole folder may have been saved."""

    def under(self, target: str, part: str) -> Breakable:
        """What is declared of a block, in its place.

        Args:
            target: What the names of its tensors begin with.
            part: The part of `config.json` that has its keys; empty at top level.
        """
        return replace(
            self,
            parts=tuple(item.under(target) for item in self.parts),
            sides=tuple(item.under(target, part) for item in self.sides),
            attentions=tuple(item.under(target) for item in self.attentions),
            outputs=tuple(item.under(target, part) for item in self.outputs),
            droppable=tuple(item.under(target) for item in self.droppable),
            slips=tuple(_placed(item, part) for item in self.slips),
        )


def joined(pieces: Iterable[Breakable]) -> Breakable:
    """All that the pieces have, in their order."""
    every = tuple(pieces)
    return Breakable(
        **{
            field.name: tuple(item for piece in every for item in getattr(piece, field.name))
            for field in fields(Breakable)
        }
    )


def _under(target: str, pattern: str) -> str:
    return f"{re.escape(target)}(?:{pattern})" if pattern else re.escape(target.rstrip("."))


def _key(part: str, key: str) -> str:
    return f"{part}.{key}" if part else key


def _placed(item: Slip, part: str) -> Slip:
    return replace(item, path=_key(part, item.path)) if item.file == CONFIG else item
