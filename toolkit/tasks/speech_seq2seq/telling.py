"""What a result tells of a speech-to-text comparison beside its levels: words and deviations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from toolkit.compare.probes import PaddingProbes
from toolkit.core.measures import Level
from toolkit.core.result import Deviation
from toolkit.core.tokens import ClipTokens
from toolkit.tasks.speech import telling
from toolkit.tasks.speech_seq2seq.clip import ClipRun
from toolkit.tasks.speech_seq2seq.padding import padding_deviation


def tell_tokens(run: ClipRun) -> ClipTokens:
    """What both models said about a clip, with a beam too."""
    return telling.tell_tokens(run, run.beam)


def tell_units(run: ClipRun) -> ClipTokens:
    """What both models said about a clip, which is no text: its transcript is none of it."""
    return replace(tell_tokens(run), transcript=None)


def tell_deviations(levels: Sequence[Level], padding: PaddingProbes) -> Iterator[Deviation]:
    """The declared differences, as the levels measured them."""
    by_name = {level.name: level for level in levels}
    yield from telling.tell_front_end(by_name["front_end"])
    deviation = padding_deviation(by_name["padding"], padding)
    if deviation is not None:
        yield deviation
