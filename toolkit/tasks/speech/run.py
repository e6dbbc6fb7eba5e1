"""What both models make of one clip, whatever they are trained to say of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.audio import Clip
from toolkit.compare.metrics import noise_ratio, relative_error
from toolkit.compare.pictures import Sketchbook
from toolkit.core.errors import NotRecorded
from toolkit.core.result import TokenComparison
from toolkit.oracle.asking import AnyReference, ScoredTokens, prefix_of
from toolkit.oracle.search import Search, with_beam
from toolkit.replay.pairs import Pair
from toolkit.replay.replay import first, paired_outputs
from toolkit.tasks.speech.target import SpeechTarget
from toolkit.trial.bench import Bench, Run
from toolkit.trial.measuring import PairErrors, Record, Sides, measure_pairs, only_call

if TYPE_CHECKING:
    from torch import Tensor

SpeechBench = Bench[SpeechTarget]

NAN = float("nan")
TRANSFORMERS_EPSILON = 1e-7
"""What `Wav2Vec2FeatureExtractor` adds to the variance; fairseq's layer norm adds 1e-5."""


@dataclass(frozen=True, kw_only=True)
class HeardRun(Run):
    """What both models made of one clip, in numbers and in words."""

    tag: int | None
    """Language tag that decoding begins with."""
    target_logits: Tensor
    """The converted model's float32 logits, shape (1, S, V)."""
    front_end: float
    front_end_explained: float
    """The same error with transformers' epsilon in fairseq's formula."""
    logits: float
    """Float32 logits with the attention kernels that each side uses by itself."""
    logits_noise: float
    """The reference's own float32 error of its logits, relative to the largest."""
    logits_float64: float
    greedy: TokenComparison
    pipeline_text: str
    pipeline_reference_text: str | None
    """What fairseq says when it is fed with the folder's own front end. None if greedy search says
    the same as the pipeline, so that nothing is left to explain; or if a recording does not know.
    """


def record_clip(
    reference: AnyReference, name: str, waveform: Tensor, search: Search, tag: int | None
) -> Record:
    """Records fairseq on one clip; a decoder is given fairseq's own greedy hypothesis.

    Args:
        reference: fairseq's model.
        name: The clip's name.
        waveform: Shape (L,), 16 kHz mono.
        search: The checkpoint's search settings.
        tag: Language tag to begin with, None where the task prepends none.
    """
    source = reference.front_end(waveform)
    prefix = prefix_of(reference, reference.search(source, with_beam(search, 1), tag)[0].tokens)
    forced = reference.forward([source], [prefix], explicit=True, double=True)
    return Record(clip=name, source=source, prefix=prefix, calls=forced.calls)


def hear(
    bench: SpeechBench, clip: Clip, *, tag: int | None, book: Sketchbook | None = None
) -> tuple[HeardRun, Passes]:
    """Runs both models on one clip, on identical arrays but for the front ends themselves.

    Args:
        bench: The models.
        clip: The audio.
        tag: Language tag to begin with, None where the task prepends none.
        book: Where to draw what is compared.

    Returns:
        What every task compares, and the passes for what a task compares beside.
    """
    import torch

    reference, target = bench.reference, bench.target
    once = with_beam(bench.search, 1)
    waveform = torch.from_numpy(clip.waveform)
    source, own_source = reference.front_end(waveform), target.front_end(waveform)
    greedy = reference.search(source, once, tag)[0]
    prefix = prefix_of(reference, greedy.tokens)
    passes = Passes(bench, source, prefix)
    pairs = passes.compare_pairs(clip.name, book)
    if book is not None:
        book.draw_clip(clip.name, waveform, prefix)
    margin = smallest_margin(passes.fused_expected.logits)
    said = compare_words(bench, greedy, target.search(source, once, tag)[0], margin=margin)
    pipeline_text = target.pipeline_text(waveform, tag)
    explained = pipeline_text in (said.reference_text, said.converted_text)
    run = HeardRun(
        clip=clip,
        tag=tag,
        source=source,
        prefix=prefix,
        target_logits=passes.fused_actual.logits,
        frames=passes.frames,
        front_end=relative_error(source, own_source),
        front_end_explained=explained_front_end(waveform, source, own_source),
        logits=relative_error(passes.fused_expected.logits, passes.fused_actual.logits),
        logits_noise=relative_error(passes.exact.logits, passes.fused_expected.logits.double()),
        logits_float64=relative_error(passes.exact.logits, passes.exact_actual.logits),
        pairs=pairs,
        greedy=said,
        pipeline_text=pipeline_text,
        pipeline_reference_text=None if explained else heard(reference, own_source, once, tag),
    )
    return run, passes


