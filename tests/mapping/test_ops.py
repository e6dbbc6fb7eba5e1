import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.mapping import Copy, Identity, Pick, Sinusoids, Split, SplitWeightNorm, Zeros
from toolkit.mapping.ops import effective_weight

FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 6))


@st.composite
def weights(draw):
    """A convolution's weight (O, I, K), some of whose taps are zero."""
    shape = draw(SHAPES)
    torch.manual_seed(draw(st.integers(0, 2**20)))
    weight = torch.randn(shape, dtype=torch.float64) * 10.0 ** draw(st.integers(-3, 3))
    zero = draw(st.lists(st.integers(0, shape[2] - 1)))
    weight[:, :, zero] = 0
    return weight.to(draw(st.sampled_from(FLOATS)))


def test_a_copy_keeps_values_that_are_no_numbers():
    source = torch.tensor([float("nan"), -0.0, float("inf")])
    inverse = Copy().invert(Copy().apply(source))
    assert torch.equal(inverse.view(torch.int32), source.view(torch.int32))


def test_a_copy_takes_exactly_one_target_back():
    with pytest.raises(ValueError, match="too many values"):
        Copy().invert([torch.ones(1), torch.ones(1)])


@given(weights(), st.sampled_from([Copy(), SplitWeightNorm()]))
def test_the_shapes_and_dtypes_that_an_op_predicts_are_those_it_gives(source, op):
    targets = op.apply(source)
    assert op.shapes(tuple(source.shape)) == tuple(tuple(t.shape) for t in targets)
    assert {t.dtype for t in targets} == {source.dtype}


def test_taps_of_zeros_stay_zeros_and_finite():
    source = torch.randn(4, 3, 5)
    source[:, :, [0, 3]] = 0
    gain, direction = SplitWeightNorm().apply(source)
    assert gain.flatten()[[0, 3]].tolist() == [0, 0]
    inverse = SplitWeightNorm().invert((gain, direction))
    assert torch.isfinite(inverse).all()
    assert torch.equal(inverse[:, :, [0, 3]], source[:, :, [0, 3]])


def test_a_weight_of_zeros_alone_inverts():
    source = torch.zeros(2, 2, 3)
    assert torch.equal(SplitWeightNorm().invert(SplitWeightNorm().apply(source)), source)


def test_splitting_leaves_the_source_as_it_was():
    source = torch.zeros(2, 2, 3)
    SplitWeightNorm().apply(source)
    assert not source.any()


@settings(max_examples=20)
@given(weights().filter(lambda w: w.dtype == torch.float32))
def test_torchs_own_weight_norm_makes_the_same_effective_weight(source):
    convolution = torch.nn.Conv1d(source.shape[1], source.shape[0], source.shape[2], bias=False)
    torch.nn.utils.parametrizations.weight_norm(convolution, name="weight", dim=2)
    original = convolution.parametrizations["weight"]
    original.original0.data, original.original1.data = SplitWeightNorm().apply(source)
    torch.testing.assert_close(convolution.weight.detach(), source, rtol=1e-6, atol=1e-7)
    expected = effective_weight(original.original0.data, original.original1.data)
    torch.testing.assert_close(
        convolution.weight.detach(), expected, rtol=1e-6, atol=1e-7, check_dtype=False
    )


@pytest.mark.parametrize("size", [1, 5])
def test_the_identity_changes_nothing_that_it_multiplies(size):
    values = torch.randn(3, size)
    assert torch.equal(values @ Identity().make((size, size)).T, values)


def test_zeros_change_nothing_that_they_are_added_to():
    values = torch.randn(3)
    assert torch.equal(values + Zeros().make((3,)), values)


def test_every_op_has_a_name_of_its_own():
    names = [op.name for op in (Copy(), SplitWeightNorm(), Identity(), Zeros())]
    assert len(set(names)) == 4


@pytest.mark.parametrize(("rows", "width"), [(10, 8), (7, 9), (66, 32)])
def test_a_table_of_sinusoids_is_fairseqs(rows, width):
    from fairseq.modules import SinusoidalPositionalEmbedding

    expected = SinusoidalPositionalEmbedding.get_embedding(rows, width, padding_idx=1)
    assert Sinusoids().make((rows, width)).equal(expected)


@pytest.mark.parametrize("index", [0, 2])
def test_a_row_is_taken_of_a_tensor_and_alone_gives_it_back(index):
    source = torch.arange(24.0).reshape(3, 2, 4)
    op = Pick(index)
    (target,) = op.apply(source)
    assert op.shapes(source.shape) == (target.shape,) == ((2, 4),)
    assert op.invert((target,)).equal(source[index : index + 1])
    assert Pick(0).apply(op.invert((target,)))[0].equal(target)


def test_there_is_no_row_that_the_tensor_lacks():
    assert Pick(3).shapes((3, 2)) == Pick().shapes(()) == ()


def test_equal_parts_lie_one_after_the_other_and_make_the_whole_again():
    fused = torch.arange(12.0).reshape(6, 2)
    parts = Split(3).apply(fused)
    assert Split(3).shapes((6, 2)) == tuple(tuple(part.shape) for part in parts) == ((2, 2),) * 3
    assert parts[1].equal(fused[2:4])
    assert Split(3).invert(parts).equal(fused)


@pytest.mark.parametrize("shape", [(), (7, 2)])
def test_what_cannot_be_dealt_out_evenly_has_no_parts(shape):
    assert Split(3).shapes(shape) == ()
