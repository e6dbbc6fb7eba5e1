"""Which wrong tensors have one cause, on names alone."""

import pytest

from toolkit.core.findings import Hypothesis
from toolkit.diagnosis.grouping import divergence, find_causes, fused_with, is_of_attention

LEAVES = [f"{p}.{e}" for p in ("q_proj", "k_proj", "v_proj", "fc1") for e in ("weight", "bias")]
NAMES = [f"encoder.layers.{i}.{leaf}" for i in range(6) for leaf in LEAVES]


def names(*layers, leaf=""):
    return [
        n
        for n in NAMES
        if n.startswith(tuple(f"encoder.layers.{i}." for i in layers)) and leaf in n
    ]


def same(wrong, name, **detail):
    return {n: Hypothesis(name=name, confirmed=True, detail=detail) for n in wrong}


def moves(pairs, name="layer_offset"):
    return {
        n: Hypothesis(name=name, confirmed=True, detail={"with": home, "offset": 1})
        for n, home in pairs
    }


def layer_of(name, layer):
    parts = name.split(".")
    return ".".join([*parts[:2], str(layer), *parts[3:]])


def sizes(explained):
    return sorted(len(cause.names) for cause in find_causes(explained, NAMES))


@pytest.mark.parametrize("detail", [{"missing": True}, {"correlation": 0.0}])
@pytest.mark.parametrize("layers", [(1,), (0, 1), range(6)])
def test_a_part_that_nothing_filled_is_one_cause(layers, detail):
    assert len(sizes(same(names(*layers), "not_filled", **detail))) == 1


def test_biases_of_zero_belong_to_the_weights_of_a_new_model():
    explained = same(names(2, leaf="weight"), "not_filled") | same(names(2, leaf="bias"), "zeroed")
    (cause,) = find_causes({n: explained[n] for n in NAMES if n in explained}, NAMES)
    assert (cause.hypothesis.name, len(cause.names)) == ("not_filled", 8)


def test_two_modules_without_values_among_right_ones_are_two_causes():
    assert sizes(same([*names(0, leaf="fc1"), *names(4, leaf="q_proj")], "not_filled")) == [2, 2]


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("scaled", {"factor": 0.25}),
        ("transposed", {"axes": [0, 1]}),
        ("sign_flipped", {}),
        ("heads_permuted", {"heads": [1, 0], "axis": 0}),
        ("rows_shifted", {"by": 1, "axis": 0}),
        ("kernel_flipped", {"axes": [2]}),
        ("fused_split", {"first": []}),
        ("precision_lost", {"dtype": "float16"}),
    ],
)
def test_the_same_mistake_in_many_modules_is_one_cause(name, detail):
    assert sizes(same(names(*range(5), leaf="q_proj.weight"), name, **detail)) == [5]


def test_scales_by_different_factors_are_causes_of_their_own():
    explained = {
        n: Hypothesis(name="scaled", confirmed=True, detail={"factor": 1.0 + i})
        for i, n in enumerate(names(*range(6), leaf="fc1.weight"))
    }
    assert len(sizes(explained)) == 6


def test_query_key_and_value_of_one_block_have_one_cause():
    wrong = [n for n in names(3) if "fc1" not in n]
    assert sizes(same(wrong, "heads_permuted", heads=[1, 0], axis=0)) == [6]


def test_two_wrong_values_far_apart_are_two_causes():
    wrong = [*names(0, leaf="fc1.weight"), *names(3, leaf="q_proj.weight")]
    assert sizes(same(wrong, "wrong_value", elements=1)) == [1, 1]


def test_wrong_values_all_over_the_model_are_one_cause():
    assert sizes(same(NAMES, "wrong_value", elements=1)) == [48]


def test_noise_on_four_modules_is_one_cause():
    wrong = names(*range(4), leaf="fc1.weight")
    noise = {n: Hypothesis(name="wrong_value", confirmed=False, detail={}) for n in wrong}
    assert sizes(noise) == [4]


def test_two_layers_exchanged_are_one_cause_and_two_others_another():
    pairs = [(n, layer_of(n, 1)) for n in names(0)] + [(n, layer_of(n, 0)) for n in names(1)]
    pairs += [(n, layer_of(n, 5)) for n in names(4)] + [(n, layer_of(n, 4)) for n in names(5)]
    assert sizes(moves(pairs)) == [16, 16]


def test_layers_rotated_are_one_cause():
    pairs = [(n, layer_of(n, (i + 1) % 6)) for i in range(6) for n in names(i)]
    assert sizes(moves(pairs)) == [48]


def test_layers_shifted_by_one_and_the_first_one_empty_are_one_cause():
    explained = same(names(0), "not_filled") | moves(
        [(n, layer_of(n, i - 1)) for i in range(1, 6) for n in names(i)]
    )
    (cause,) = find_causes(explained, NAMES)
    assert (cause.kind, cause.hypothesis.name) == ("moved", "layer_offset")


def test_two_modules_exchanged_are_one_cause_with_weight_and_bias():
    query = names(1, leaf="q_proj")
    pairs = [(n, n.replace("q_proj", "k_proj")) for n in query]
    explained = moves([*pairs, *((b, a) for a, b in pairs)], "swapped_with")
    (cause,) = find_causes(explained, NAMES)
    assert (cause.hypothesis.name, len(cause.names)) == ("swapped_with", 4)


def test_query_key_and_value_in_a_circle_are_a_fused_tensor_cut_in_another_order():
    circle = {"q_proj": "k_proj", "k_proj": "v_proj", "v_proj": "q_proj"}
    pairs = [(n, n.replace(a, b)) for a, b in circle.items() for n in names(1, leaf=a)]
    (cause,) = find_causes(moves(pairs, "swapped_with"), NAMES)
    assert (cause.hypothesis.name, len(cause.names)) == ("fused_split", 6)


@pytest.mark.parametrize(
    ("name", "other", "places"),
    [
        ("a.layers.1.q.weight", "a.layers.2.q.weight", ("a.layers.1", "a.layers.2")),
        ("a.1.q.weight", "a.1.k.weight", ("a.1.q", "a.1.k")),
        ("a.q.weight", "a.q.bias", ("a.q.weight", "a.q.bias")),
        ("a.1.q.weight", "b.2.q.weight", ("a.1.q", "b.2.q")),
        ("a.q.weight", "a.b.q.weight", ("a.q", "a.b.q")),
    ],
)
def test_two_names_part_at_the_one_component_that_differs(name, other, places):
    assert divergence(name, other) == places


def test_half_of_a_part_that_holds_nothing_is_one_cause_as_a_new_model_has_right_biases():
    assert sizes(same(names(2, leaf="weight"), "not_filled")) == [4]
    assert sizes(same(names(2, leaf="weight")[1:], "not_filled")) == [1, 2]


@pytest.mark.parametrize("leaf", ["q_proj", "out_proj", "linear_v", "linear_out", "query", "k_lin"])
def test_heads_are_looked_for_in_whatever_projections_are_called(leaf):
    assert is_of_attention(f"encoder.layers.0.self_attn.{leaf}")


@pytest.mark.parametrize("leaf", ["fc1", "linear_pos", "pointwise_conv1", "layer_norm"])
def test_no_heads_are_looked_for_in_others(leaf):
    assert not is_of_attention(f"encoder.layers.0.self_attn.{leaf}")


def test_conformers_call_their_projections_otherwise():
    called = ("linear_q", "linear_k", "linear_v")
    assert all(fused_with(f"encoder.layers.0.self_attn.{name}") == called for name in called)
