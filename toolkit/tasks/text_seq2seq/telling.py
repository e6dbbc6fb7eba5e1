"""What a result tells of a comparison of texts beside its levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolkit.core.measures import Level
from toolkit.core.result import Caution
from toolkit.examples import Sentence
from toolkit.tasks.speech import telling
from toolkit.tasks.speech.run import HeardRun


def known_texts(runs: Sequence[HeardRun]) -> tuple[str, ...]:
    """The texts that a tokenizer is tried on: sentences, translations, and what fairseq says."""
    read = (run.clip.text for run in runs if isinstance(run.clip, Sentence))
    return tuple(dict.fromkeys((*read, *telling.known_texts(runs))))


def tell_cautions(levels: Sequence[Level]) -> Iterator[Caution]:  # noqa: ARG001
    """Nothing that was measured: padding on the left is what the card speaks of."""
    yield from ()
