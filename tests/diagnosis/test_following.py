"""Tensors that a folder holds, or lacks, for a wrong key's sake are told with the key."""

from dataclasses import replace

import pytest
import torch

from toolkit.diagnosis import take_inventory
from toolkit.folder.view import view_folder

CONVS = "encoder.feature_extractor.conv_layers."
LAYERS = 2
"""Of the golden encoder."""


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


def _adapters(layer):
    place = f"encoder.encoder.layers.{layer}.adapter_layer."
    return [
        place + module + leaf
        for module in ("norm", "linear_1", "linear_2")
        for leaf in (".weight", ".bias")
    ]