class Passes:
    """The passes over one clip, in the precisions that the measures need."""

    def __init__(self, bench: SpeechBench, source: Tensor, prefix: tuple[int, ...]) -> None:
        reference, target = bench.reference, bench.target
        self.bench, self.reference, self.target = bench, reference, target
        run = ([source], [prefix])
        sources, targets = bench.pairing.sources, bench.pairing.targets
        self.fused_expected = reference.forward(*run, only=())
        self.fused_actual = target.forward(*run, only=())
        self.expected = reference.forward(*run, explicit=True, only=sources)
        self.actual = target.forward(*run, explicit=True, only=targets)
        self.exact = reference.forward(*run, explicit=True, double=True, only=sources)
        self.exact_actual = target.forward(*run, explicit=True, double=True, only=targets)

    @property
    def frames(self) -> int:
        """Encoder frames before the adaptor, as the convolutions give them."""
        return first(self.actual.calls[self.bench.pairing.frames_of][0].outputs).shape[-1]

    def compare_pairs(self, clip: str, book: Sketchbook | None) -> tuple[PairErrors, ...]:
        """Both errors of every pair; draws them in `book`."""
        return measure_pairs(
            Sides(
                target=self.target,
                source=self.bench.source,
                pairing=self.bench.pairing,
                clip=clip,
                made=self.exact_actual.calls,
                received=self.exact.calls,
                book=book,
                propagate=self._propagated,
            )
        )

    def _propagated(self, pair: Pair, exact: Tensor) -> float:
        made = only_call(self.actual.calls, pair.target)
        received = only_call(self.expected.calls, pair.source)
        if made is None or received is None:
            return NAN
        try:
            outputs = paired_outputs(
                pair.layout, self.bench.source, first(made.outputs), first(received.outputs)
            )
        except (RuntimeError, ValueError):
            return math.inf
        return noise_ratio(exact, outputs.expected, outputs.actual)


def heard(reference: AnyReference, source: Tensor, search: Search, tag: int | None) -> str | None:
    """What fairseq says to an input; None if a recording does not know."""
    try:
        return reference.text(reference.search(source, search, tag)[0].tokens)
    except NotRecorded:
        return None


def explained_front_end(waveform: Tensor, source: Tensor, own_source: Tensor) -> float:
    """The error of a folder's input with transformers' epsilon in fairseq's formula."""
    import torch

    if torch.equal(waveform, source):
        return relative_error(source, own_source)
    exact = waveform.double()
    predicted = torch.nn.functional.layer_norm(exact, exact.shape, eps=TRANSFORMERS_EPSILON)
    return relative_error(predicted, own_source.double())


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
) -> TokenComparison:
    """Two hypotheses of one rank, with the texts that each side makes of its own."""
    return TokenComparison(
        reference=expected.tokens,
        converted=actual.tokens,
        reference_text=bench.reference.text(expected.tokens) if expected.tokens else "",
        converted_text=bench.target.text(actual.tokens) if actual.tokens else "",
        reference_score=expected.score,
        converted_score=actual.score,
        margin=margin,
    )
