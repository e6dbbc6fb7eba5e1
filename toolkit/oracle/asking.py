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

    def again(
        self,
        sources: Sequence[Tensor],
        prefixes: Sequence[Sequence[int]],
        *,
        heard: Pass,
        only: Collection[str],
    ) -> Calls:
        """What some modules make in float64 of what they are given in a pass over these inputs."""
        ...

    def search(
        self,
        source: Tensor,
        search: Search,
        tag: Optional[int] = None,
        heard: Optional[Pass] = None,
    ) -> List[ScoredTokens]:
        """The hypotheses that fairseq finds for one input, best first.

        A pass over that very input may be given, which a search then need not make again.
        """
        ...

    def text(self, tokens: Sequence[int], tag: Optional[int] = None) -> str:
        """The tokens as text, without language tags, end and unknowns.

        Each language of a model without a decoder has its own, and is told by its tag.
        """
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


def prefix_of(
    reference: AnyReference, tokens: Sequence[int], tag: Optional[int] = None
) -> Tuple[int, ...]:
    """What a decoder is given to say these tokens.

    A model without a decoder is given its language, where it has several.
    """
    start = reference.start_token
    if start is None:
        return () if tag is None else (tag,)
    return (start, *tokens[:-1])


def language_in(prefixes: Sequence[Sequence[int]]) -> Optional[int]:
    """The language of a batch for a model without a decoder; None where it is told none.

    Raises:
        ValueError: the rows are of several languages, whose weights no model has at once.
    """
    told = {tuple(prefix) for prefix in prefixes}
    if len(told) > 1:
        raise ValueError("a batch must be of one language, but is of {}".format(len(told)))
    return next((prefix[0] for prefix in told if prefix), None)


def language_of(reference: AnyReference, tag: Optional[int]) -> Optional[int]:
    """The language that a text must be told of: that of a model without a decoder."""
    return tag if reference.start_token is None else None


def of_one_language(reference: AnyReference, prefixes: Sequence[Sequence[int]]) -> Tuple[int, ...]:
    """The rows that a batch can have together: those of the first one's language.

    A decoder takes all.
    """
    if reference.start_token is not None:
        return tuple(range(len(prefixes)))
    return tuple(i for i, prefix in enumerate(prefixes) if tuple(prefix) == tuple(prefixes[0]))
