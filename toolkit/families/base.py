"""What a family of checkpoints must say about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.sidecars import Sidecars
from toolkit.compare.padding import PaddingProbes
from toolkit.core.result import Reason
from toolkit.folder.contents import FolderContents
from toolkit.mapping import Table
from toolkit.oracle.reference import Search
from toolkit.replay.pairs import Layout


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user may say where a checkpoint does not."""

    target_lang: str | None = None
    """Language code whose tag generation starts with."""
    encoder_config: Mapping[str, Any] = field(default_factory=dict)
    decoder_config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Derived:
    """One value of a configuration, and how it is known."""

    value: Any
    evidence: str


@dataclass(frozen=True, kw_only=True)
class Network:
    """What the checkpoint's own arguments and tensor shapes say about the network."""

    generation: str
    """Which forward pass of the family's history the tensors belong to."""
    encoder: Mapping[str, Derived]
    decoder: Mapping[str, Derived]
    table: Table
    layouts: tuple[Layout, ...]
    head_widths: Mapping[str, int]
    """Width of an attention head, by the prefix of the target parameters it applies to."""
    bypassed: tuple[str, ...]
    """Source modules whose `forward` their parent never calls."""
    unknown: tuple[Reason, ...]
    """Values that neither tensors nor arguments give, and the option that supplies each."""
    refusals: tuple[Reason, ...]
    """Why no exact conversion is possible; empty when there is one."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What the files beside the checkpoint say about text, audio and search."""

    contents: FolderContents
    padding: PaddingProbes
    search: Search
    """The checkpoint's own search settings; `beam` is its default beam."""
    default_lang: str | None
    """None where the task prepends no language tag."""
    reference_settings: Mapping[str, Any]
    """Arguments that fairseq builds its task and model from."""
    reference_yaml: Mapping[str, Any]
    """The data configuration that fairseq's task reads."""
    assumptions: tuple[Reason, ...]


class Family(Protocol):
    """One family of fairseq models; each lives in one file of this package."""

    @property
    def name(self) -> str:
        """The name that reports use."""
        ...

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether the checkpoint belongs to the family."""
        ...

    def network(self, checkpoint: Checkpoint, options: Options) -> Network:
        """What the network is, read off tensors and arguments.

        Raises:
            BadInput: a tensor that every member of the family has is missing.
        """
        ...

    def task(
        self, checkpoint: Checkpoint, sidecars: Sidecars, network: Network, options: Options
    ) -> Task:
        """What the folder must hold beside the weights.

        Raises:
            BadInput: dictionary, language or configuration do not fit the checkpoint.
        """
        ...
