"""Lets a recording of fairseq choose among the values that a checkpoint leaves open.

No such value changes a tensor: the weights are written once, and each candidate is tried by loading
them under another configuration and repeating, on fairseq's own input, what the smallest module did
that computes something else with another value.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, product
from pathlib import Path
from typing import Any

from toolkit.blocks.tree import placed
from toolkit.checkpoint import Checkpoint
from toolkit.compare import tolerances
from toolkit.compare.metrics import relative_error
from toolkit.compare.pictures import shortest
from toolkit.core.errors import BadInput, BrokenRule
from toolkit.core.settled import Trial
from toolkit.families import Derived, find_family
from toolkit.folder.weights import write_weights
from toolkit.mapping import read_mapping
from toolkit.oracle.hooks import Call, bind
from toolkit.oracle.precision import in_float64
from toolkit.oracle.shelf import Shelf, keep_all
from toolkit.pipeline.forms import form_of
from toolkit.pipeline.pairing import pair_with
from toolkit.pipeline.prepare import Inputs, Prepared, open_mapped, prepare
from toolkit.pipeline.recorded import open_recorded
from toolkit.pipeline.resources import fitting_resources
from toolkit.replay.pairs import Pair
from toolkit.replay.replay import CannotReplayError, replay
from toolkit.replay.source import SourceFacts
from toolkit.replay.target import Target
from toolkit.report.text import format_error
from toolkit.trial.measuring import Record

NORMALIZE = "preprocessor_config.do_normalize"
LOUDEST = 1.2
"""No waveform goes much beyond full scale, 1.0; resampling may overshoot a little."""
CENTRED = 1e-6
"""A standardized waveform's mean, relative to its largest value: float32 rounding."""
MAX_NAMED = 8
"""Failed candidates that an error names."""


def prepare_with(inputs: Inputs, recording: Path | None) -> Prepared:
    """The checkpoint prepared, the values that it leaves open chosen by a recording of it.

    They are tried in the classes that a conversion chooses, whatever those of a folder on trial.

    Args:
        inputs: What the user named; a value named there is not open.
        recording: Folder that `toolkit record` wrote; without one, open values are assumed.

    Raises:
        BadInput: as `prepare` says, or the recording cannot be used, or no candidate fits it.
    """
    if recording is None:
        return prepare(inputs)
    narrowed, recorded = _narrow(replace(inputs, form=None), recording)
    prepared = prepare(narrowed)
    questions = list(_questions(prepared))
    if not questions:
        open_recorded(recording, prepared.checkpoint)
        if inputs.form in (None, form_of(prepared.task.contents.config)):
            return prepared
        return prepare(replace(narrowed, form=inputs.form))
    recorded = recorded or _listen(prepared.checkpoint, recording)
    asked = [question for question in questions if question.key not in recorded.assumed]
    chosen = {
        **{q.key: _echoed(q, recording) for q in questions if q not in asked},
        **dict(_answers(prepared, recorded, asked, recording)),
    }
    return prepare(replace(narrowed, chosen={**narrowed.chosen, **chosen}, form=inputs.form))


@dataclass(frozen=True, kw_only=True)
class _Heard:
    """What a recording says that helps to choose."""

    source: SourceFacts
    records: tuple[Record, ...]
    assumed: frozenset[str]
    """Values that were assumed when it was made: it cannot testify to them."""


def _listen(checkpoint: Checkpoint, recording: Path) -> _Heard:
    recorded = open_recorded(recording, checkpoint)
    return _Heard(
        source=recorded.index.facts,
        records=recorded.records(shortest(recorded.index.clips)),
        assumed=recorded.index.assumed,
    )


@dataclass(frozen=True, kw_only=True)
class Question:
    """A value that the checkpoint leaves open."""

    key: str
    """Such as `encoder.num_attention_heads`."""
    assumed: Derived


def _echoed(question: Question, recording: Path) -> Derived:
    evidence = f"{question.assumed.evidence}, and the recording `{recording}` was itself made so"
    return replace(question.assumed, evidence=evidence)


