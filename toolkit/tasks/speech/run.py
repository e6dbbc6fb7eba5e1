"""What both models make of one clip, whatever they are trained to make of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from toolkit.audio import Clip
from toolkit.compare import tolerances
from toolkit.compare.metrics import noise_ratio, relative_error
from toolkit.compare.pictures import Sketchbook
from toolkit.core.pictures import Track
from toolkit.core.tokens import TokenComparison
from toolkit.oracle.asking import AnyReference, Pass, ScoredTokens
from toolkit.oracle.hooks import rest
from toolkit.oracle.search import Search
from toolkit.replay.pairs import Pair
from toolkit.replay.replay import first, paired_outputs
from toolkit.tasks.speech.frames import follow_best, follow_result, only_frames
from toolkit.tasks.speech.hearing import Heard, HeardBench, SpeechBench, listen
from toolkit.tasks.speech.own import compare_own
from toolkit.tasks.speech.prefixes import find_prefix
from toolkit.tasks.speech.words import (
    compare_words,
    maybe_read_off,
    maybe_said,
    smallest_margin,
)
from toolkit.trial.bench import Run
from toolkit.trial.effort import FULL, Effort
from toolkit.trial.measuring import PairErrors, Record, Sides, measure_pairs, only_call

if TYPE_CHECKING:
    from torch import Tensor

R = TypeVar("R", bound="HeardRun")

NAN = float("nan")
TRANSFORMERS_EPSILON = 1e-7
"""What `Wav2Vec2FeatureExtractor` adds to the variance; fairseq's layer norm adds 1e-5."""


@dataclass(frozen=True, kw_only=True)
class HeardRun(Run):
    """What both models made of one clip, in numbers and in words.

    What was not compared on this clip is None; see `toolkit.trial.effort`.
    """

    tag: int | None
    """Language tag that decoding begins with."""
    front_end: float
    front_end_explained: float
    """The same error with transformers' epsilon in fairseq's formula."""
    result: float
    """What the model is asked for, such as logits, in float32 with the attention kernels that each
    side uses by itself."""
    target_result: Tensor | None = None
    """The same of the converted model, shape (1, S, V) for logits."""
    result_noise: float = NAN
    """The reference's own float32 error of it, relative to the largest."""
    result_float64: float = NAN
    greedy: TokenComparison | None = None
    is_read_off: bool = False
    """Whether one pass told what the folder's search finds, which was not run."""
    pipeline_text: str | None = None
    pipeline_reference_text: str | None = None
    """What fairseq says when it is fed with the folder's own front end. None if greedy search says
    the same as the pipeline, so that nothing is left to explain; or if a recording does not know.
    """

    def without_sound(self: R) -> R:
        """The run with its numbers alone; see `toolkit.trial.bench.Run`."""
        return replace(super().without_sound(), target_result=None)

    @property
    def said(self) -> TokenComparison:
        """The greedy hypotheses of a clip that was searched.

        Raises:
            ValueError: it was not.
        """
        if self.greedy is None:
            raise ValueError(f"`{self.clip.name}` was not searched")
        return self.greedy


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
    prefix = find_prefix(reference, source, search, tag)
    forced = reference.forward([source], [prefix], explicit=True, double=True)
    return Record(clip=name, waveform=waveform, source=source, prefix=prefix, calls=forced.calls)


def hear(
    bench: SpeechBench,
    clip: Clip,
    *,
    tag: int | None,
    effort: Effort = FULL,
    prefix: tuple[int, ...] | None = None,
    book: Sketchbook | None = None,
) -> tuple[HeardRun, Replayed | None]:
    """Runs both models on one clip, on identical arrays but for the front ends themselves.

    Args:
        bench: The models.
        clip: The audio.
        tag: Language tag to begin with, None where the task prepends none.
        effort: What is compared.
        prefix: What a decoder is given; None gives it what fairseq says.
        book: Where to draw what is compared.

    Returns:
        What every task compares, and the passes for what a task compares beside.
    """
    heard = listen(bench, clip, tag=tag, prefix=None if effort.searched else prefix)
    fused = Fused(bench, heard, own=effort.own)
    run, replayed = compare_passes(bench, heard, fused, effort=effort, book=book)
    if effort.searched:
        own = None if effort.generated else _maybe_read_off(bench, heard, fused)
        greedy = _compare_greedy(bench, heard, fused, own)
        run = replace(run, greedy=greedy, is_read_off=own is not None)
    if effort.piped:
        run = replace(run, **_through_pipeline(bench, heard, run.said))
    return run, replayed


def compare_passes(
    bench: HeardBench,
    heard: Heard,
    fused: Fused,
    *,
    effort: Effort,
    book: Sketchbook | None = None,
) -> tuple[HeardRun, Replayed | None]:
    """What one pass of both models shows, and all modules where the effort says so.

    Args:
        bench: The models.
        heard: One clip, as both models hear it.
        fused: The pass over it.
        effort: What is compared.
        book: Where to draw what is compared.
    """
    replayed = Replayed(bench, heard, fused) if effort.replayed else None
    pairs = fused.own if replayed is None else replayed.compare_pairs(heard.clip.name, book)
    measured = fused.measured(heard) if replayed is None else replayed.measured
    if book is not None:
        _draw(book, heard, (replayed or fused).followed, fused.letters)
    run = HeardRun(
        clip=heard.clip,
        effort=effort,
        tag=heard.tag,
        source=heard.source,
        prefix=heard.prefix,
        frames=fused.frames,
        front_end=relative_error(heard.source, heard.own_source),
        front_end_explained=explained_front_end(heard.waveform, heard.source, heard.own_source),
        result=fused.error,
        pairs=pairs,
        **measured,
    )
    return run, replayed


