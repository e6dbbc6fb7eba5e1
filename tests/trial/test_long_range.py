"""Rows of positions that no clip reaches, met by a prefix of 700 tokens."""

import pytest
import torch

from tests.breaking import scale
from toolkit.compare.metrics import relative_error
from toolkit.pipeline.pairing import pair_with
from toolkit.tasks.speech.run import record_clip
from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget
from toolkit.trial.measuring import Record, find_errors

POSITIONS = "decoder.model.decoder.embed_positions"
WIDTH, OFFSET = 48, 2
REACHED, LENGTH = 600, 700


@pytest.fixture(scope="module")
def source(reference, clip):
    return reference.front_end(torch.from_numpy(clip("ru_2").waveform))


@pytest.fixture(scope="module")
def prefix(reference):
    return (reference.start_token, *(4 + place % 150 for place in range(LENGTH)))


@pytest.fixture(scope="module")
def record(reference, source, prefix):
    forced = reference.forward([source], [prefix], explicit=True, double=True)
    return Record(
        clip="synthetic", waveform=source, source=source, prefix=prefix, calls=forced.calls
    )


@pytest.fixture
def blamed(prepared, asked):
    """The modules of a folder that err by themselves on a record."""

    def look(folder, record):
        target = Seq2SeqTarget(folder)
        pairing = pair_with(prepared, asked.source.paths, target)
        blames = find_errors(target, asked.source, pairing, record)
        assert len(blames) > 100
        return {blame.pair.target for blame in blames if blame.isolated > 1e-9}

    return look


@pytest.mark.slow
def test_a_right_folder_is_right_in_every_module_beyond_512_positions(converted, record, blamed):
    assert blamed(converted, record) == set()


@pytest.mark.slow
def test_a_row_that_clips_do_not_reach_is_found_where_a_prefix_does(
    broken, record, blamed, reference, clip, prepared
):
    scale(f"{POSITIONS}.weight", 1.01, index=WIDTH * (REACHED + OFFSET))(broken)
    waveform = torch.from_numpy(clip("ru_2").waveform)
    tag = prepared.task.contents.language_tags["ru"]
    short = record_clip(reference, "ru_2", waveform, prepared.task.search, tag)
    assert len(short.prefix) < REACHED
    assert blamed(broken, short) == set()
    assert POSITIONS in blamed(broken, record)


@pytest.mark.slow
def test_such_a_row_changes_the_logits_from_there_on_alone(
    converted, broken, source, prefix, reference
):
    scale(f"{POSITIONS}.weight", 5.0, index=WIDTH * (REACHED + OFFSET))(broken)
    expected = reference.forward([source], [prefix]).logits[0]
    right, wrong = (
        Seq2SeqTarget(f).forward([source], [prefix]).logits[0] for f in (converted, broken)
    )
    assert relative_error(expected, right) < 1e-4
    assert relative_error(expected[:REACHED], wrong[:REACHED]) < 1e-4
    assert relative_error(expected[REACHED:], wrong[REACHED:]) > 1e-3
