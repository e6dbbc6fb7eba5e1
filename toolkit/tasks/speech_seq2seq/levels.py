"""The ten levels of a speech-to-text model, from tensors to tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from toolkit.core.result import Level
from toolkit.tasks.base import LevelKind, Measurements

if TYPE_CHECKING:
    from toolkit.tasks.speech_seq2seq.clip import ClipRun
    from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget

Measured: TypeAlias = "Measurements[Seq2SeqTarget, ClipRun]"


def _weights(measured: Measured) -> Level:
    from toolkit.compare.static import weights_level

    return weights_level(measured.weights, measured.bench.target)


def _config(measured: Measured) -> Level:
    from toolkit.compare.static import config_level

    return config_level(measured.contents, measured.bench.target)


def _vocabulary(measured: Measured) -> Level:
    from toolkit.compare.vocabulary import tokenizer_level

    return tokenizer_level(measured.vocabulary, measured.bench.target.tokenizer)


def _front_end(measured: Measured) -> Level:
    from toolkit.tasks.speech_seq2seq.dynamic import front_end_level

    return front_end_level(measured.runs)


def _modules(measured: Measured) -> Level:
    from toolkit.tasks.speech_seq2seq.dynamic import modules_level, unexplained_modules

    uncompared = measured.bench.pairing.uncompared
    return modules_level(measured.runs, unexplained_modules(uncompared, measured.runs))


def _logits(measured: Measured) -> Level:
    from toolkit.tasks.speech_seq2seq.dynamic import logits_level

    return logits_level(measured.runs, measured.bench.pairing.tolerance())


def _greedy(measured: Measured) -> Level:
    from toolkit.tasks.speech_seq2seq.dynamic import greedy_level

    return greedy_level(measured.runs)


def _beam(measured: Measured) -> Level:
    from toolkit.tasks.speech_seq2seq.dynamic import beam_level

    return beam_level(measured.runs)


def _padding(measured: Measured) -> Level:
    from toolkit.tasks.speech_seq2seq.padding import padding_level

    return padding_level(measured.bench, measured.runs, measured.padding)


def _reload(measured: Measured) -> Level:
    from toolkit.tasks.speech_seq2seq.reload import reload_level

    bench, plan = measured.bench, measured.plan
    return reload_level(bench.target, measured.contents, plan, measured.runs, bench.search)


LEVELS = (
    LevelKind(name="weights", finding="weights", judge=_weights, judged_on="folder"),
    LevelKind(name="config", finding="config", judge=_config, judged_on="folder"),
    LevelKind(name="vocabulary", finding="vocabulary", judge=_vocabulary, judged_on="folder"),
    LevelKind(name="front_end", finding="front_end", judge=_front_end, judged_on="clip"),
    LevelKind(name="modules", finding="wiring", judge=_modules, judged_on="clip"),
    LevelKind(name="logits", finding="wiring", judge=_logits, judged_on="clip"),
    LevelKind(name="greedy", finding="generation", judge=_greedy, judged_on="clip"),
    LevelKind(name="beam", finding="generation", judge=_beam, judged_on="clip"),
    LevelKind(name="padding", finding="padding", judge=_padding, judged_on="batch"),
    LevelKind(name="reload", finding="generation", judge=_reload, judged_on="batch"),
)
"""In the order in which a reader wants them."""
