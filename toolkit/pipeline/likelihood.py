"""Lets a model choose among the values that its checkpoint leaves open.

With what it was trained with alone, it finds likely what it was trained to find in speech that it
hears: a transcript, or the code of a frame that is masked. Nothing of fairseq takes part. A model
that was never trained, or not on such speech, finds nothing likely; then nothing is chosen.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.core.errors import BadInput
from toolkit.core.settled import Trial
from toolkit.families import Derived
from toolkit.families.waveforms import NORMALIZE
from toolkit.pipeline.prepare import Inputs, Prepared, prepare
from toolkit.pipeline.questions import Question, distinct, open_questions

if TYPE_CHECKING:
    from torch import Tensor

    from toolkit.tasks.base import Likelihood, Surprise

MAX_CLIPS = 4
"""Clips that are heard with every value: the shortest that tell anything."""
KNOWING = 0.5
"""A model knows such speech if it costs no more than this share of the nats that it costs who knows
nothing."""
APART = 1.5
"""How many times less likely the next best value must be, in nats, for the best to be chosen."""


def choose_by_likelihood(prepared: Prepared, inputs: Inputs, audio: Sequence[Path]) -> Prepared:
    """The checkpoint prepared again with the values that make speech likely.

    Args:
        prepared: The checkpoint; returned as it is where it leaves nothing open, or says nothing.
        inputs: What the user named; a value named there is not open.
        audio: Clips, or folders of them; the golden ones by default.

    Raises:
        BadInput: a clip cannot be read.
    """
    likely = with_likely(prepared, inputs, audio)
    return prepared if likely is inputs else prepare(likely)


def with_likely(prepared: Prepared, inputs: Inputs, audio: Sequence[Path]) -> Inputs:
    """The inputs with the values that make speech likely.

    Args:
        prepared: The checkpoint; where it leaves nothing open, or says nothing, the inputs are
            returned as they are.
        inputs: What the user named; a value named there is not open.
        audio: Clips, or folders of them; the golden ones by default.

    Raises:
        BadInput: a clip cannot be read.
    """
    questions = [q for q in open_questions(prepared) if len(q.assumed.candidates) > 1]
    if not questions:
        return inputs
    free = prepare(replace(inputs, form=None, tries=True))
    likelihood = free.task.kind.likelihood
    heard = () if likelihood is None else _heard(free, likelihood, audio)
    if likelihood is None or not heard:
        return inputs
    with tempfile.TemporaryDirectory(prefix="toolkit-likelihood-") as folder:
        answers = _Climb(free, questions, heard, likelihood, Path(folder)).answers()
    return replace(inputs, chosen={**inputs.chosen, **answers}) if answers else inputs


@dataclass(frozen=True, kw_only=True)
class _Heard:
    """A clip, and how a model is asked of it."""

    waveform: Tensor
    """Shape (L,)."""
    surprise: Surprise


def _heard(prepared: Prepared, likelihood: Likelihood, audio: Sequence[Path]) -> tuple[_Heard, ...]:
    import torch

    from toolkit.audio import read_clips

    clips = sorted(read_clips(audio), key=lambda clip: len(clip.waveform))
    fewest = prepared.family.shortest_input(prepared.network)
    told = [
        _Heard(waveform=torch.from_numpy(clip.waveform), surprise=surprise)
        for clip in clips
        if clip.kind == "speech"
        and len(clip.waveform) >= fewest
        and (surprise := likelihood.ask(prepared.task.contents, clip)) is not None
    ]
    return tuple(told[:MAX_CLIPS])


Values = dict[str, Any]


class _Climb:
    """Changes one value after the other, as long as that makes what is heard more likely."""

    def __init__(
        self,
        prepared: Prepared,
        questions: Sequence[Question],
        heard: Sequence[_Heard],
        likelihood: Likelihood,
        folder: Path,
    ) -> None:
        from toolkit.pipeline.tried import TriedWeights

        self._questions, self._clips, self._likelihood = questions, heard, likelihood
        self._weights = TriedWeights(prepared, folder)
        self._normalizes = prepared.task.preprocessor["do_normalize"].value
        self._chance = likelihood.chance(prepared.task.contents)
        self._heard: list[tuple[Values, tuple[float, ...]]] = []

    def answers(self) -> dict[str, Derived]:
        """What is known of every value, by key; nothing where the model knows no such speech."""
        best = self._climb({q.key: q.assumed.value for q in self._questions})
        if self._nats(best) > KNOWING * self._chance:
            return {}
        return {question.key: self._answer(question, best) for question in self._questions}

    def _climb(self, best: Values) -> Values:
        """Until no other value is better, or each was tried once and none is better than chance."""
        before = None
        while best != before and (before is None or self._nats(best) < self._chance):
            before = best
            for question in self._questions:
                tried = [{**best, question.key: value} for value in question.assumed.candidates]
                best = min(tried, key=self._nats)
        return best

    def _answer(self, question: Question, best: Values) -> Derived:
        key, assumed = question.key, question.assumed
        trials = tuple(self._trial(best, key, value) for value in assumed.candidates)
        alike = [trial.values[key] for trial in trials if trial.matches]
        nats = f"{self._nats(best):.2g} nats a {self._likelihood.unit} on {len(self._clips)} "
        nats += self._likelihood.clips
        others = [trial.error for trial in trials if not trial.matches]
        if len(alike) > 1:
            guess = assumed.value if assumed.value in alike else best[key]
            evidence = f"{assumed.evidence}, and what the model finds likely, {nats}, leaves "
            evidence += ", ".join(map(repr, alike))
            candidates = tuple(distinct([guess, *alike]))
            return replace(
                assumed, value=guess, evidence=evidence, candidates=candidates, trials=trials
            )
        evidence = f"the model itself finds speech likely with it alone: {nats}, next best "
        evidence += f"{min(others):.2g}"
        return Derived(value=best[key], evidence=evidence, trials=trials)

    def _trial(self, best: Values, key: str, value: object) -> Trial:
        """Another value in the place of the best one, which is as good if it is hardly worse."""
        tried, own = self._hear({**best, key: value}), self._hear(best)
        worse = all(other > mine for other, mine in zip(tried, own, strict=True))
        apart = worse and _mean(tried) >= APART * _mean(own)
        return Trial(values={key: value}, error=_mean(tried), matches=not apart)

    def _nats(self, values: Values) -> float:
        return _mean(self._hear(values))

    def _hear(self, values: Values) -> tuple[float, ...]:
        """Nats by the unit for each clip."""
        known = next((nats for heard, nats in self._heard if heard == values), None)
        if known is None:
            known = self._listen(values)
            self._heard.append((values, known))
        return known

    def _listen(self, values: Mapping[str, Any]) -> tuple[float, ...]:
        from toolkit.oracle.reference import standardized

        normalizes = values.get(NORMALIZE, self._normalizes)
        settings = {key: value for key, value in values.items() if key != NORMALIZE}
        try:
            target = self._weights.load(settings)
        except BadInput:  # transformers does not build the model with such a value
            return (math.inf,) * len(self._clips)
        return tuple(
            one.surprise(target, standardized(one.waveform) if normalizes else one.waveform)
            for one in self._clips
        )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
