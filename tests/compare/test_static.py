import math
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from tests.breaking import WEIGHTS, add, change, remove, scale, set_key
from toolkit.compare.keys import config_differences
from toolkit.compare.static import (
    config_level,
    effective_error,
    right_in_files,
    weight_errors,
    weights_level,
)
from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget

Q_PROJ = "encoder.encoder.layers.1.attention.q_proj.weight"
POS_CONV = "encoder.encoder.pos_conv_embed.conv.parametrizations.weight."


@pytest.fixture
def weights(prepared):
    def judge(target):
        return weights_level(weight_errors(prepared.plan, prepared.checkpoint, target), target)

    return judge


@pytest.fixture(scope="module")
def contents(prepared):
    return prepared.task.contents


def test_a_right_folder_passes_the_static_levels(weights, contents, target):
    assert weights(target).verdict == "pass"
    assert config_level(contents, target).verdict == "pass"


def test_every_tensor_is_compared_and_weight_norm_as_one(weights, target, prepared):
    measures = {m.name: m.compared for m in weights(target).measures}
    assert measures["tensors"] + measures["effective weights"] == len(prepared.plan.targets) - 1
    assert measures["effective weights"] == 1


def test_the_slightest_change_of_one_element_fails_the_weights(weights, broken):
    change(Q_PROJ, lambda t: torch.nextafter(t, torch.tensor(9.0)))(broken)
    level = weights(Seq2SeqTarget(broken))
    assert level.verdict == "fail"
    assert level.worst.where == Q_PROJ
    assert 0 < level.worst.error < 1e-6


def test_one_element_off_by_a_thousandth_fails_the_weights_there(weights, broken):
    scale(Q_PROJ, 1.001, index=77)(broken)
    level = weights(Seq2SeqTarget(broken))
    assert (level.verdict, level.worst.where) == ("fail", Q_PROJ)


def test_a_tensor_missing_from_the_file_fails_the_weights(weights, broken):
    remove("encoder.adapter.layers.0.conv.bias")(broken)
    target = Seq2SeqTarget(broken)
    assert target.loading.missing == ("encoder.adapter.layers.0.conv.bias",)
    failed = {m.name for m in weights(target).measures if m.verdict == "fail"}
    assert "missing, unexpected or mismatched in the file" in failed


def test_a_missing_tensor_fails_even_if_chance_gave_it_the_right_values(weights, broken):
    name = "encoder.encoder.layers.0.layer_norm.bias"
    right = Seq2SeqTarget(broken).model.state_dict()[name]
    remove(name)(broken)
    target = Seq2SeqTarget(broken)
    target.model.state_dict()[name].copy_(right)
    assert [m.name for m in weights(target).measures if m.verdict == "fail"] == [
        "missing, unexpected or mismatched in the file"
    ]


def test_an_extra_tensor_in_the_file_fails_the_weights_alone(weights, broken):
    add("decoder.extra", torch.zeros(3))(broken)
    level = weights(Seq2SeqTarget(broken))
    assert [m.name for m in level.measures if m.verdict == "fail"] == [
        "missing, unexpected or mismatched in the file"
    ]
    assert level.worst.where == "decoder.extra"


@pytest.mark.parametrize("part", ["original0", "original1"])
def test_a_wrong_factor_of_the_weight_norm_fails_the_effective_weight(part, weights, broken):
    scale(POS_CONV + part, 1.01)(broken)
    level = weights(Seq2SeqTarget(broken))
    assert [m.name for m in level.measures if m.verdict == "fail"] == ["effective weights"]


