"""Values that a checkpoint leaves open, and what trials of their candidates say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from toolkit.blocks.tree import placed
from toolkit.core.settled import Trial
from toolkit.families import Derived
from toolkit.families.waveforms import NORMALIZE
from toolkit.pipeline.prepare import Prepared
from toolkit.report.text import format_error

MAX_NAMED = 8
"""Failed candidates that an error names."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A value that the checkpoint leaves open."""

    key: str
    """Such as `encoder.num_attention_heads`."""
    assumed: Derived


def open_questions(prepared: Prepared) -> list[Question]:
    """Everything that the checkpoint leaves open, in the order of its configuration."""
    preprocessor = placed(NORMALIZE.partition(".")[0], prepared.task.preprocessor)
    said = {**prepared.network.config, **preprocessor}
    return [Question(key=key, assumed=value) for key, value in said.items() if value.candidates]


def settle(
    recording: Path, module: str, questions: Sequence[Question], trials: tuple[Trial, ...]
) -> dict[str, Derived]:
    """What the matching trials have in common is chosen; the rest stays assumed."""
    matching = [trial for trial in trials if trial.matches]
    guess = {question.key: question.assumed.value for question in questions}
    best = next((trial for trial in matching if dict(trial.values) == guess), matching[0])
    return {q.key: _settled(recording, module, q, best, trials) for q in questions}


def no_match(recording: Path, module: str, trials: Sequence[Trial]) -> str:
    """Says that no candidate fits, with the errors of those that came nearest."""
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


def _settled(
    recording: Path, module: str, question: Question, best: Trial, trials: tuple[Trial, ...]
) -> Derived:
    key, value = question.key, best.values[question.key]
    others = [trial for trial in trials if trial.values[key] != value]
    alike = [trial.values[key] for trial in others if trial.matches]
    if alike:
        named = ", ".join(map(repr, distinct([value, *alike])))
        return replace(
            question.assumed,
            value=value,
            evidence=f"{question.assumed.evidence}, and the recording `{recording}` cannot tell "
            f"{named} apart by `{module}`",
            candidates=tuple(distinct([value, *alike])),
            trials=trials,
        )
    evidence = f"the recording `{recording}` says: isolated error of `{module}` "
    evidence += f"{format_error(best.error)}, "
    return Derived(value=value, evidence=evidence + _runner_up(key, others), trials=trials)


def _runner_up(key: str, others: Sequence[Trial]) -> str:
    if not others:
        return "no other value fits its lengths"
    second = min(others, key=lambda trial: trial.error)
    tried = len(distinct([trial.values[key] for trial in others]))
    named = f"next best {format_error(second.error)} with {second.values[key]!r}"
    return f"{named}, of {tried} other{'s' if tried > 1 else ''}"


def distinct(values: Sequence[object]) -> list[object]:
    """The values, each once, though some cannot be hashed."""
    return [value for index, value in enumerate(values) if value not in values[:index]]