def _narrow(inputs: Inputs, recording: Path) -> tuple[Inputs, _Heard | None]:
    """The inputs with candidates that fairseq's shapes leave, where those cannot be listed."""
    mapping = None if inputs.mapping is None else read_mapping(inputs.mapping)
    checkpoint = open_mapped(inputs.checkpoint, mapping)
    family = find_family(checkpoint)
    network = family.network(checkpoint, inputs.options)
    if not family.possible(network, ()):
        return inputs, None
    recorded = _listen(checkpoint, recording)
    possible = family.possible(network, [record.calls for record in recorded.records])
    chosen = {
        key: _narrowed(key, network.config[key], candidates, recording)
        for key, candidates in possible.items()
        if key not in recorded.assumed
    }
    return replace(inputs, chosen={**inputs.chosen, **chosen}), recorded


def _narrowed(key: str, left: Derived, candidates: Sequence[Any], recording: Path) -> Derived:
    if not candidates:
        raise BadInput(
            f"`{recording}` must show one value of `{key}`, but the lengths of what fairseq's "
            "modules took and gave fit none. Record again with `toolkit record`."
        )
    value = left.value if left.value in candidates else candidates[0]
    evidence = "it fits the lengths of what fairseq's modules took and gave"
    return replace(left, value=value, evidence=evidence, candidates=tuple(candidates))


def _questions(prepared: Prepared) -> Iterator[Question]:
    preprocessor = placed(NORMALIZE.partition(".")[0], prepared.task.preprocessor)
    for key, derived in {**prepared.network.config, **preprocessor}.items():
        if derived.candidates:
            yield Question(key=key, assumed=derived)


def _answers(
    prepared: Prepared, recorded: _Heard, questions: Sequence[Question], recording: Path
) -> Iterator[tuple[str, Derived]]:
    yield from (
        (question.key, _heard(question, recorded.records, recording))
        for question in questions
        if question.key == NORMALIZE
    )
    modelled = [question for question in questions if question.assumed.shown_by is not None]
    if modelled:
        with (
            tempfile.TemporaryDirectory(prefix="toolkit-choosing-") as folder,
            fitting_resources(prepared.plan),
        ):
            yield from _Bench(prepared, recorded, recording, Path(folder)).answer(modelled).items()