def _draw(book: Sketchbook, heard: Heard, result: Track | None, letters: Track | None) -> None:
    given = (heard.clip.name, heard.waveform, heard.prefix)
    sounds = heard.is_made or heard.source.is_floating_point()
    book.draw_clip(*given, sounds=sounds, result=result, letters=letters)


def _maybe_read_off(bench: SpeechBench, heard: Heard, fused: Fused) -> ScoredTokens | None:
    """What the folder says as one pass tells it; None in doubt, and where no decoder is asked."""
    if heard.found is None or bench.reference.start_token is None:
        return None
    return maybe_read_off(fused.actual, heard.found, heard.search, heard.tag)


def _compare_greedy(
    bench: SpeechBench, heard: Heard, fused: Fused, own: ScoredTokens | None
) -> TokenComparison:
    """What both models say."""
    asked = (heard.source, heard.search, heard.tag)
    found = heard.found or bench.reference.search(*asked, fused.received)[0]
    own = own or bench.target.search(*asked, fused.made)[0]
    return compare_words(bench, found, own, margin=smallest_margin(fused.expected), tag=heard.tag)


def _through_pipeline(bench: SpeechBench, heard: Heard, said: TokenComparison) -> dict[str, Any]:
    """What a user hears through the pipeline, by the names of a run's fields."""
    text = bench.target.pipeline_text(heard.waveform, heard.search, heard.tag)
    explained = text in (said.reference_text, said.converted_text)
    return {
        "pipeline_text": text,
        "pipeline_reference_text": None
        if explained
        else maybe_said(bench.reference, heard.own_source, heard.search, heard.tag),
    }


class Fused:
    """One pass of both models with the kernels that each side uses by itself, in float32."""

    def __init__(self, bench: HeardBench, heard: Heard, *, own: bool = False) -> None:
        """Runs both; compares the modules that are the language's own, if that is wanted."""
        frames_of, pairing = bench.pairing.frames_of, bench.pairing.own
        given = ([heard.source], [heard.prefix])
        received = bench.reference.forward(*given, only=pairing.sources if own else ())
        made = bench.target.forward(*given, only=pairing.targets if own else (frames_of,))
        self.own = compare_own(bench, heard, received, made) if own else ()
        self.expected, self.actual = received.result, made.result
        self.received, self.made = only_frames(received), only_frames(made)
        self.frames = first(made.calls[frames_of][0].outputs).shape[bench.pairing.frames_axis]
        """Encoder frames before an adaptor, as the convolutions give them."""
        self.error = relative_error(self.expected, self.actual)
        self._reference = bench.reference
        self._noise = 0.0

    def measured(self, heard: Heard) -> dict[str, Any]:
        """The reference's own error, by the name of a run's field, where it may excuse the other's.

        It takes a pass in float64, which small errors spare.
        """
        if self.error <= tolerances.LOGITS_FLOAT32:
            return {}
        exact = self._reference.forward(
            [heard.source], [heard.prefix], explicit=True, double=True, only=()
        )
        self._noise = relative_error(exact.result, self.expected.double())
        return {"result_noise": self._noise}

    @property
    def followed(self) -> Track | None:
        """How far the result is apart at each frame, by the reference's own error as measured."""
        return follow_result(self.received, self.made, tolerances.of_noise(self._noise))

    @property
    def letters(self) -> Track | None:
        """At which frames another letter is the best one."""
        return follow_best(self.received, self.made)


class Replayed:
    """The passes over one clip that show every module, in both precisions, step by step.

    Results are reduced to numbers as soon as both sides have them: a vocabulary of a quarter of a
    million makes logits larger than all else.
    """

    def __init__(self, bench: HeardBench, heard: Heard, fused: Fused) -> None:
        reference, target = bench.reference, bench.target
        self.bench = bench
        given = ([heard.source], [heard.prefix])
        sources, targets = bench.pairing.sources, bench.pairing.targets
        self.expected = _but_result(reference.forward(*given, explicit=True, only=sources))
        self.actual = _but_result(target.forward(*given, explicit=True, only=targets))
        exact = reference.forward(*given, explicit=True, double=True, only=sources)
        noise = relative_error(exact.result, fused.expected)
        exact_actual = target.forward(*given, explicit=True, double=True, only=targets)
        self.measured = {
            "target_result": fused.actual,
            "result_noise": noise,
            "result_float64": relative_error(exact.result, exact_actual.result),
        }
        """What these passes say of the result, by the names of a run's fields."""
        self.followed = follow_result(exact, exact_actual, bench.pairing.tolerance())
        """How far the result is apart at each frame."""
        self.exact, self.exact_actual = _but_result(exact), _but_result(exact_actual)

    def compare_pairs(self, clip: str, book: Sketchbook | None) -> tuple[PairErrors, ...]:
        """Both errors of every pair; draws them in `book`."""
        return measure_pairs(
            Sides(
                target=self.bench.target,
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
        ratio = noise_ratio(exact, outputs.expected, outputs.actual)
        for calls in (self.actual.calls, self.expected.calls):
            rest(calls)
        return ratio


def _but_result(made: Pass) -> Pass:
    outputs = dict(list(made.outputs.items())[1:])
    return Pass(outputs=outputs, calls=made.calls)


def explained_front_end(waveform: Tensor, source: Tensor, own_source: Tensor) -> float:
    """The error of a folder's input with transformers' epsilon in fairseq's formula."""
    import torch

    if torch.equal(waveform, source) or not source.is_floating_point():
        return relative_error(source, own_source)
    exact = waveform.double()
    predicted = torch.nn.functional.layer_norm(exact, exact.shape, eps=TRANSFORMERS_EPSILON)
    return relative_error(predicted, own_source.double())
