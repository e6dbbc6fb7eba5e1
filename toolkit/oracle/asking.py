"""What a comparison may ask of fairseq, whether it runs here or answers from a recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Collection, List, Mapping, Optional, Protocol, Sequence, Tuple

from torch import Tensor, nn

from toolkit.oracle.hooks import Calls
from toolkit.oracle.search import Search


@dataclass(frozen=True)
class ScoredTokens:
    """One hypothesis: its tokens from the first generated one to the end, and its score."""

    tokens: Tuple[int, ...]
    score: float
    """Sum of log-probabilities over length ** lenpen, language tag and end included."""


@dataclass(frozen=True)
class Pass:
    """What one forward pass gave, the same on both sides of a comparison."""

    outputs: Mapping[str, Tensor]
    """By name, batch first; what the model is asked for comes first, as `logits` (B, S, V) do."""
    calls: Calls
    """The recorded calls of modules, by path."""

    @property
    def result(self) -> Tensor:
        """What the model is asked for."""
        return next(iter(self.outputs.values()))

    @property
    def logits(self) -> Tensor:
        """Shape (B, S, V)."""
        return self.outputs["logits"]


class AnyReference(Protocol):
    """The questions; `toolkit.oracle.reference.Reference` says what each argument means.

    A recording knows only what its recorder asked, and raises an error for anything else.
    """

    @property
    def start_token(self) -> Optional[int]:
        """The token that every hypothesis starts from; None where there is no decoder."""
        ...

    def front_end(self, waveform: Tensor) -> Tensor:
        """The network's input for a waveform, both of shape (L,)."""
        ...

    def forward(
        self,
        sources: Sequence[Tensor],
        prefixes: Sequence[Sequence[int]],
        *,
        double: bool = False,
        explicit: bool = False,
        only: Optional[Collection[str]] = None,
    ) -> Pass:
        """One pass over a batch, with the decoder's inputs given where there is a decoder."""
        ...

    def search(
        self, source: Tensor, search: Search, tag: Optional[int] = None
    ) -> List[ScoredTokens]:
        """The hypotheses that fairseq finds for one input, best first."""
        ...

    def text(self, tokens: Sequence[int]) -> str:
        """The tokens as text, without language tags, end and unknowns."""
        ...

    def encode(self, text: str) -> Tuple[int, ...]:
        """The token ids of a text without tag and end."""
        ...


class AnyModel(AnyReference, Protocol):
    """fairseq itself, at hand in this process."""

    @property
    def model(self) -> nn.Module:
        """Fairseq's model."""
        ...


def prefix_of(reference: AnyReference, tokens: Sequence[int]) -> Tuple[int, ...]:
    """What a decoder is given to say these tokens; nothing where there is no decoder."""
    start = reference.start_token
    return () if start is None else (start, *tokens[:-1])
