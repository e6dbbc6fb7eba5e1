"""What somebody else's code made of a folder says to a clip, beside what fairseq says.

It is asked for results alone, in whichever precision it has: nothing of what happens inside.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
import torch

from toolkit.audio import SAMPLE_RATE_HZ, Clip
from toolkit.compare import tolerances
from toolkit.compare.metrics import relative_error
from toolkit.core.measures import Level, Measure
from toolkit.core.tokens import TokenComparison
from toolkit.handoff.answer import HYPOTHESES, INPUT, TEXT, TOKENS, Answer
from toolkit.handoff.example import Example
from toolkit.oracle.asking import AnyReference, Pass, ScoredTokens, language_of, prefix_of
from toolkit.oracle.rows import a_second
from toolkit.oracle.search import Search, capped, with_beam
from toolkit.tasks.speech import levels
from toolkit.tasks.speech.layers import LAYERS, LayeredRun, LayerErrors, worst_layer
from toolkit.tasks.speech.run import NAN, explained_front_end
from toolkit.trial.effort import Effort

if TYPE_CHECKING:
    from torch import Tensor

ENCODED = "encoder_out"
NOTHING = ScoredTokens(tokens=(), score=NAN)
UNSAID, UNWRITTEN = (-1,), "\0"
"""What equals no tokens, and no text."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a clip, and how fairseq answered."""

    reference: AnyReference
    clip: Clip
    tag: int | None
    search: Search
    """Greedy, and no longer than the clip can say."""
    beam: int | None
    """How wide the other search is; None where there is none."""
    source: Tensor
    found: ScoredTokens | None
    """What fairseq says; None where nothing is said."""
    prefix: tuple[int, ...]
    expected: Pass
    """In float32."""

    @property
    def known(self) -> frozenset[str]:
        """All outputs that can be held against fairseq's."""
        result, *others = self.expected.outputs
        shown = {name for name in others if name.startswith(LAYERS) or name == ENCODED}
        words = {TOKENS, TEXT} if self.found is not None else set()
        return frozenset({INPUT, result, *shown, *words, *({HYPOTHESES} if self.beam else ())})

    @property
    def example(self) -> Example:
        """The question for whoever answers, in arrays of its own."""
        source = self.source.numpy()[None].copy()  # (L,) -> (B, L), or (T, F) -> (B, T, F)
        decodes = self.reference.start_token is not None
        grows = self.found is None or self.search.max_len_a
        return Example(
            clip=self.clip.name,
            waveform=self.clip.waveform.copy(),
            sampling_rate=SAMPLE_RATE_HZ,
            input_values=source,
            attention_mask=np.ones(source.shape[:2], dtype=np.int64),
            decoder_input_ids=np.array([self.prefix], dtype=np.int64) if decodes else None,
            language=self.clip.lang,
            language_id=self.tag,
            max_new_tokens=None if grows else self.search.max_len_b + 1,  # and the end
            num_beams=self.beam,
        )


def question_of(
    reference: AnyReference,
    clip: Clip,
    *,
    tag: int | None,
    search: Search,
    beams: Sequence[int],
) -> Question:
    """What is asked of a clip.

    Args:
        reference: fairseq, or its recording.
        clip: The audio.
        tag: Language tag to begin with, None where the task prepends none.
        search: How fairseq searches.
        beams: Of the searches that are compared.
    """
    source = reference.front_end(torch.from_numpy(clip.waveform))
    once = with_beam(capped(search, len(source), a_second(source)), 1)
    found = reference.search(source, once, tag)[0] if beams else None
    prefix = prefix_of(reference, found.tokens if found else (), tag)
    return Question(
        reference=reference,
        clip=clip,
        tag=tag,
        search=once,
        beam=next(iter(beams[1:]), None),
        source=source,
        found=found,
        prefix=prefix,
        expected=reference.forward([source], [prefix], only=()),
    )


@dataclass(frozen=True, kw_only=True)
class OutsideRun(LayeredRun):
    """What somebody else's code made of one clip."""

    given: frozenset[str]
    """The names of all that it said."""
    troubles: tuple[str, ...]
    """What of it cannot be compared, and why."""
    encoder: float = NAN
    beam: tuple[TokenComparison, ...] = ()


def compare_answer(question: Question, answer: Answer) -> OutsideRun:
    """How far an answer is from fairseq's.

    Args:
        question: The clip.
        answer: What was said to it; what is left out is NaN.
    """
    result = next(iter(question.expected.outputs))
    arrays = {name: torch.from_numpy(array) for name, array in answer.arrays.items()}
    source = question.source.unsqueeze(0)
    waveform = torch.from_numpy(question.clip.waveform)
    heard = arrays.get(INPUT)
    error = _error(question.expected.outputs[result], arrays.get(result))
    return OutsideRun(
        clip=question.clip,
        effort=Effort(replayed=False),
        tag=question.tag,
        source=question.source,
        prefix=question.prefix,
        frames=0,
        pairs=(),
        given=answer.names,
        troubles=tuple(_troubles(question, arrays)),
        front_end=_error(source, heard),
        front_end_explained=NAN
        if heard is None or heard.shape != source.shape
        else explained_front_end(waveform, question.source, heard[0]),
        result=error,
        result_noise=_noise(question, result, error),
        layers=tuple(_layers(question, arrays)),
        encoder=_error(_step_by_step(question, ENCODED), arrays[ENCODED])
        if ENCODED in arrays
        else NAN,
        greedy=_words(question, answer),
        beam=tuple(_beams(question, answer)),
    )


