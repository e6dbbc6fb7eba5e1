"""What a comparison may ask of fairseq, whether it runs here or answers from a recording."""

from __future__ import annotations

from typing import Collection, List, Optional, Protocol, Sequence, Tuple

from torch import Tensor

from toolkit.oracle.reference import Forced, ScoredTokens
from toolkit.oracle.search import Search


class AnyReference(Protocol):
    """The questions; `toolkit.oracle.reference.Reference` says what each argument means.

    A recording knows only what its recorder asked, and raises an error for anything else.
    """

    @property
    def start_token(self) -> int:
        """The token that every hypothesis starts from."""
        ...

    def front_end(self, waveform: Tensor) -> Tensor:
        """The network's input for a waveform, both of shape (L,)."""
        ...

    def teacher_force(
        self,
        sources: Sequence[Tensor],
        prefixes: Sequence[Sequence[int]],
        *,
        double: bool = False,
        explicit: bool = False,
        only: Optional[Collection[str]] = None,
    ) -> Forced:
        """One pass over a batch with the decoder's inputs given."""
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
