import math

import pytest
import torch

from toolkit.compare.frames import MAX_POSITIONS, error_code
from toolkit.compare.pictures import (
    MAX_SAMPLES,
    Sketchbook,
    picture_clip,
    picture_pair,
    shortest,
    try_to_undo,
)
from toolkit.core.pictures import NOT_FINITE_CODE
from toolkit.replay.pairs import Layout, Pair
from toolkit.replay.replay import Outputs


def draw(expected, isolated, propagated=None, axes="B T D"):
    return picture_pair("m", "c", axes, expected=expected, isolated=isolated, propagated=propagated)


@pytest.fixture
def expected():
    return torch.randn(1, 50, 8, dtype=torch.double, generator=torch.Generator().manual_seed(0))


def test_a_fault_in_one_frame_shows_in_that_frame_alone(expected):
    wrong = expected.clone()
    wrong[0, 17, 3] += 5
    picture = draw(expected, wrong, expected)
    assert [i for i, code in enumerate(picture.isolated) if code] == [17]
    assert set(picture.propagated) == {0}
    assert picture.propagated_error == 0.0
    assert picture.worst.index == (0, 17, 3)
    assert picture.worst.actual - picture.worst.expected == pytest.approx(5)
    assert picture.histogram.zero == expected.numel() - 1
    assert sum(picture.histogram.bins) == 1
    assert picture.positions == 50


def test_a_long_curve_keeps_its_largest_error():
    expected = torch.ones(1, 4, 1001)
    wrong = expected.clone()
    wrong[0, 2, 777] = 2
    picture = draw(expected, wrong, axes="B D T")
    assert len(picture.isolated) <= MAX_POSITIONS
    assert max(picture.isolated) == error_code(1.0)
    assert picture.positions == 1001


def test_the_worst_element_is_among_the_samples(expected):
    wrong = expected.clone()
    wrong[0, 49, 7] = 100
    picture = draw(expected, wrong)
    values = [
        int.from_bytes(picture.actual[i : i + 2], "little", signed=True)
        for i in range(0, len(picture.actual), 2)
    ]
    assert len(values) == min(MAX_SAMPLES, expected.numel())
    assert max(values) == 32767
    assert picture.sample_scale == 100


def test_what_is_no_number_counts_as_such(expected):
    wrong = expected.clone()
    wrong[0, 3] = math.nan
    picture = draw(expected, wrong)
    assert picture.histogram.not_finite == 8
    assert picture.isolated[3] == NOT_FINITE_CODE


def test_other_shapes_leave_no_curve_but_an_infinite_error(expected):
    picture = draw(expected, expected, expected[:, :-1])
    assert picture.propagated == b""
    assert picture.propagated_error == math.inf
    assert set(picture.isolated) == {0}


def test_a_module_that_could_not_run_has_nothing_to_show(expected):
    picture = draw(expected, None)
    assert (picture.isolated, picture.histogram, picture.worst) == (b"", None, None)
    assert picture.propagated_error is None


def test_a_scalar_and_an_empty_output_are_drawn_without_a_curve():
    assert draw(torch.tensor(1.0), torch.tensor(1.0), axes="").isolated == b""
    empty = draw(torch.zeros(1, 0, 8), torch.zeros(1, 0, 8))
    assert empty.isolated == b""
    assert empty.worst is None


def test_a_clip_can_be_seen_heard_and_read():
    wave = torch.sin(torch.arange(16_000) / 20)
    logits = torch.tensor([[[0.0, 2.0, 1.0], [5.0, 0.0, 1.0]]])
    other = logits.flip(-1)
    clip = picture_clip("c", wave, (9, 1), logits, other)
    assert clip.duration_s == 1.0
    assert clip.audio[:3] == b"ID3" or clip.audio[0] == 0xFF
    assert len(clip.envelope) <= 800
    assert [step.expected for step in clip.steps] == [1, 0]
    assert [step.actual for step in clip.steps] == [1, 2]
    assert clip.steps[1].expected_margin == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("transposed", lambda t: t.T.contiguous()),
        ("sign flipped", lambda t: -t),
        ("rows shifted by 1", lambda t: t.roll(1, 0)),
        ("rows in reverse", lambda t: t.flip(0)),
    ],
)
def test_what_was_done_leaves_no_error_when_undone(name, broken):
    expected = torch.randn(6, 6, generator=torch.Generator().manual_seed(1))
    trials = try_to_undo(expected, broken(expected))
    assert (trials[0].name, trials[0].error) == (name, 0.0)
    assert next(t.error for t in trials if t.name == "as it is") > 0.1


def test_a_scaled_tensor_is_told():
    expected = torch.randn(6, 6)
    assert try_to_undo(expected, 3 * expected)[0].name == "scaled"


def test_the_clips_drawn_are_the_shortest_that_speak(clips):
    chosen = shortest(clips)
    assert len(chosen) == 2
    assert all(clip.transcript for clip in chosen)


def pair(target, axes="B T D -> B T D"):
    return Pair(target=target, source=target, layout=Layout(target, axes, axes))


def drawn(pairs, *, own=None, order=None):
    book = Sketchbook(pairs_of=())
    book.order = order or {}
    expected = torch.ones(1, 6, 4)
    for each in pairs:
        outputs = Outputs(expected=expected, actual=expected, frames_left_out=0)
        book.draw_pair(each, "c", outputs, expected if own is None else own, 1e-9)
    book.draw_clip("c", torch.ones(400), ())
    book.draw_clip("d", torch.ones(400), ())
    return book.clips


def test_layers_that_run_along_frames_are_followed_as_they_ran():
    wrong = torch.ones(1, 6, 4)
    wrong[0, 2] = 2
    pairs = [pair("e.layers.1"), pair("e.layers.0"), pair("e.layers.0.fc"), pair("e.norm")]
    pairs.append(pair("d.layers.0", "B S D -> B S D"))
    first, second = drawn(pairs, own=wrong, order={"e.layers.0": 3, "e.layers.1": 7})
    assert [(layer.name, layer.wrong) for layer in first.layers] == [
        ("e.layers.0", 1),
        ("e.layers.1", 1),
    ]
    assert second.layers == ()


def test_a_layer_of_another_shape_is_not_followed():
    assert drawn([pair("e.layers.0")], own=torch.ones(1, 5, 4))[0].layers == ()