class _Bench:
    """The converted weights under changing configurations, held against a recording."""

    def __init__(self, prepared: Prepared, recorded: _Heard, recording: Path, folder: Path) -> None:
        self.prepared, self.recorded = prepared, recorded
        self.recording, self.folder = recording, folder
        self.whole = prepared.network.whole
        contents = prepared.task.contents
        for name, source in contents.code.items():
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(source, folder / name)
        write_weights(prepared.plan, prepared.checkpoint, folder)

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
            raise BadInput(_no_match(self.recording, module, trials))
        return _settle(self.recording, module, questions, trials)

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
            target = self._load(values)
        except BadInput:  # transformers does not build the model with such a value
            return math.inf
        pair = self._maybe_pair(target, module)
        if pair is None:
            raise BrokenRule(
                f"`{module}` must have a counterpart in fairseq to show what was assumed, but has "
                "none. Correct `shown_by` or `whole` in the family."
            )
        return self._replayed(target, pair)

    def _load(self, values: Mapping[str, Any]) -> Target:
        config = json.loads(json.dumps(self.prepared.task.contents.config))
        for key, value in values.items():
            part, _, name = key.rpartition(".")
            (config[part] if part else config)[name] = value
        (self.folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        target = self.prepared.task.kind.target(self.folder, lenient=True)
        target.model.set_attn_implementation("eager")
        return target

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
            target.call([record.source.float()], [record.prefix])
    except _ReachedError:
        return Call(arguments=reached[0], outputs={})
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        raise CannotReplayError(" ".join(str(error).split())[:200]) from error
    finally:
        handle.remove()
    raise CannotReplayError(f"the model does not call `{path}`")


def _settle(
    recording: Path, module: str, questions: Sequence[Question], trials: tuple[Trial, ...]
) -> dict[str, Derived]:
    """What the matching trials have in common is chosen; the rest stays assumed."""
    matching = [trial for trial in trials if trial.matches]
    guess = {question.key: question.assumed.value for question in questions}
    best = next((trial for trial in matching if dict(trial.values) == guess), matching[0])
    return {q.key: _settled(recording, module, q, best, trials) for q in questions}


def _settled(
    recording: Path, module: str, question: Question, best: Trial, trials: tuple[Trial, ...]
) -> Derived:
    key, value = question.key, best.values[question.key]
    others = [trial for trial in trials if trial.values[key] != value]
    alike = [trial.values[key] for trial in others if trial.matches]
    if alike:
        named = ", ".join(map(repr, _distinct([value, *alike])))
        return replace(
            question.assumed,
            value=value,
            evidence=f"{question.assumed.evidence}, and the recording `{recording}` cannot tell "
            f"{named} apart by `{module}`",
            candidates=tuple(_distinct([value, *alike])),
            trials=trials,
        )
    evidence = f"the recording `{recording}` says: isolated error of `{module}` "
    evidence += f"{format_error(best.error)}, "
    return Derived(value=value, evidence=evidence + _runner_up(key, others), trials=trials)


def _runner_up(key: str, others: Sequence[Trial]) -> str:
    if not others:
        return "no other value fits its lengths"
    second = min(others, key=lambda trial: trial.error)
    tried = len(_distinct([trial.values[key] for trial in others]))
    named = f"next best {format_error(second.error)} with {second.values[key]!r}"
    return f"{named}, of {tried} other{'s' if tried > 1 else ''}"


def _distinct(values: Sequence[Any]) -> list[Any]:
    return [value for index, value in enumerate(values) if value not in values[:index]]


def _no_match(recording: Path, module: str, trials: Sequence[Trial]) -> str:
    ranked = sorted(trials, key=lambda trial: trial.error)
    named = "; ".join(
        f"{format_error(trial.error)} with "
        + ", ".join(f"`{k}` {v!r}" for k, v in trial.values.items())
        for trial in ranked[:MAX_NAMED]
    )
    more = f"; {len(ranked) - MAX_NAMED} more err no less" if len(ranked) > MAX_NAMED else ""
    return (
        f"`{recording}` must be repeated by `{module}` with one of the values that the checkpoint "
        f"leaves open, but is by none, with isolated errors of {named}{more}. Record with the "
        "settings that the checkpoint was trained with, or supply them with `--w2v` or "
        "`--encoder-config`."
    )


def _heard(question: Question, records: Sequence[Record], recording: Path) -> Derived:
    """Whether the network's own input is standardized or a plain waveform."""
    heard = [_possible_inputs(record) for record in records]
    possible = [value for value in (True, False) if all(value in one for one in heard)]
    trials = tuple(
        Trial(
            values={NORMALIZE: value},
            error=0.0 if value in possible else math.inf,
            matches=value in possible,
        )
        for value in (True, False)
    )
    figures = _figures(records[0])
    if not possible:
        raise BadInput(
            f"`{recording}` must hold inputs of the network that are all standardized or all plain "
            f"waveforms, but they are neither: the first has {figures}. Record again."
        )
    if len(possible) > 1:
        evidence = f"{question.assumed.evidence}, and the recording `{recording}` cannot tell: "
        return replace(question.assumed, evidence=evidence + figures, trials=trials)
    kind = "standardized" if possible[0] else "a plain waveform"
    evidence = f"the recording `{recording}` says: the network's input has {figures}: {kind}"
    return Derived(value=possible[0], evidence=evidence, trials=trials)


def _possible_inputs(record: Record) -> set[bool]:
    source = record.source.double()
    peak = float(source.abs().max())
    centred = abs(float(source.mean())) <= CENTRED * max(peak, 1.0)
    standardized = centred and float(source.var(correction=0)) <= 1.0 + CENTRED
    return {value for value, fits in ((True, standardized), (False, peak <= LOUDEST)) if fits}


def _figures(record: Record) -> str:
    source = record.source.double()
    mean, variance = float(source.mean()), float(source.var(correction=0))
    return f"mean {mean:.1e}, variance {variance:.3g} and peak {float(source.abs().max()):.3g}"
