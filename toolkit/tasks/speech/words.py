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


def maybe_read_off(
    logits: Tensor, found: ScoredTokens, search: Search, tag: int | None
) -> ScoredTokens | None:
    """What a greedy search finds, by one pass over fairseq's own hypothesis; None in doubt.

    Where each token is the best behind those before it, a search takes these steps and no others.

    Args:
        logits: The converted model's behind each token, shape (1, S, V).
        found: fairseq's hypothesis, of S tokens.
        search: How it was found.
        tag: The token that was forced to be the first, if one was.
    """
    import torch

    scores = logits[0].log_softmax(-1)
    tokens = torch.tensor(found.tokens)
    chosen = slice(0 if tag is None else 1, min(len(tokens), search.max_len_b))
    if len(scores) != len(tokens) or not scores.argmax(-1)[chosen].equal(tokens[chosen]):
        return None
    total = float(scores.gather(1, tokens.unsqueeze(1)).sum())
    return ScoredTokens(tokens=found.tokens, score=total / len(tokens) ** search.lenpen)


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
