"""Repeats with the converted weights, under changing configurations, what a recording heard."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from pathlib import Path
from typing import Any

from toolkit.compare import tolerances
from toolkit.compare.metrics import relative_error
from toolkit.core.errors import BadInput, BrokenRule
from toolkit.core.settled import Trial
from toolkit.families import Derived
from toolkit.oracle.hooks import Call, bind
from toolkit.oracle.precision import in_float64
from toolkit.oracle.shelf import Shelf, keep_all
from toolkit.pipeline.pairing import pair_with
from toolkit.pipeline.prepare import Prepared
from toolkit.pipeline.questions import Question, no_match, settle
from toolkit.pipeline.tried import TriedWeights
from toolkit.replay.pairs import Pair
from toolkit.replay.replay import CannotReplayError, replay
from toolkit.replay.source import SourceFacts
from toolkit.replay.target import Target
from toolkit.trial.measuring import Record


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a recording says that helps to choose."""

    source: SourceFacts
    records: tuple[Record, ...]
    assumed: frozenset[str]
    """Values that were assumed when it was made: it cannot testify to them."""


class Bench:
    """The converted weights under changing configurations, held against a recording."""

    def __init__(self, prepared: Prepared, recorded: Heard, recording: Path, folder: Path) -> None:
        self.prepared, self.recorded = prepared, recorded
        self.recording, self.weights = recording, TriedWeights(prepared, folder)
        self.whole = prepared.network.whole

    def answer(self, questions: Sequence[Question]) -> dict[str, Derived]:
        """The values that fit, inner modules first: an outer one is right only if its parts are."""
        answers: dict[str, Derived] = {}
        ordered = sorted(questions, key=lambda q: (-_depth(q), str(q.assumed.shown_by)))
        for module, same in groupby(ordered, key=lambda q: str(q.assumed.shown_by)):
            answers |= self._ask(module, list(same), answers)
        untold = [Question(key=k, assumed=d) for k, d in answers.items() if d.candidates]
        values = {key: derived.value for key, derived in answers.items()}
        if untold:
            return answers | self._ask(self.whole, untold, answers)
        self._check_whole(values)
        return answers

    def _ask(
        self, module: str, questions: Sequence[Question], answers: Mapping[str, Derived]
    ) -> dict[str, Derived]:
        known = {key: derived.value for key, derived in answers.items()}
        trials = tuple(self._try(module, questions, known))
        if not any(trial.matches for trial in trials):
            raise BadInput(no_match(self.recording, module, trials))
        return settle(self.recording, module, questions, trials)

    def _try(
        self, module: str, questions: Sequence[Question], known: Mapping[str, Any]
    ) -> Iterator[Trial]:
        keys = [question.key for question in questions]
        for values in product(*(question.assumed.candidates for question in questions)):
            tried = dict(zip(keys, values, strict=True))
            error = self._error(module, {**known, **tried})
            yield Trial(values=tried, error=error, matches=error <= self._tolerance(module))

    def _check_whole(self, values: Mapping[str, Any]) -> None:
        error = self._error(self.whole, values)
        if not error <= self._tolerance(self.whole):
            said = ", ".join(f"`{key}` {value!r}" for key, value in values.items())
            raise BadInput(
                f"`{self.recording}` must be repeated by the whole of `{self.whole}` with {said}, "
                f"which its smallest modules chose, but the isolated error is {error:.1e}. Look "
                "for a wrong value among those named with `--encoder-config`, or record again."
            )

    def _error(self, module: str, values: Mapping[str, Any]) -> float:
        try:
            target = self.weights.load(values)
            target.model.set_attn_implementation("eager")
        except BadInput:  # transformers does not build the model with such a value
            return math.inf
        pair = self._maybe_pair(target, module)
        if pair is None:
            raise BrokenRule(
                f"`{module}` must have a counterpart in fairseq to show what was assumed, but has "
                "none. Correct `shown_by` or `whole` in the family."
            )
        return self._replayed(target, pair)

    def _maybe_pair(self, target: Target, module: str) -> Pair | None:
        pairs = pair_with(self.prepared, self.recorded.source.paths, target).pairs
        return next((pair for pair in pairs if pair.target == module), None)

    def _replayed(self, target: Target, pair: Pair) -> float:
        """The isolated error of a pair over all clips; the model itself runs only that far."""
        errors = []
        for record in self.recorded.records:
            try:
                made = _call(target, pair.target, record)
                received = record.calls[pair.source][0]
                with in_float64(target.model.get_submodule(pair.target)):
                    outputs = replay(pair, target.model, self.recorded.source, made, received)
            except CannotReplayError:
                return math.inf
            errors.append(relative_error(outputs.expected, outputs.actual))
        return max(errors, key=lambda error: (math.isnan(error), error))

    def _tolerance(self, module: str) -> float:
        return tolerances.isolated(self.prepared.proof.rounded, module)


def _depth(question: Question) -> int:
    return str(question.assumed.shown_by).count(".")


class _ReachedError(Exception):
    """A model got as far as it was needed."""


def _call(target: Target, path: str, record: Record) -> Call:
    """The call that the model makes of one module, which does not run.

    Raises:
        CannotReplayError: the model fails before.
    """
    import torch

    reached: list[dict[str, Any]] = []

    def stop(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        reached.append(keep_all(Shelf(), bind(module, args, kwargs)))
        raise _ReachedError

    module = target.model.get_submodule(path)
    handle = module.register_forward_pre_hook(stop, with_kwargs=True)
    try:
        with torch.no_grad():
            source = record.source
            asked = source.float() if source.is_floating_point() else source
            target.call([asked], [record.prefix])
    except _ReachedError:
        return Call(arguments=reached[0], outputs={})
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        raise CannotReplayError(" ".join(str(error).split())[:200]) from error
    finally:
        handle.remove()
    raise CannotReplayError(f"the model does not call `{path}`")
