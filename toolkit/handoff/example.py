"""What a runner is asked of a clip, and what it is to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Example:
    """One clip as fairseq heard it, alone in its batch. B is 1 throughout."""

    clip: str
    """Its name."""
    waveform: NDArray[np.float32]
    """Shape (L,)."""
    sampling_rate: int
    """Of the waveform, in Hz."""
    input_values: NDArray[np.float32]
    """What fairseq's network was given of it, shape (B, L); filter banks are (B, T, F)."""
    attention_mask: NDArray[np.int64]
    """Ones, as nothing of the clip is padding, shape (B, L) or (B, T)."""
    decoder_input_ids: NDArray[np.int64] | None
    """What a decoder is given for the logits, the start token and fairseq's greedy hypothesis but
    for its last token, shape (B, S); None where there is no decoder."""
    language: str | None
    """The clip's language, as its manifest names it."""
    language_id: int | None
    """The first token that is generated, or the number of the language of a model that has weights
    for each; None where nothing is told."""
    max_new_tokens: int | None
    """How many tokens fairseq's search was allowed; None where nothing is searched, or where that
    depends on the clip."""
    num_beams: int | None
    """How many hypotheses are asked for as `hypotheses`; None where none are."""


class Runner(Protocol):
    """Whatever runs a model: a class of a user's own."""

    def ask(self, example: Example) -> Mapping[str, object]:
        """What the model makes of a clip; any of these that it knows, the same of every clip.

        Floats: `input_values` that it makes of the waveform, shape (B, L); `logits`, (B, T, V) of
        frames, (B, S, V) of tokens or (B, C) of classes; `features` of an encoder, (B, T, D);
        `layers.1` and so on, as `hidden_states` has them, (B, T, D); `encoder_out`, which a decoder
        is given, (B, T, D).

        Words: `tokens`, the ids of merged letters, or of all that is generated with its end;
        `text`, without special tokens, or the label; `hypotheses` of a beam search, best first,
        pairs of ids and score.
        """
        ...
