import copy

import pytest

from toolkit.core.errors import BadInput
from toolkit.folder.skeleton import target_specs


def test_the_tensors_are_those_of_the_real_model(prepared, target):
    specs = target_specs(prepared.task.contents.config)
    real = target.model.state_dict()
    assert list(specs) == list(real)
    assert {n: s.shape for n, s in specs.items()} == {n: tuple(t.shape) for n, t in real.items()}
    assert all(name == spec.name for name, spec in specs.items())


def test_tied_twins_are_listed_under_both_names(prepared):
    specs = target_specs(prepared.task.contents.config)
    assert {"decoder.lm_head.weight", "decoder.model.decoder.embed_tokens.weight"} <= specs.keys()


def test_the_configuration_is_left_as_it_was(prepared):
    config = copy.deepcopy(prepared.task.contents.config)
    target_specs(config)
    assert config == prepared.task.contents.config


@pytest.mark.parametrize(
    ("side", "key", "value"),
    [
        ("encoder", "num_attention_heads", 5),
        ("encoder", "num_conv_pos_embedding_groups", 0),
        ("encoder", "feat_extract_norm", "batch"),
        ("encoder", "model_type", "nothing-like-it"),
        ("decoder", "d_model", -1),
        ("decoder", "pad_token_id", 10**6),
    ],
)
def test_a_configuration_that_makes_no_model_is_refused_with_the_reason(prepared, side, key, value):
    config = copy.deepcopy(dict(prepared.task.contents.config))
    config[side][key] = value
    with pytest.raises(BadInput, match=r"(?s)`config.json` must describe .*but .*--encoder-config"):
        target_specs(config)
