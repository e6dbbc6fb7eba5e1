"""The levels that all tasks of speech have, each as data."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from toolkit.core.measures import Level
from toolkit.tasks.base import LevelKind, Measurements, deferred

if TYPE_CHECKING:
    from toolkit.tasks.speech.layers import LayeredRun
    from toolkit.tasks.speech.run import HeardRun
    from toolkit.tasks.speech.target import HearingTarget, SpeechTarget

SILENCE = "toolkit.tasks.speech.silence"
"""Where a task without words finds what it has in place of texts, and of a tokenizer."""

OUTSIDE = "toolkit.tasks.speech.outside"
"""Where what somebody else's code says is judged."""
_judge_result = deferred(OUTSIDE, "judge_result")

Measured: TypeAlias = "Measurements[SpeechTarget, HeardRun]"
Layered: TypeAlias = "Measurements[HearingTarget, LayeredRun]"
Heard: TypeAlias = "Measurements[HearingTarget, HeardRun]"


def _weights(measured: Measured) -> Level:
    from toolkit.compare.static import weights_level

    return weights_level(measured.weights, measured.bench.target)


def _config(measured: Measured) -> Level:
    from toolkit.compare.static import config_level

    return config_level(measured.contents, measured.bench.target)


def _vocabulary(measured: Measured) -> Level:
    expected = measured.vocabulary
    assert expected is not None, "a task without a tokenizer has no such level"
    return expected.judge(measured.vocabulary_differences)


def _front_end(measured: Measured) -> Level:
    from toolkit.tasks.speech.levels import front_end_level

    return front_end_level(measured.runs)


def _sound(measured: Heard) -> Level:
    from toolkit.tasks.speech.levels import sound_level

    return sound_level(measured.runs)


def _modules(measured: Measured) -> Level:
    from toolkit.tasks.speech.levels import modules_level, unexplained_modules

    uncompared = measured.bench.pairing.uncompared
    return modules_level(measured.runs, unexplained_modules(uncompared, measured.runs))


def _layers(measured: Layered) -> Level:
    from toolkit.tasks.speech.layers import layers_level

    return layers_level(measured.runs, measured.bench.pairing.tolerance())


def _logits(measured: Measured) -> Level:
    from toolkit.tasks.speech.levels import logits_level

    return logits_level(measured.runs, measured.bench.pairing.tolerance())


def _greedy(measured: Measured) -> Level:
    from toolkit.tasks.speech.levels import greedy_level

    return greedy_level(measured.runs)


def _reload(measured: Measured) -> Level:
    from toolkit.tasks.speech.reload import reload_level

    bench, plan = measured.bench, measured.plan
    given = (bench.target, measured.contents, plan, measured.runs, bench.search)
    return reload_level(*given, thorough=measured.thorough)


def _saved(output: str, measured: Heard) -> Level:
    from toolkit.tasks.speech.reload import saved_level

    runs = [run for run in measured.runs if run.effort.replayed]
    return saved_level(measured.bench.target, measured.contents, measured.plan, runs, output)


WEIGHTS = LevelKind(name="weights", finding="weights", judge=_weights, judged_on="folder")
CONFIG = LevelKind(name="config", finding="config", judge=_config, judged_on="folder")
VOCABULARY = LevelKind(
    name="vocabulary", finding="vocabulary", judge=_vocabulary, judged_on="folder"
)
FRONT_END = LevelKind(
    name="front_end",
    finding="front_end",
    judge=_front_end,
    judged_on="clip",
    end_to_end=True,
    outside=deferred(OUTSIDE, "judge_input"),
    told_by=("input_values",),
)
SOUND = replace(FRONT_END, judge=_sound)
"""Of models without words, of which no pipeline says anything."""
MODULES = LevelKind(
    name="modules", finding="wiring", judge=_modules, judged_on="clip", effort="replayed"
)
LAYERS = LevelKind(
    name="layers",
    finding="wiring",
    judge=_layers,
    judged_on="clip",
    effort="replayed",
    end_to_end=True,
    outside=deferred(OUTSIDE, "judge_layers"),
    told_by=("layers.",),
)
LOGITS = LevelKind(
    name="logits",
    finding="wiring",
    judge=_logits,
    judged_on="clip",
    end_to_end=True,
    outside=partial(_judge_result, "logits"),
    told_by=("logits",),
)
GREEDY = LevelKind(
    name="greedy",
    finding="generation",
    judge=_greedy,
    judged_on="clip",
    effort="searched",
    end_to_end=True,
    outside=deferred(OUTSIDE, "judge_words"),
    told_by=("tokens", "text"),
)
RELOAD = LevelKind(name="reload", finding="generation", judge=_reload, judged_on="batch")


def reload_of(output: str) -> LevelKind:
    """The level of a folder that was saved and loaded again, of models that search nothing.

    Args:
        output: What of the model's output is held against what it was before.
    """
    return replace(RELOAD, judge=partial(_saved, output))
