import copy

import pytest
from safetensors import safe_open

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


CARRIED = {
    "decoder": {"position_embeddings": "sinusoidal", "layernorm_embedding": False},
    "encoder": {"adapter_feed_forward": True, "adapter_layer_norm": "layers"},
}


@pytest.fixture
def carried_config(prepared):
    """A configuration for the classes that a folder carries."""
    config = copy.deepcopy(dict(prepared.task.contents.config))
    for side, values in CARRIED.items():
        config[side] |= {**values, "model_type": f"xm_transformer_{side}"}
    config["encoder"]["add_adapter"] = False
    module = "modeling_xm_transformer"
    return {
        **config,
        "model_type": "xm_transformer",
        "auto_map": {
            "AutoConfig": f"{module}.XMTransformerConfig",
            "AutoModelForSpeechSeq2Seq": f"{module}.SpeechEncoderDecoderModel",
        },
    }


def test_a_carried_class_is_built_without_its_folder(carried_config):
    specs = target_specs(carried_config)
    assert "encoder.length_adapter.layers.2.layer_norm.weight" in specs
    assert "decoder.model.decoder.layernorm_embedding.weight" not in specs
    assert not any("embed_positions" in name for name in specs)


@pytest.mark.parametrize(
    ("side", "key", "value"),
    [
        ("encoder", "adapter_kernel_size", "wide"),
        ("encoder", "pos_conv_depth", "deep"),
        ("decoder", "decoder_attention_heads", 5),
        ("decoder", "d_model", -1),
    ],
)
def test_a_carried_configuration_that_makes_no_model_is_refused(carried_config, side, key, value):
    carried_config[side][key] = value
    with pytest.raises(BadInput, match=r"(?s)`config.json` must describe .*but .*--encoder-config"):
        target_specs(carried_config)


def test_the_tensors_of_a_written_folder_are_those_of_its_configuration(prepared, converted):
    specs = target_specs(prepared.task.contents.config)
    with safe_open(converted / "model.safetensors", framework="pt") as written:
        names = set(written.keys())
    assert names == specs.keys() - {tie.target for tie in prepared.plan.ties}
