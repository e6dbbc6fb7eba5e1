"""One search, asked of fairseq and of `generate` in the words of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from fairseq.ngram_repeat_block import NGramRepeatBlock
from torch import Tensor

from toolkit.bundled.generation import generate
from toolkit.oracle.asking import ScoredTokens
from toolkit.oracle.reference import Reference
from toolkit.oracle.search import Search
from toolkit.replay.target import quiet_transformers

PAD = 1


def in_transformers_words(search: Search) -> dict[str, Any]:
    """The arguments of `generate` that mean what `search` means to fairseq."""
    return {
        "num_beams": search.beam,
        "num_return_sequences": search.beam,
        "length_penalty": search.lenpen,
        # Start token and end come on top.
        "max_length": search.max_len_b + 2,
        "min_new_tokens": search.min_len,
        "no_repeat_ngram_size": search.no_repeat_ngram_size,
        "temperature": search.temperature,
        "fairseq_max_len_a": search.max_len_a,
        "fairseq_unk_penalty": search.unkpen,
    }


def from_transformers(model: Any, inputs: Tensor, **arguments: Any) -> list[list[ScoredTokens]]:
    """What `generate` finds, sentence by sentence; rows that stand for nothing are left out."""
    with quiet_transformers():
        output = generate(inputs, model=model, return_dict_in_generate=True, **arguments)
    scores = output.sequences_scores.view(len(inputs), -1).tolist()
    sequences = output.sequences.view(len(inputs), len(scores[0]), -1).tolist()
    return [
        [
            ScoredTokens(tokens=tuple(token for token in row[1:] if token != PAD), score=score)
            for row, score in zip(rows, row_scores, strict=True)
            if score != float("-inf")
        ]
        for rows, row_scores in zip(sequences, scores, strict=True)
    ]


def from_fairseq(
    generator: Any, model: Any, inputs: Tensor, tag: int | None = None, *, repaired: bool = True
) -> list[list[ScoredTokens]]:
    """What fairseq's own generator finds; `tag` comes first where there is one."""
    if repaired:
        repair_blocker(generator)
    lengths = torch.full((len(inputs),), inputs.shape[1])
    sample = {"net_input": {"src_tokens": inputs, "src_lengths": lengths}}
    prefix = None if tag is None else torch.full((len(inputs), 1), tag)
    with torch.no_grad():
        found = generator.generate([model], sample, prefix_tokens=prefix)
    return [[_scored(hypothesis) for hypothesis in hypotheses] for hypotheses in found]


def from_reference(
    reference: Reference, source: Tensor, search: Search, tag: int | None
) -> list[ScoredTokens]:
    """What fairseq finds for one input, with or without a tag."""
    generator = reference._generator(search)
    (found,) = from_fairseq(generator, reference.model, source.unsqueeze(0), tag)
    return found


def repair_blocker(generator: Any) -> None:
    """Shows fairseq's n-gram blocker the tokens so far instead of a buffer that ends in padding.

    On a CPU it blocks nothing since commit 8ca4813 (fairseq#5206, #4709); its CUDA kernel does.
    """
    if generator.repeat_ngram_blocker is not None:
        generator.repeat_ngram_blocker = _Blocker(
            generator.repeat_ngram_blocker.no_repeat_ngram_size, use_extension=False
        )


def differences(
    expected: Sequence[ScoredTokens], actual: Sequence[ScoredTokens]
) -> tuple[bool, float]:
    """Whether the lists differ, and the largest difference of scores at a rank."""
    differs = [h.tokens for h in expected] != [h.tokens for h in actual]
    pairs = zip(expected, actual, strict=False)
    return differs, max((abs(e.score - a.score) for e, a in pairs), default=0.0)


class _Blocker(NGramRepeatBlock):
    def forward(self, tokens, lprobs, bsz, beam_size, step):
        return super().forward(tokens[:, : step + 1], lprobs, bsz, beam_size, step)


def _scored(hypothesis: dict[str, Tensor]) -> ScoredTokens:
    return ScoredTokens(
        tokens=tuple(hypothesis["tokens"].tolist()), score=float(hypothesis["score"])
    )
