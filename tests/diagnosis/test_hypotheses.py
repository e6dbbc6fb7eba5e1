"""Every hypothesis on tensors that were broken that way, and on tensors broken in another."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from toolkit.diagnosis.hypotheses import Suspect, explain, layer_offset
from toolkit.diagnosis.provenance import Registry

NAME, NEXT, OTHER = "stack.layers.1.q.weight", "stack.layers.2.q.weight", "stack.layers.1.k.weight"
WIDTH = 4


def random_tensor(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


shapes = st.one_of(
    st.sampled_from([(96,), (120,), (144,)]),
    st.sampled_from([(12, 8), (12, 12), (16, 12), (24, 12)]),
    st.sampled_from([(12, 4, 3), (12, 12, 2), (16, 8, 3)]),
)
seeds = st.integers(0, 900)


def with_element(tensor, factor=1.001, index=3):
    other = tensor.clone()
    other.view(-1)[index] *= factor
    return other


def half_fresh(tensor):
    fresh = random_tensor(tensor.shape, 991)
    keep = torch.arange(tensor.numel()).view(tensor.shape) % 2 == 0
    return torch.where(keep, tensor, fresh)


def heads_exchanged(tensor):
    first, second, rest = tensor[:WIDTH], tensor[WIDTH : 2 * WIDTH], tensor[2 * WIDTH :]
    return torch.cat([second, first, rest])


def rows_exchanged(tensor):
    order = list(range(len(tensor)))
    order[0], order[2] = order[2], order[0]
    return tensor[order]


def interleaved(tensor, rows=2, heads=None):
    heads = heads or len(tensor) // WIDTH
    return tensor.view(heads, rows, -1, *tensor.shape[1:]).transpose(1, 2).reshape(tensor.shape)


BREAKS = {
    "zeroed": torch.zeros_like,
    "sign_flipped": torch.neg,
    "precision_lost": lambda t: t.half().float(),
    "transposed": lambda t: t.transpose(0, 1).contiguous(),
    "swapped_with": lambda t: others(t)[OTHER],
    "layer_offset": lambda t: others(t)[NEXT],
    "scaled": lambda t: t * 0.25,
    "heads_permuted": heads_exchanged,
    "rows_permuted": rows_exchanged,
    "rows_shifted": lambda t: t.roll(1, 0),
    "partly_copied": half_fresh,
    "not_filled": lambda t: random_tensor(t.shape, 992),
    "wrong_value": with_element,
}


def others(tensor):
    return {OTHER: random_tensor(tensor.shape, 993), NEXT: random_tensor(tensor.shape, 994)}


def explained(expected, actual, *, width=WIDTH):
    suspect = Suspect(name=NAME, actual=actual, expected=expected, head_width=width)
    return explain(suspect, Registry({NAME: expected, **others(expected)}))


@pytest.mark.parametrize(
    ("size", "wrong", "name"),
    [(8, 1, "wrong_value"), (2, 1, "wrong_value"), (8, 2, "partly_copied"), (30, 2, "wrong_value")],
)
def test_one_element_of_a_small_tensor_is_no_copy_that_was_left_off(size, wrong, name):
    expected = random_tensor((size,), 1)
    actual = expected.clone()
    actual[:wrong] += 1
    hypothesis = explained(expected, actual)
    assert (hypothesis.name, hypothesis.detail["elements"]) == (name, wrong)


@pytest.mark.parametrize("name", BREAKS)
@given(shape=shapes, seed=seeds)
@settings(max_examples=25)
def test_a_tensor_broken_in_one_way_is_explained_by_it(name, shape, seed):
    assume(name != "transposed" or len(shape) > 1)
    expected = random_tensor(shape, seed)
    hypothesis = explained(expected, BREAKS[name](expected))
    assert (hypothesis.name, hypothesis.confirmed) == (name, True)


@pytest.mark.parametrize("name", BREAKS)
@given(shape=shapes, seed=seeds)
@settings(max_examples=5)
def test_a_tensor_broken_in_another_way_is_not_explained_by_it(name, shape, seed):
    expected = random_tensor(shape, seed)
    for other, spoil in BREAKS.items():
        if other != name and (other != "transposed" or len(shape) > 1):
            assert explained(expected, spoil(expected)).name != name, other


@given(shapes, seeds, st.integers(0, 10_000), st.sampled_from([1.001, 0.999]))
@settings(max_examples=200)
def test_one_element_off_by_a_thousandth_is_a_confirmed_wrong_value(shape, seed, place, factor):
    expected = random_tensor(shape, seed)
    index = place % expected.numel()
    actual = with_element(expected, factor, index)
    assume(not actual.equal(expected))
    hypothesis = explained(expected, actual)
    assert (hypothesis.name, hypothesis.confirmed) == ("wrong_value", True)
    assert hypothesis.detail["elements"] == 1
    found = tuple(hypothesis.detail["first_index"])
    assert actual[found] != expected[found]


def test_one_small_element_among_large_ones_is_no_scale():
    expected = random_tensor((48, 48), 0)
    expected[3, 3] = 1e-4
    hypothesis = explained(expected, with_element(expected, 1.001, 3 * 48 + 3))
    assert hypothesis.name == "wrong_value"


@given(shapes, seeds)
@settings(max_examples=25)
def test_noise_is_a_wrong_value_that_nothing_confirms(shape, seed):
    expected = random_tensor(shape, seed)
    hypothesis = explained(expected, expected + 0.1 * random_tensor(shape, seed + 1))
    assert (hypothesis.name, hypothesis.confirmed) == ("wrong_value", False)
    assert hypothesis.detail["correlation"] > 0.9


@given(st.sampled_from([0.0, 1.0, 0.5]), shapes, seeds)
@settings(max_examples=15)
def test_a_constant_in_place_of_values_is_not_filled_or_zeroed(value, shape, seed):
    expected = random_tensor(shape, seed)
    hypothesis = explained(expected, torch.full(shape, value))
    assert (hypothesis.name, hypothesis.confirmed) == ("not_filled" if value else "zeroed", True)


@given(shapes, seeds, st.sampled_from([2.0, 1 / 3, -4.0, 1e-3, 100.0, 1.001]))
@settings(max_examples=40)
def test_a_scale_is_told_with_its_factor(shape, seed, factor):
    expected = random_tensor(shape, seed)
    hypothesis = explained(expected, expected * factor)
    assert hypothesis.name == "scaled"
    assert hypothesis.detail["factor"] == pytest.approx(factor, rel=1e-5)


@given(shapes, seeds, st.integers(1, 11), st.integers(0, 1))
@settings(max_examples=60)
def test_a_shift_is_told_so_that_it_gives_the_broken_tensor_again(shape, seed, by, axis):
    assume(axis < len(shape) and by % shape[axis])
    expected = random_tensor(shape, seed)
    actual = expected.roll(by, axis)
    hypothesis = explained(expected, actual, width=None)
    assert (hypothesis.name, hypothesis.confirmed) == ("rows_shifted", True)
    detail = hypothesis.detail
    assert detail["axis"] == axis or shape[axis] == 2
    assert expected.roll(detail["by"], detail["axis"]).equal(actual)


@given(shapes, seeds, st.sampled_from([-3, -2, -1, 1, 2, 3]), st.booleans())
@settings(max_examples=40)
def test_a_shift_that_lost_rows_at_one_end_is_one_too(shape, seed, by, zeros):
    expected = random_tensor(shape, seed)
    actual = expected.roll(by, 0)
    lost = slice(None, by) if by > 0 else slice(by, None)
    actual[lost] = 0 if zeros else random_tensor(actual[lost].shape, seed + 1)
    hypothesis = explained(expected, actual, width=None)
    assert (hypothesis.name, hypothesis.detail["by"]) == ("rows_shifted", by)


@given(shapes, seeds, st.randoms(use_true_random=False), st.integers(0, 1))
@settings(max_examples=40)
def test_heads_in_any_order_are_told_with_the_order(shape, seed, chance, axis):
    assume(axis < len(shape) and shape[axis] % WIDTH == 0 and shape[axis] > WIDTH)
    heads = list(range(shape[axis] // WIDTH))
    chance.shuffle(heads)
    assume(heads != sorted(heads))
    expected = random_tensor(shape, seed)
    rows = [head * WIDTH + row for head in heads for row in range(WIDTH)]
    hypothesis = explained(expected, expected.index_select(axis, torch.tensor(rows)))
    assert (hypothesis.name, hypothesis.detail["heads"]) == ("heads_permuted", heads)
    assert hypothesis.detail["axis"] == axis


@given(shapes, seeds)
@settings(max_examples=20)
def test_an_interleaving_within_or_between_heads_is_one_of_heads(shape, seed):
    expected = random_tensor(shape, seed)
    within = explained(expected, interleaved(expected))
    assert (within.name, within.confirmed) == ("heads_permuted", True)
    assert within.detail["layout"] == "halves of each head interleaved"
    count = shape[0] // WIDTH
    between = explained(expected, interleaved(expected, rows=count, heads=1))
    assert (between.name, between.confirmed) == ("heads_permuted", True)


def test_the_four_interleavings_are_told_apart():
    expected = random_tensor((24, 8), 0)
    layouts = {
        explained(expected, interleaved(expected, rows, heads), width=8).detail["layout"]
        for rows, heads in ((2, 3), (4, 3), (3, 1), (8, 1))
    }
    assert len(layouts) == 4


@pytest.mark.parametrize("shape", [(6, 4, 3), (8, 1, 5), (96, 2, 2), (4, 3, 3, 3)])
def test_a_kernel_reversed_in_time_is_flipped(shape):
    expected = random_tensor(shape, 0)
    hypothesis = explained(expected, expected.flip(-1), width=None)
    assert (hypothesis.name, hypothesis.confirmed) == ("kernel_flipped", True)
    assert explained(expected, expected.flip(0), width=None).name != "kernel_flipped"


def test_a_kernel_reversed_along_both_axes_is_flipped_along_both():
    expected = random_tensor((4, 3, 3, 3), 0)
    assert explained(expected, expected.flip((-2, -1))).detail["axes"] == [2, 3]


def cut(fused, width, part):
    """A third of query, key and value as if they took turns in blocks of a width."""
    return fused.view(-1, 3, width, *fused.shape[1:])[:, part].reshape(-1, *fused.shape[1:])


def explained_fused(actual, expected, part, *, width=WIDTH):
    names = [f"attention.{leaf}.weight" for leaf in ("q_proj", "k_proj", "v_proj")]
    fused = dict(zip(names, expected, strict=True))
    suspect = Suspect(
        name=names[part], actual=actual, expected=fused[names[part]], head_width=width, fused=fused
    )
    return explain(suspect, Registry(fused))


@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize(
    ("width", "shape", "unit"), [(4, (16, 8), "head"), (1, (16, 8), "row"), (4, (24,), "head")]
)
def test_a_fused_tensor_cut_in_turns_is_told_with_the_turns(width, shape, unit, part):
    expected = [random_tensor(shape, seed) for seed in range(3)]
    hypothesis = explained_fused(cut(torch.cat(expected), width, part), expected, part)
    assert (hypothesis.name, hypothesis.confirmed) == ("fused_split", True)
    assert hypothesis.detail["layout"] == f"lies in thirds, was cut per {unit}"


@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize(("width", "unit"), [(4, "head"), (1, "row")])
def test_a_fused_tensor_in_turns_cut_in_thirds_is_told_too(width, unit, part):
    fused = random_tensor((48, 8), 0)
    expected = [cut(fused, width, index) for index in range(3)]
    hypothesis = explained_fused(fused[16 * part : 16 * part + 16], expected, part)
    assert (hypothesis.name, hypothesis.detail["layout"]) == (
        "fused_split",
        f"lies per {unit}, was cut in thirds",
    )


def test_a_fused_tensor_cut_a_few_rows_off_is_split_in_no_known_layout():
    expected = [random_tensor((16, 8), seed) for seed in range(3)]
    hypothesis = explained_fused(torch.cat(expected)[3:19], expected, 0)
    assert hypothesis.name == "fused_split"
    assert "layout" not in hypothesis.detail


def test_fresh_rows_are_no_part_of_a_fused_tensor():
    expected = [random_tensor((16, 8), seed) for seed in range(3)]
    mixed = torch.cat([expected[1][:15], random_tensor((1, 8), 9)])
    assert explained_fused(mixed, expected, 0).name != "fused_split"


def test_heads_are_no_matter_where_there_are_none():
    expected = random_tensor((12, 8), 0)
    assert explained(expected, heads_exchanged(expected), width=None).name == "rows_permuted"


def test_permuted_rows_are_counted():
    expected = random_tensor((12, 8), 0)
    hypothesis = explained(expected, rows_exchanged(expected), width=None)
    assert hypothesis.detail == {"axis": 0, "moved": 2, "first": [0, 2]}


@given(seeds, st.sampled_from([(0, 1), (0, 2), (1, 2)]))
@settings(max_examples=20)
def test_a_convolution_may_be_transposed_along_any_two_axes(seed, axes):
    expected = random_tensor((5, 4, 3), seed)
    hypothesis = explained(expected, expected.transpose(*axes), width=None)
    assert (hypothesis.name, hypothesis.detail["axes"]) == ("transposed", list(axes))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_lost_precision_is_named(dtype):
    expected = random_tensor((12, 8), 0)
    hypothesis = explained(expected, expected.to(dtype).float())
    assert hypothesis.detail == {"dtype": str(dtype).removeprefix("torch.")}


@pytest.mark.parametrize("shape", [(1,), (1, 1), (7,)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_lost_precision_of_one_value_is_named_too(shape, dtype):
    expected = torch.full(shape, 0.1234567)
    hypothesis = explained(expected, expected.to(dtype).float())
    assert (hypothesis.name, hypothesis.confirmed) == ("precision_lost", True)
    assert hypothesis.detail == {"dtype": str(dtype).removeprefix("torch.")}
    assert explained(expected, expected * 1.001).name != "precision_lost"


def test_a_swap_names_the_home_and_how_the_values_lie_there():
    expected = random_tensor((8, 8), 0)
    straight = explained(expected, others(expected)[OTHER])
    assert straight.detail == {"with": OTHER}
    turned = explained(expected, others(expected)[OTHER].t())
    assert turned.detail == {"with": OTHER, "transposed": True}
    rounded = explained(expected, others(expected)[NEXT].half().float())
    assert rounded.detail == {"with": NEXT, "offset": 1, "precision": "float16"}


@pytest.mark.parametrize(
    ("name", "home", "offset"),
    [
        ("a.layers.1.w", "a.layers.3.w", 2),
        ("a.layers.3.w", "a.layers.0.w", -3),
        ("a.layers.1.w", "b.layers.2.w", None),
        ("a.layers.1.w", "a.layers.2.b", None),
        ("a.layers.1.w", "a.layers.1.w", None),
        ("a.1.w", "a.b.1.w", None),
        ("a.x.w", "a.y.w", None),
    ],
)
def test_a_layer_offset_is_the_only_difference_of_two_names(name, home, offset):
    assert layer_offset(name, home) == offset


@pytest.mark.parametrize(
    "actual",
    [
        torch.full((6, 6), float("nan")),
        torch.full((6, 6), float("inf")),
        torch.zeros(0, 6),
        random_tensor((3, 6), 1),
        random_tensor((36,), 1),
        torch.tensor(1.5),
    ],
    ids=["nan", "infinite", "empty", "another shape", "flat", "scalar"],
)
def test_no_strange_tensor_is_too_strange(actual):
    hypothesis = explained(random_tensor((6, 6), 0), actual)
    assert hypothesis.name in {"wrong_value", "not_filled", "zeroed"}


def test_a_tensor_of_another_shape_is_unexplained_with_its_shape():
    hypothesis = explained(random_tensor((6, 6), 0), random_tensor((3, 6), 1))
    assert (hypothesis.name, hypothesis.confirmed) == ("wrong_value", False)
    assert hypothesis.detail["shape"] == [3, 6]