def test_another_split_of_the_weight_norm_is_the_same_weight(weights, broken):
    change(POS_CONV + "original1", lambda t: t * 2)(broken)
    assert weights(Seq2SeqTarget(broken)).verdict == "pass"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("encoder.hidden_act", "relu"),
        ("decoder.scale_embedding", False),
        ("decoder_start_token_id", 0),
    ],
)
def test_a_wrong_key_fails_the_config(key, value, contents, broken):
    set_key("config.json", key, value)(broken)
    target = Seq2SeqTarget(broken)
    (difference,) = config_differences(contents, target.view)
    assert (difference.key, difference.actual) == (key, value)
    level = config_level(contents, target)
    assert (level.verdict, level.worst.where, level.worst.error) == ("fail", key, 1.0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("encoder.layerdrop", 0.5),
        ("encoder.apply_spec_augment", True),
        ("decoder.dropout", 0.3),
    ],
)
def test_a_key_that_only_fine_tuning_reads_does_not_fail_the_config(key, value, contents, broken):
    set_key("config.json", key, value)(broken)
    target = Seq2SeqTarget(broken)
    assert [d.key for d in config_differences(contents, target.view)] == [key]
    assert config_level(contents, target).verdict == "pass"


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        ("generation_config", "early_stopping", False),
        ("generation_config", "suppress_tokens", []),
        ("generation_config", "num_beams", 1),
        ("preprocessor_config", "padding_value", 1.0),
        ("preprocessor_config", "sampling_rate", 8000),
    ],
)
def test_a_wrong_key_of_another_file_fails_the_config_under_its_file(
    file, key, value, contents, broken
):
    set_key(f"{file}.json", key, value)(broken)
    assert [d.key for d in config_differences(contents, Seq2SeqTarget(broken).view)] == [
        f"{file}.{key}"
    ]


def test_a_config_without_keys_fails(contents, target):
    empty = replace(contents, config={}, generation={}, preprocessor={})
    assert config_level(empty, target).verdict == "fail"


def test_equal_factors_of_which_no_weight_comes_are_not_equal_weights():
    gain, direction = torch.ones(1, 1, 3), torch.ones(4, 2, 3)
    assert effective_error((gain, direction), (gain, direction.clone())) == 0.0
    assert 0 < effective_error((gain, direction), (gain * 1.001, direction)) < 0.002
    direction[..., 1] = 0
    assert math.isnan(effective_error((gain, direction), (gain, direction.clone())))


@pytest.fixture
def rights(prepared, monkeypatch):
    """What need not be looked at in the files, given a loaded folder; no weights are moved."""
    monkeypatch.setattr("toolkit.replay.target.ALIGNED_NUMEL", 0)

    def find(target):
        return right_in_files(weight_errors(prepared.plan, prepared.checkpoint, target), target)

    return find


def test_tensors_that_the_model_holds_as_the_file_has_them_are_right_there_too(
    rights, broken, prepared
):
    target = Seq2SeqTarget(broken)
    compared = {e.target for e in weight_errors(prepared.plan, prepared.checkpoint, target)}
    assert rights(target) == compared & target.view.tensors.keys()


def test_a_tensor_that_differs_is_not_right_in_its_file(rights, broken):
    names = rights(Seq2SeqTarget(broken))
    (name, *_) = sorted(name for name in names if name.endswith(".weight"))
    scale(name, 1.001)(broken)
    again = rights(Seq2SeqTarget(broken))
    assert name not in again
    assert names - again <= {name}


def test_a_model_that_was_written_to_says_nothing_of_its_file(rights, broken):
    target = Seq2SeqTarget(broken)
    (name, *_) = sorted(name for name in rights(target) if name.endswith(".weight"))
    weight = target.model.get_parameter(name)
    with torch.no_grad():
        weight.view(-1)[0] = weight.view(-1)[0].clone()
    assert rights(target) == frozenset()


def test_nothing_is_known_of_weights_that_were_moved(rights, broken, monkeypatch):
    monkeypatch.undo()
    assert rights(Seq2SeqTarget(broken)) == frozenset()


def test_nothing_is_known_of_another_folder_s_file(rights, broken, target):
    loaded = Seq2SeqTarget(broken)
    loaded.view = target.view
    assert rights(loaded) == frozenset()


def test_nothing_is_known_of_tensors_that_lie_in_pickles(rights, broken):
    torch.save(load_file(broken / WEIGHTS), broken / "pytorch_model.bin")
    (broken / WEIGHTS).unlink()
    assert rights(Seq2SeqTarget(broken)) == frozenset()
