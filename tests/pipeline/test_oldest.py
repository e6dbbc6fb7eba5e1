"""Python 3.8 with the official fairseq 0.12.2 and a torch of its time, against fairseq at hand.

`make test-oldest` builds that environment and names it in `TOOLKIT_OLDEST_PYTHON`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from toolkit.compare.metrics import relative_error
from toolkit.oracle.search import with_beam
from toolkit.pipeline.clips import tag_of
from toolkit.pipeline.elsewhere import record_elsewhere, record_here
from toolkit.pipeline.recorded import check_files, open_recorded

PYTHON = os.environ.get("TOOLKIT_OLDEST_PYTHON")
ROUNDING = 1e-5
"""What float32 kernels of two versions of torch may differ by, relative to the largest value."""
EXACT = 1e-13
"""The same in float64."""

pytestmark = [
    pytest.mark.oldest,
    pytest.mark.skipif(PYTHON is None, reason="`make test-oldest` names the old Python"),
]


@pytest.fixture(scope="module")
def old_clips(clips):
    return tuple(clip for clip in clips if clip.name in ("tiny", "ru_2", "en_1", "quiet"))


@pytest.fixture(scope="module")
def old(prepared, old_clips, tmp_path_factory):
    before = os.environ.get("TOOLKIT_CACHE")
    os.environ["TOOLKIT_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    try:
        return record_elsewhere(prepared, old_clips, Path(str(PYTHON)))
    finally:
        os.environ.pop("TOOLKIT_CACHE")
        os.environ.update({} if before is None else {"TOOLKIT_CACHE": before})


@pytest.fixture(scope="module")
def new(prepared, old_clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("new") / "rec"
    return record_here(prepared, old_clips, folder)


def error(expected, actual):
    assert (expected.shape, expected.dtype) == (actual.shape, actual.dtype)
    if expected.dtype is torch.bool or not expected.is_floating_point():
        return 0.0 if expected.equal(actual) else float("inf")
    finite = expected.isfinite()
    assert expected[~finite].equal(actual[~finite])
    return relative_error(expected[finite], actual[finite]) if finite.any() else 0.0


def test_the_old_environment_is_old(old):
    assert old.environment["python"].startswith("3.8.")
    assert old.environment["fairseq"] == "0.12.2"
    assert tuple(map(int, old.environment["torch"].split(".")[:2])) < (1, 13)


def test_the_recording_is_whole(old, prepared):
    check_files(open_recorded(old.folder, prepared.checkpoint))


def test_tokens_texts_and_facts_are_equal_and_scores_nearly(old, new):
    assert old.facts == new.facts
    assert old.start_token == new.start_token
    assert old._texts == new._texts
    assert old._encodings == new._encodings
    for one, other in zip(old._searches, new._searches, strict=True):
        assert (one.search, one.tag, one.input) == (other.search, other.tag, other.input)
        assert [tokens for tokens, _ in one.hypotheses] == [t for t, _ in other.hypotheses]
        scores = [score for _, score in one.hypotheses]
        assert scores == pytest.approx([score for _, score in other.hypotheses], abs=1e-5)


def test_every_recorded_tensor_differs_by_rounding_alone(old, new):
    """The float64 passes too: the two front ends round the network's input differently."""
    for one, other in zip(old._passes, new._passes, strict=True):
        assert one.calls.keys() == other.calls.keys()
        places = [(one.logits, other.logits), (one.encoder_out, other.encoder_out)]
        for path, made in one.calls.items():
            for call, twin in zip(made, other.calls[path], strict=True):
                for side in ("inputs", "outputs"):
                    left, right = dict(getattr(call, side)), dict(getattr(twin, side))
                    assert left.keys() == right.keys(), path
                    places += [(left[name], right[name]) for name in left]
        worst = max(error(new._tensor(theirs), old._tensor(own)) for own, theirs in places)
        assert worst <= ROUNDING


def test_float64_calls_on_the_same_input_agree_to_the_last_digits(
    old, reference, prepared, old_clips
):
    once = with_beam(prepared.task.search, 1)
    for clip in old_clips:
        source = old.front_end(torch.from_numpy(clip.waveform))
        greedy = old.search(source, once, tag_of(prepared, clip))[0].tokens
        given = ([source], [(old.start_token, *greedy[:-1])])
        expected = reference.teacher_force(*given, explicit=True, double=True)
        actual = old.teacher_force(*given, explicit=True, double=True)
        assert error(expected.logits, actual.logits) <= EXACT
        assert actual.calls
        for path, made in actual.calls.items():
            for call, twin in zip(made, expected.calls[path], strict=True):
                for side in ("inputs", "outputs"):
                    for name, tensor in getattr(twin, side).items():
                        assert error(tensor, getattr(call, side)[name]) <= EXACT, path
