"""Where a family's padded batches can be taken apart; data alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PaddingProbes:
    """Where a family's padded batches can be taken apart."""

    before: str | None = None
    """Target module whose output the unmasked module reads."""
    unmasked: str | None = None
    """Target module that takes no mask; None where there is none."""
    after: str | None = None
    """Target module that reads the unmasked module's output."""
    masked: str | None = None
    """Target module that is told which frames belong to a clip; None where nobody looks."""
    counts_otherwise: bool = False
    """Whether the target's class is known to count those frames otherwise than fairseq."""
    is_remedied: bool = True
    """Whether the folder can carry a class that counts as fairseq does."""
    reference: str = "masked"
    """One of `toolkit.tasks.speech_seq2seq.padding.REFERENCES`."""
