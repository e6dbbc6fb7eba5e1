"""The ten levels of a model of texts: those of speech to text, in words of sentences."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from toolkit.core.measures import Level
from toolkit.tasks.base import AnyMeasurements, LevelKind, Measurements
from toolkit.tasks.speech_seq2seq.levels import LEVELS as OF_SPEECH

if TYPE_CHECKING:
    from toolkit.tasks.speech_seq2seq.clip import ClipRun
    from toolkit.tasks.text_seq2seq.target import TextTarget

_CLIP = re.compile(r"\bclip(s?)\b")
_SENTENCE = r"sentence\1"


def _front_end(measured: Measurements[TextTarget, ClipRun]) -> Level:
    from toolkit.tasks.speech.levels import front_end_level

    return front_end_level(measured.runs, "texts through tokenizer and `generate`")


def _of_sentences(judge: Callable[[AnyMeasurements], Level], measured: AnyMeasurements) -> Level:
    """A verdict that speaks of sentences where it spoke of clips."""
    level = judge(measured)
    measures = tuple(
        replace(
            measure,
            name=_CLIP.sub(_SENTENCE, measure.name),
            unit=_CLIP.sub(_SENTENCE, measure.unit),
        )
        for measure in level.measures
    )
    return replace(level, measures=measures, summary=_CLIP.sub(_SENTENCE, level.summary))


def _kind_of_sentences(kind: LevelKind) -> LevelKind:
    judge = _front_end if kind.name == "front_end" else kind.judge
    return replace(kind, judge=partial(_of_sentences, judge))


LEVELS = tuple(map(_kind_of_sentences, OF_SPEECH))
"""In the order in which a reader wants them."""
