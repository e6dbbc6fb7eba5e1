"""What a deviation says: what differs, why that is harmless, and who would notice."""

import pytest

from toolkit.compare.probes import PaddingProbes
from toolkit.core.measures import Level, Measure
from toolkit.tasks.ctc import telling as ctc_telling
from toolkit.tasks.ctc.dynamic import STRAY
from toolkit.tasks.features import telling as features_telling
from toolkit.tasks.features.dynamic import DIVERSITY, WANTING
from toolkit.tasks.speech.telling import tell_front_end
from toolkit.tasks.speech_seq2seq.padding import padding_deviation

UNMASKED = PaddingProbes(unmasked="model.adapter")
COUNTED = PaddingProbes(masked="model", counts_otherwise=True)


def measure(name, *, tolerance=0.0, declared=True):
    return Measure(
        name=name,
        where="some clip",
        error=0.01,
        tolerance=tolerance,
        unit="clips",
        compared=3,
        declared=declared,
    )


def level(name, *measures):
    return Level(name=name, measures=measures, summary="some numbers")


def right(name):
    return measure(name, tolerance=1.0)


QUIET = (right("whole"), right("frames"), right("part"))
FRONT_END, PADDING = level("front_end", right("input")), level("padding", *QUIET)


def of_front_end():
    return tell_front_end(level("front_end", measure("input")))


def of_features(name):
    levels = (FRONT_END, level("outputs", measure(name)), PADDING)
    return features_telling.tell_deviations(levels, PaddingProbes())


def of_letters():
    levels = (FRONT_END, level("greedy", measure(STRAY)), PADDING)
    return ctc_telling.tell_deviations(levels, PaddingProbes())


def of_frames():
    counted = level("padding", measure("whole"), measure("frames"), right("part"))
    levels = (FRONT_END, level("outputs", right("features")), counted)
    return features_telling.tell_deviations(levels, COUNTED)


def of_an_unmasked_module():
    return [padding_deviation(level("padding", measure("whole")), UNMASKED)]


TOLD = {
    "normalization_epsilon": of_front_end,
    "diversity_loss": lambda: of_features(DIVERSITY),
    "heads_left_out": lambda: of_features(WANTING),
    "special_symbols": of_letters,
    "frame_mask": of_frames,
    "unmasked_adapter": of_an_unmasked_module,
}


@pytest.mark.parametrize("name", TOLD)
def test_a_deviation_says_why_it_is_harmless_and_who_would_notice(name):
    (deviation,) = TOLD[name]()
    assert deviation.name == name
    said = deviation.summary
    harmless = ("nothing else differs", "the same", "the model's", "not affected")
    assert any(words in said for words in harmless)
    assert "would notice" in said
    assert ". Who " in said or ": who " in said
    assert not said.endswith(".")


def test_what_is_within_its_tolerance_is_no_deviation():
    levels = (FRONT_END, level("outputs", right(DIVERSITY)), PADDING)
    assert not list(features_telling.tell_deviations(levels, PaddingProbes()))
    assert padding_deviation(level("padding", right("whole")), UNMASKED) is None
