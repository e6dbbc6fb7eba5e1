import pytest

from tests.families.networks import because, encoder_of, network_of, specimen, without_w2v_args
from toolkit.blocks.evidence import MISSING, Derived, argued, hard_coded
from toolkit.blocks.tree import (
    assumed,
    by_part,
    nested,
    number,
    overridden,
    parts_of,
    placed,
    unknown,
    values_under,
)
from toolkit.core.errors import BadInput

THREE = hard_coded(3, "always")
NESTED = {"encoder.width": THREE, "decoder.width": hard_coded(4, "always"), "depth": THREE}
FLAT = {"width": THREE, "depth": THREE}


def test_values_of_a_part_go_into_a_tree_and_come_out_of_it():
    assert placed("encoder", {"width": THREE}) == {"encoder.width": THREE}
    assert placed("", {"width": THREE}) == {"width": THREE}
    assert values_under(NESTED, "decoder") == {"width": hard_coded(4, "always")}
    assert values_under(NESTED, "") == {"depth": THREE}
    assert values_under(FLAT, "") == FLAT


def test_a_tree_is_nested_as_a_file_is():
    assert nested(NESTED) == {"encoder": {"width": 3}, "decoder": {"width": 4}, "depth": 3}
    assert nested(FLAT) == {"width": 3, "depth": 3}
    assert parts_of(NESTED) == ("encoder", "decoder")
    assert parts_of(FLAT) == ()


def test_a_supplied_value_outweighs_any_evidence_and_is_known():
    guess = Derived(value=3, evidence="widths usually are", candidates=(3, 4))
    tree = {"decoder.width": guess, "decoder.depth": guess}
    derived = overridden(tree, {"encoder": {}, "decoder": {"width": 4, "more": 5}})
    assert derived["decoder.width"] == Derived(value=4, evidence="--decoder-config")
    assert derived["decoder.more"] == Derived(value=5, evidence="--decoder-config")
    assert derived["decoder.depth"] is guess


def test_a_model_without_parts_takes_the_values_of_its_encoder_at_top_level():
    derived = overridden(FLAT, {"encoder": {"width": 4}, "decoder": {}})
    assert derived == {"width": Derived(value=4, evidence="--encoder-config"), "depth": THREE}
    assert by_part({"width": 4}) == {"encoder": {"width": 4}}
    assert by_part({"decoder.width": 4}) == {"decoder": {"width": 4}}


@pytest.mark.parametrize("tree", [FLAT, {"encoder.width": THREE}])
def test_a_value_of_a_part_that_the_model_lacks_is_refused(tree):
    with pytest.raises(BadInput, match=r"`--decoder-config` must .* has only `encoder`"):
        overridden(tree, {"decoder": {"width": 4}})


@pytest.mark.parametrize("path", ["encoder.width", "width"])
def test_a_value_that_nothing_gives_is_named_with_the_option_that_supplies_it(path):
    tree = {path: argued({}, "width", "w2v_args"), "depth": THREE}
    assert tree[path].value is MISSING
    (reason,) = unknown(tree)
    assert reason.name == path
    assert reason.because == (
        "w2v_args.width is absent; supply `--encoder-config '{\"width\": ...}'`"
    )


@pytest.mark.parametrize("path", ["decoder.width", "width"])
def test_an_assumed_value_is_named_with_what_overrules_it(path):
    guess = Derived(value=3, evidence="widths usually are", candidates=(3, 4))
    (reason,) = assumed({path: guess, "depth": THREE})
    option = "decoder" if path.startswith("decoder") else "encoder"
    assert reason.name == path
    assert reason.because == (
        "assumed 3, as the checkpoint does not say: widths usually are; overrule it with "
        f"`--{option}-config '{{\"width\": ...}}'`"
    )


@pytest.mark.parametrize("value", [0, 3, 0.5])
def test_a_number_is_a_number(value):
    assert number({"width": hard_coded(value, "always")}, "width", "encoder") == value


@pytest.mark.parametrize("value", [None, "3", [3], MISSING])
def test_what_must_be_a_number_and_is_none_is_refused(value):
    derived = {"width": Derived(value=value, evidence="--encoder-config")}
    with pytest.raises(BadInput, match=r"`width` must be a number, but --encoder-config says"):
        number(derived, "width", "encoder")


def test_assumptions_of_a_network_are_the_values_that_have_candidates():
    network = network_of(without_w2v_args(specimen()))
    found = because(network.assumptions)
    guessed = {key for key, derived in encoder_of(network).items() if derived.candidates}
    assert found.keys() == {f"encoder.{key}" for key in guessed}
    assert found["encoder.do_stable_layer_norm"] == (
        "assumed True, as the checkpoint does not say: published encoders with layer norm in the "
        "extractor normalize before each block; overrule it with "
        "`--encoder-config '{\"do_stable_layer_norm\": ...}'`"
    )


def test_a_checkpoint_that_says_everything_leaves_nothing_to_assume(prepared):
    assert prepared.network.assumptions == ()
