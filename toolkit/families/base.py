"""What a family of checkpoints must say about itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from toolkit.blocks.evidence import Derived
from toolkit.blocks.tree import (
    ConfigTree,
    assumed,
    given,
    overridden,
    settled,
    unknown,
    values_under,
)
from toolkit.checkpoint import Checkpoint
from toolkit.compare.probes import PaddingProbes
from toolkit.core.breakable import Breakable
from toolkit.core.coverage import Reason
from toolkit.core.formats import SinceFormat
from toolkit.core.json import JsonObject
from toolkit.families.sidecars import Named, Sidecars
from toolkit.folder.contents import FolderContents, Misfit
from toolkit.mapping import Table
from toolkit.oracle.search import Search
from toolkit.replay.pairs import Layout
from toolkit.tasks import TaskKind

if TYPE_CHECKING:
    from toolkit.oracle.hooks import Calls


@dataclass(frozen=True, kw_only=True)
class Form:
    """The classes that a folder is written in, as its `config.json` names them."""

    kinds: Mapping[str, str | None]
    """Model type of each part, None where the folder names none; a model without parts is its own,
    without a name."""
    carries_code: bool
    """Whether the model's classes are in the folder."""
    architectures: tuple[str, ...] = ()
    """The classes of the whole model, as it names them."""
    labels: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """The names of its classes, by their number; none of a model that has no classes."""
    parameters: frozenset[str] = field(default_factory=frozenset, compare=False, repr=False)
    """Names of its weights; none where they cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user may say where a checkpoint does not."""

    source_lang: str | None = None
    """Language code of the texts that are read."""
    target_lang: str | None = None
    """Language code whose tag generation starts with."""
    exact_padding: bool = False
    """Carry code rather than deviate in padded batches."""
    padding_reference: str = "masked"
    """How fairseq's adaptor treats frames beyond a clip's end: `masked` zeroes them, as since August
    2022; `unmasked` lets its convolutions read what stands there, as before."""
    overrides: Mapping[str, JsonObject] = field(default_factory=dict)
    """Values of the configuration by part and key; see `toolkit.blocks.tree.overridden`."""
    w2v: Path | None = None
    """The pretrained encoder's own checkpoint, for arguments that the converted one lacks."""
    folder_tags: tuple[int | str, ...] = ()
    """Ids or symbols that texts of the folder on trial begin with; the first that is a language's
    counts where the checkpoint names no language."""
    form: Form | None = None
    """The classes of the folder on trial; None for those that a conversion chooses."""
    chosen: Mapping[str, Derived] = field(default_factory=dict)
    """Values that a recording decided on, or could not, by key such as
    `encoder.num_attention_heads`; each takes the place of an assumed one."""
    tries: bool = False
    """Whether the classes have to take every value that is left open, as each will be tried."""

    def settle(self, config: ConfigTree) -> dict[str, Derived]:
        """A configuration with what the user says of it, and what a recording decided.

        Raises:
            BadInput: the user names a part that the model has not.
        """
        said = overridden(config, self.overrides)
        return settled(said, {path: told for path, told in self.chosen.items() if path in said})

    def told(self, part: str) -> dict[str, Derived]:
        """What the user says of a part, and what a recording or the model chose, by key."""
        return {**given(part, self.overrides), **values_under(self.chosen, part)}


@dataclass(frozen=True, kw_only=True)
class Network:
    """What the checkpoint's own arguments and tensor shapes say about the network."""

    generation: str
    """Which forward pass of the family's history the tensors belong to."""
    config: ConfigTree
    """What `config.json` says of the network, by dotted path."""
    table: Table
    layouts: tuple[Layout, ...]
    head_widths: Mapping[str, int]
    """Width of an attention head, by the prefix of the target parameters it applies to."""
    bypassed: tuple[str, ...]
    """Source modules whose `forward` their parent never calls."""
    whole: str
    """Target module in which every open value of the configuration shows: what was chosen piece by
    piece must be right in it."""
    frames_of: str
    """Target module whose output has one column, its last axis, per encoder frame."""
    unpaired: tuple[str, ...]
    """Target tensors that no pair of modules has in common: no forward pass reads them outside of
    training, or fairseq keeps them in another module."""
    refusals: tuple[Reason, ...]
    """Why no exact conversion is possible; empty when there is one."""
    shortcomings: tuple[Reason, ...]
    """Why no stock class is exact, so that a conversion carries code; empty when one is."""
    carries_code: bool
    """Whether the table and the values are for the classes that a folder carries."""
    frames_axis: int = -1
    """The axis of `frames_of` that has them, where it is no convolution's."""
    misfits: tuple[Misfit, ...] = ()
    """What the classes of the folder on trial cannot express; see `Options.form`."""
    lost: tuple[str, ...] = ()
    """Prefixes of target tensors of which nothing is known, as their class is not."""
    breakable: Breakable = field(default_factory=Breakable)
    """What of the weights and of `config.json` can be broken on purpose; nothing by default."""
    formats: tuple[SinceFormat, ...] = ()
    """Modules that fairseq leaves out where the checkpoint is of an earlier format than theirs."""

    @property
    def unknown(self) -> tuple[Reason, ...]:
        """Values that neither tensors nor arguments give, and the option that supplies each."""
        return tuple(unknown(self.config))

    @property
    def assumptions(self) -> tuple[Reason, ...]:
        """Values that neither tensors nor arguments give, and on what they were assumed."""
        return tuple(assumed(self.config))


@dataclass(frozen=True, kw_only=True)
class Task:
    """What the files beside the checkpoint say about text, audio and search."""

    kind: TaskKind
    """What such models are asked."""
    contents: FolderContents
    padding: PaddingProbes
    search: Search
    """The checkpoint's own search settings; `beam` is its default beam."""
    default_lang: str | None
    """None where the task prepends no language tag."""
    reference_settings: JsonObject
    """Arguments that fairseq builds its task and model from."""
    reference_files: Mapping[str, bytes | Path]
    """What fairseq's task reads, by the name that it looks for; a path stands for its content."""
    assumptions: tuple[Reason, ...]
    unbuildable: str | None = None
    """Why fairseq itself cannot build the model, so that its fork must be asked; None where it can."""
    preprocessor: Mapping[str, Derived] = field(default_factory=dict)
    """Values of preprocessor_config.json that a checkpoint may leave open."""


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

    def sidecars(self, checkpoint: Checkpoint, named: Named) -> Sidecars:
        """The files beside the checkpoint that belong to it: those named, else those found.

        Raises:
            BadInput: one of them cannot be found or read, or is named and of no use.
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

    def shortest_input(self, network: Network) -> int:
        """Fewest samples that give the network one frame."""
        ...

    def frames(self, network: Network, samples: int) -> int:
        """Frames that the network makes of so many samples, which are at least the fewest."""
        ...

    def possible(
        self, network: Network, calls: Sequence[Calls]
    ) -> Mapping[str, tuple[object, ...]]:
        """Candidates that fairseq's recorded calls leave, where too many are possible to list them.

        By key, such as `encoder.conv_stride`; without calls there are keys, but no candidates.

        Raises:
            BadInput: still too many are left.
        """
        ...


class Told:
    """A family whose checkpoints say all: no value is left to be tried."""

    def possible(
        self,
        network: Network,  # noqa: ARG002
        calls: Sequence[Calls],  # noqa: ARG002
    ) -> Mapping[str, tuple[object, ...]]:
        """Nothing."""
        return {}
