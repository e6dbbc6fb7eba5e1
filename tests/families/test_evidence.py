import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.families.networks import because, facts_of, network_of, specimen, without_w2v_args
from toolkit.core.errors import BadInput
from toolkit.families import Derived
from toolkit.families.evidence import (
    MISSING,
    argued,
    counted,
    hard_coded,
    number,
    overridden,
    present,
    shaped,
    unknown,
)


def test_a_tensor_is_there_under_its_whole_name_alone():
    facts = facts_of({"layers.0.weight": (2, 3)})
    assert facts.has("layers.0.weight")
    assert not facts.has("layers.0")
    assert facts.has_under("layers.0")
    assert not facts.has_under("0.weight")
    assert facts.shape("layers.0.weight") == (2, 3)


def test_a_tensor_that_every_member_has_is_missed_by_name():
    with pytest.raises(BadInput, match=r"`layers.1.weight` must be in a checkpoint of this family"):
        facts_of({"layers.0.weight": (2, 3)}).shape("layers.1.weight")


@given(st.sets(st.integers(0, 12)))
def test_indices_count_from_zero_to_the_first_gap(indices):
    facts = facts_of({f"layers.{i}.weight": (1,) for i in indices} | {"layers.x.weight": (1,)})
    count = facts.count("layers.")
    assert set(range(count)) <= indices
    assert count not in indices


def test_an_index_of_another_prefix_does_not_count():
    facts = facts_of({"other.layers.0.weight": (1,), "layers.00x.weight": (1,), "layersX0.": (1,)})
    assert facts.count("layers.") == 0


@pytest.mark.parametrize(
    ("derived", "evidence"),
    [
        (hard_coded(3, "it always is"), "it always is"),
        (shaped(3, "w"), "shape of w"),
        (counted(3, "w.{i}"), "number of w.{i}"),
        (present(3, "w"), "presence of w"),
        (argued({"width": 3}, "width", "args"), "args.width"),
        (argued({"width": 3}, "width", "args", 4), "args.width"),
        (argued({}, "width", "args", 3), "fairseq's default, as args.width is absent"),
    ],
)
def test_a_value_comes_with_its_evidence_and_is_no_assumption(derived, evidence):
    assert derived == Derived(value=3, evidence=evidence)
    assert derived.candidates == ()


def test_a_value_that_nothing_gives_is_named_with_the_option_that_supplies_it():
    derived = {"width": argued({}, "width", "w2v_args"), "depth": hard_coded(3, "always")}
    assert derived["width"].value is MISSING
    (reason,) = unknown(derived, "encoder")
    assert reason.name == "encoder.width"
    assert reason.because == (
        "w2v_args.width is absent; supply `--encoder-config '{\"width\": ...}'`"
    )


def test_a_supplied_value_outweighs_any_evidence_and_is_known():
    guess = Derived(value=3, evidence="widths usually are", candidates=(3, 4))
    derived = overridden({"width": guess, "depth": guess}, {"width": 4, "more": 5}, "decoder")
    assert derived["width"] == Derived(value=4, evidence="--decoder-config")
    assert derived["more"] == Derived(value=5, evidence="--decoder-config")
    assert derived["depth"] is guess


@pytest.mark.parametrize("value", [0, 3, 0.5])
def test_a_number_is_a_number(value):
    assert number({"width": hard_coded(value, "always")}, "width", "encoder") == value


@pytest.mark.parametrize("value", [None, "3", [3], MISSING])
def test_what_must_be_a_number_and_is_none_is_refused(value):
    derived = {"width": Derived(value=value, evidence="--encoder-config")}
    with pytest.raises(BadInput, match=r"`width` must be a number, but --encoder-config says"):
        number(derived, "width", "encoder")


def test_assumptions_are_the_values_that_have_candidates():
    network = network_of(without_w2v_args(specimen()))
    found = because(network.assumptions)
    assumed = {key for key, derived in network.encoder.items() if derived.candidates}
    assert found.keys() == {f"encoder.{key}" for key in assumed}
    assert found["encoder.do_stable_layer_norm"] == (
        "assumed True, as the checkpoint does not say: published encoders with layer norm in the "
        "extractor normalize before each block; overrule it with "
        "`--encoder-config '{\"do_stable_layer_norm\": ...}'`"
    )


def test_a_checkpoint_that_says_everything_leaves_nothing_to_assume(prepared):
    assert prepared.network.assumptions == ()
