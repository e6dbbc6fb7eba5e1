"""Tensors that a folder holds, lacks or has in another shape for a key's sake are told with it."""

from dataclasses import replace

import pytest
import torch

from toolkit.diagnosis import take_inventory
from toolkit.folder.view import view_folder

CONVS = "encoder.feature_extractor.conv_layers."
LAYERS = 2
"""Of the golden encoder."""
WORDS = "decoder.model.decoder.embed_tokens.weight"
"""Of the golden decoder, a row for each; its output is tied to it."""


@pytest.fixture(scope="module")
def right_view(converted):
    view = view_folder(converted)
    return replace(view, tensors=dict(view.tensors))


@pytest.fixture
def inventory(truth, right_view):
    """The findings of the right folder whose encoder says something else, its tensors edited."""

    def take(said, edit):
        tensors = dict(right_view.tensors)
        edit(tensors)
        config = {**right_view.config, "encoder": {**right_view.config["encoder"], **said}}
        return take_inventory(truth, replace(right_view, tensors=tensors, config=config))

    return take


def without_biases(tensors):
    for name in [n for n in tensors if n.startswith(CONVS) and n.endswith("conv.bias")]:
        del tensors[name]


def test_tensors_that_a_wrong_key_has_no_place_for_are_lost_with_it(inventory):
    (finding,) = inventory({"conv_bias": False}, without_biases)
    assert (finding.kind, finding.config_keys) == ("config", ("encoder.conv_bias",))
    assert set(finding.target_parameters) == {f"{CONVS}{i}.conv.bias" for i in range(7)}
    assert "so that the folder lacks 7 tensors" in finding.summary
    assert finding.fix.splitlines()[1].startswith(f"write `{CONVS}0.conv.bias` and 6 more")


def test_tensors_that_a_wrong_key_makes_the_model_want_are_told_with_it(inventory):
    names = [name for layer in range(LAYERS) for name in _adapters(layer)]
    (finding,) = inventory(
        {"adapter_attn_dim": 4}, lambda t: t.update({name: torch.ones(2) for name in names})
    )
    assert finding.config_keys == ("encoder.adapter_attn_dim",)
    assert set(finding.target_parameters) == set(names)
    assert finding.fix.splitlines()[1].startswith("remove `")


def test_a_tensor_that_no_key_explains_stays_a_finding_of_its_own(inventory):
    def edit(tensors):
        without_biases(tensors)
        tensors["encoder.invented"] = torch.ones(2)

    found = inventory({"conv_bias": False}, edit)
    assert {f.target_parameters for f in found if not f.config_keys} == {("encoder.invented",)}
    assert len(found) == 2


def test_a_wrong_key_beside_explains_no_tensor(inventory):
    found = inventory({"hidden_act": "relu"}, without_biases)
    assert {(f.kind, f.config_keys) for f in found} == {
        ("missing", ()),
        ("config", ("encoder.hidden_act",)),
    }


def test_a_key_that_no_model_can_be_built_with_explains_nothing(inventory):
    found = inventory({"conv_bias": False, "conv_dim": "none"}, without_biases)
    assert {f.config_keys for f in found} >= {("encoder.conv_bias",), ("encoder.conv_dim",)}
    assert any(f.kind == "missing" for f in found)


def with_rows(view, rows):
    """The folder with a vocabulary of so many more rows, or fewer, in its tensors."""
    words = view.tensors[WORDS]
    more = torch.ones(max(rows, 0), words.shape[1])
    resized = torch.cat([words[: len(words) + min(rows, 0)], more])
    return replace(view, tensors={**view.tensors, WORDS: resized})


def saying_rows(view, rows):
    """The folder whose decoder says that it has so many more."""
    decoder = view.config["decoder"]
    size = decoder["vocab_size"] + rows
    return replace(view, config={**view.config, "decoder": {**decoder, "vocab_size": size}})


@pytest.mark.parametrize("rows", [-2, 3])
def test_a_vocabulary_of_another_size_is_one_finding_of_key_and_tensor(rows, truth, right_view):
    (finding,) = take_inventory(truth, saying_rows(with_rows(right_view, rows), rows))
    assert (finding.kind, finding.config_keys) == ("config", ("decoder.vocab_size",))
    assert WORDS in finding.target_parameters
    assert "in another shape than the checkpoint" in finding.summary
    assert finding.fix.splitlines()[1].startswith(f"write `{WORDS}`")


def test_rows_that_no_key_speaks_of_are_a_finding_of_their_own(truth, right_view):
    (finding,) = take_inventory(truth, with_rows(right_view, -2))
    assert (finding.config_keys, finding.target_parameters) == ((), (WORDS,))


def test_rows_of_a_third_number_do_not_follow_from_the_key(truth, right_view):
    found = take_inventory(truth, saying_rows(with_rows(right_view, -2), 3))
    assert {f.config_keys for f in found} == {(), ("decoder.vocab_size",)}
    assert {f.target_parameters for f in found if f.config_keys} == {()}


def test_a_key_that_shapes_nothing_takes_no_tensor_of_another_shape(truth, right_view):
    held = with_rows(right_view, -2)
    wrong = {**held.config["encoder"], "hidden_act": "relu"}
    found = take_inventory(truth, replace(held, config={**held.config, "encoder": wrong}))
    assert {f.target_parameters for f in found if f.config_keys} == {()}
    assert len(found) == 2


def _adapters(layer):
    place = f"encoder.encoder.layers.{layer}.adapter_layer."
    return [
        place + module + leaf
        for module in ("norm", "linear_1", "linear_2")
        for leaf in (".weight", ".bias")
    ]
