import pytest
import torch
from einops import EinopsError
from hypothesis import given
from hypothesis import strategies as st

from toolkit.replay.alignment import align


@st.composite
def axes_and_tensor(draw):
    letters = draw(st.lists(st.sampled_from("BLTSDHV"), min_size=1, max_size=4, unique=True))
    sizes = [draw(st.integers(1, 4)) for _ in letters]
    tensor = torch.arange(torch.Size(sizes).numel()).reshape(sizes)
    return " ".join(letters), " ".join(draw(st.permutations(letters))), tensor


@given(axes_and_tensor())
def test_there_and_back_is_the_same_tensor(case):
    source_axes, target_axes, tensor = case
    there = align(tensor, source_axes, target_axes)
    back = align(there.tensor, target_axes, source_axes)
    assert back.tensor.equal(tensor)
    assert there.frames_left_out == back.frames_left_out == 0


@given(axes_and_tensor())
def test_every_axis_keeps_its_size(case):
    source_axes, target_axes, tensor = case
    sizes = dict(zip(source_axes.split(), tensor.shape, strict=True))
    aligned = align(tensor, source_axes, target_axes).tensor
    assert list(aligned.shape) == [sizes[letter] for letter in target_axes.split()]


@given(axes_and_tensor(), st.integers(1, 6))
def test_only_frames_are_cut_and_only_those_beyond_the_end(case, frames):
    source_axes, target_axes, tensor = case
    whole = align(tensor, source_axes, target_axes).tensor
    cut = align(tensor, source_axes, target_axes, frames=frames)
    letters = target_axes.split()
    if "T" not in letters:
        assert cut.tensor.equal(whole)
        return
    axis = letters.index("T")
    assert cut.frames_left_out == max(whole.shape[axis] - frames, 0)
    assert cut.tensor.equal(whole.narrow(axis, 0, min(frames, whole.shape[axis])))


@pytest.mark.parametrize(("source", "target"), [("B T D", "T B D"), ("T", "T"), ("B D", "B T")])
def test_another_number_or_other_letters_of_axes_are_an_error(source, target):
    with pytest.raises(EinopsError):
        align(torch.zeros(2, 3), source, target)