def judge_input(runs: Sequence[OutsideRun]) -> Level:
    """Whether the network's input is fairseq's."""
    return levels.sound_level(runs)


def judge_layers(runs: Sequence[OutsideRun]) -> Level:
    """Whether the layers that are shown are fairseq's, in float32."""
    noise = max((layer.noise for run in runs for layer in run.layers), default=0.0)
    shown = sorted({layer.name for run in runs for layer in run.layers}, key=_number)
    whole = [replace(run, layers=tuple(_each(shown, run))) for run in runs]
    rounded = tolerances.of_noise(noise)
    measure = worst_layer("float32 features", whole, lambda layer: layer.float32, rounded)
    said = f"features of {', '.join(shown)} within {measure.error:.1e} of the largest"
    return Level(name="layers", measures=(measure,), summary=f"{said}, {measure.where}")


def judge_result(name: str, runs: Sequence[OutsideRun]) -> Level:
    """Whether what the model is asked for is fairseq's, in float32.

    Args:
        name: What it is: logits.
        runs: All clips.
    """
    measure = levels.rounded_measure(name, runs)
    own = levels.result_noise(runs)
    beside = f" (the reference's own float32 error: {own:.1e})" if own else ""
    said = f"{name} within {measure.error:.1e} of the largest on {measure.where}{beside}"
    return Level(name=name, measures=(measure,), summary=said)


def judge_words(runs: Sequence[OutsideRun]) -> Level:
    """Whether every token, and every text, is fairseq's."""
    found = tuple(_word_measures(runs))
    said = (f"{int(m.error)} of {m.compared} {m.name}" for m in found)
    return Level(name="greedy", measures=found, summary="; ".join(said))


def _each(layers: Sequence[str], run: OutsideRun) -> Iterator[LayerErrors]:
    """Every layer that was shown of any clip; NaN where it was not of this one."""
    shown = {layer.name: layer for layer in run.layers}
    for name in layers:
        yield shown.get(name, LayerErrors(name=name, float64=NAN, float32=NAN, noise=0.0))


def _word_measures(runs: Sequence[OutsideRun]) -> Iterator[Measure]:
    given = {name for run in runs for name in run.given}
    if TOKENS in given:
        yield levels.tokens_measure(runs)
    if TEXT in given:
        yield levels.texts_measure(runs)


def _error(expected: Tensor, actual: Tensor | None) -> float:
    return NAN if actual is None else relative_error(expected, actual)


def _noise(question: Question, result: str, error: float) -> float:
    """How far fairseq's own result is off, where that may excuse another's; else NaN."""
    if not tolerances.LOGITS_FLOAT32 < error < math.inf:
        return NAN
    exact = question.reference.forward(
        [question.source], [question.prefix], explicit=True, double=True, only=()
    )
    expected = question.expected.outputs[result]
    return relative_error(exact.outputs[result], expected.double())


def _step_by_step(question: Question, name: str, *, double: bool = False) -> Tensor:
    """What fairseq gives where attention is computed step by step."""
    made = question.reference.forward(
        [question.source], [question.prefix], explicit=True, double=double, only=()
    )
    return made.outputs[name]


def _layers(question: Question, arrays: Mapping[str, Tensor]) -> Iterator[LayerErrors]:
    for name in filter(lambda name: name.startswith(LAYERS), arrays):
        expected = _step_by_step(question, name)
        exact = _step_by_step(question, name, double=True)
        yield LayerErrors(
            name=name,
            float64=NAN,
            float32=relative_error(expected, arrays[name]),
            noise=relative_error(exact, expected.double()),
        )


def _words(question: Question, answer: Answer) -> TokenComparison:
    """What is said; what is left out differs from anything."""
    found = question.found or NOTHING
    language = language_of(question.reference, question.tag)
    return TokenComparison(
        reference=found.tokens,
        converted=UNSAID if answer.tokens is None else answer.tokens,
        reference_text=question.reference.text(found.tokens, language) if found.tokens else "",
        converted_text=UNWRITTEN if answer.text is None else answer.text,
        reference_score=found.score,
        converted_score=NAN,
        margin=None,
    )


def _beams(question: Question, answer: Answer) -> Iterator[TokenComparison]:
    if answer.hypotheses is None or question.beam is None:
        return
    search = with_beam(question.search, question.beam)
    expected = question.reference.search(question.source, search, question.tag)
    actual = [ScoredTokens(tokens=ids, score=score) for ids, score in answer.hypotheses]
    for left, right in zip_longest(expected, actual, fillvalue=NOTHING):
        yield TokenComparison(
            reference=left.tokens,
            converted=right.tokens,
            reference_text="",
            converted_text="",
            reference_score=left.score,
            converted_score=right.score,
            margin=None,
        )


def _troubles(question: Question, arrays: Mapping[str, Tensor]) -> Iterator[str]:
    """Arrays of which no number can be compared."""
    expected = {INPUT: question.source.unsqueeze(0), **question.expected.outputs}
    for name, actual in arrays.items():
        where = f"`{name}` of {question.clip.name}"
        if actual.shape != expected[name].shape:
            shapes = f"{tuple(expected[name].shape)}, but has {tuple(actual.shape)}"
            yield f"{where} must have the shape {shapes}"
        elif not actual.isfinite().all():
            yield f"{where} holds NaN or infinity"


def _number(layer: str) -> int:
    return int(layer.removeprefix(LAYERS))
