"""What a folder must hold, and who says so."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolkit.compare.differences import AnyVocabulary, Difference
from toolkit.folder.contents import FolderContents
from toolkit.folder.languages import Spoken
from toolkit.mapping import Plan

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the tensors of a model must hold, and who says so."""

    plan: Plan
    tensors: Mapping[str, Tensor]
    """The expected value of every assigned target tensor, in float32."""
    origins: Mapping[str, str]
    """The row that wrote each tensor, in words: the family's, or that of a mapping file."""
    head_widths: Mapping[str, int]
    """Width of an attention head, by the name of a parameter or the prefix of projections."""
    unspoken: Mapping[str, Tensor] = field(default_factory=dict)
    """What the checkpoint has in the place of tensors that its language brings, in float32."""

    @property
    def spoken(self) -> Spoken | None:
        """The languages that the model speaks, where it has weights for each."""
        return None

    @property
    def twins(self) -> dict[str, str]:
        """The other name of every tensor that stands under two, by the tied one."""
        return {tie.target: tie.target_twin for tie in self.plan.ties}


@dataclass(frozen=True, kw_only=True)
class Truth(Expected):
    """What a folder must hold, and who says so."""

    contents: FolderContents
    vocabulary: AnyVocabulary | None
    """None where there is no tokenizer."""

    @property
    def spoken(self) -> Spoken | None:
        """The languages that the folder's model speaks, where it has weights for each."""
        return self.contents.spoken


@dataclass(frozen=True, kw_only=True)
class Known:
    """What of a folder's files was held against the checkpoint already."""

    right: Collection[str] = ()
    """Tensors that hold what they must."""
    vocabulary: Sequence[Difference] | None = None
    """In what the tokenizer differs; None where nobody asked."""


NOTHING = Known()
