"""What fairseq says to an input, and how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.core.errors import NotRecorded
from toolkit.core.tokens import TokenComparison
from toolkit.oracle.asking import AnyReference, ScoredTokens, language_of
from toolkit.oracle.search import Search

if TYPE_CHECKING:
    from torch import Tensor

    from toolkit.tasks.speech.hearing import SpeechBench


def maybe_said(
    reference: AnyReference, source: Tensor, search: Search, tag: int | None
) -> str | None:
    """What fairseq says to an input; None if a recording does not know."""
    try:
        found = reference.search(source, search, tag)[0].tokens
        return reference.text(found, language_of(reference, tag))
    except NotRecorded:
        return None


def smallest_margin(logits: Tensor) -> float:
    """The smallest lead of a best symbol over the next one, in nats."""
    best = logits.log_softmax(-1).topk(2, dim=-1).values
    return float((best[..., 0] - best[..., 1]).min())


def compare_words(
    bench: SpeechBench,
    expected: ScoredTokens,
    actual: ScoredTokens,
    *,
    margin: float | None,
    tag: int | None = None,
) -> TokenComparison:
    """Two hypotheses of one rank, with the texts that each side makes of its own."""
    language = language_of(bench.reference, tag)
    return TokenComparison(
        reference=expected.tokens,
        converted=actual.tokens,
        reference_text=bench.reference.text(expected.tokens, language) if expected.tokens else "",
        converted_text=bench.target.text(actual.tokens, language) if actual.tokens else "",
        reference_score=expected.score,
        converted_score=actual.score,
        margin=margin,
    )
