"""Where a block stands: in fairseq's state dict, in transformers' and in the configuration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from toolkit.blocks.tree import join
from toolkit.core.breakable import Breakable
from toolkit.core.formats import SinceFormat
from toolkit.mapping import Row
from toolkit.replay.pairs import Layout


@dataclass(frozen=True, kw_only=True)
class Place:
    """The prefixes of one block's names; its tables are written without them."""

    source: str = ""
    """What the block's names begin with in fairseq: `w2v_encoder.w2v_model.`"""
    target: str = ""
    """What they begin with in transformers: `wav2vec2.`"""
    part: str = ""
    """The part of the configuration that has the block's keys; empty at top level."""

    def rows(self, rows: Iterable[Row]) -> tuple[Row, ...]:
        """The rows with whole names on both sides."""
        return tuple(row.under(self.source, self.target) for row in rows)

    def layouts(self, layouts: Iterable[Layout]) -> tuple[Layout, ...]:
        """The layouts with whole paths."""
        return tuple(layout.under(self.source, self.target) for layout in layouts)

    def breakable(self, relative: Breakable) -> Breakable:
        """What of the block can be broken, with whole names and keys."""
        return relative.under(self.target, self.part)

    def since(self, module: str, first: int) -> tuple[SinceFormat, ...]:
        """A module of the block that fairseq has since the format of that number."""
        path, marker = (f"{self.source}{name}" for name in (module, "version"))
        return (SinceFormat(module=path, marker=marker, first=first),)

    def module(self, path: str) -> str:
        """The whole path of a target module, or the whole name of a target tensor."""
        return self.target + path

    def key(self, name: str) -> str:
        """The whole path of a configuration key."""
        return join(self.part, name)
