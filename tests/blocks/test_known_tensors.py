"""What the table says of a model's tensors is what transformers says, or nothing."""

from __future__ import annotations

import copy

import pytest

from toolkit.blocks import known_tensors
from toolkit.blocks.known_tensors import maybe_known_specs
from toolkit.folder.skeleton import target_specs

STOCK = {
    "as it is": {},
    "no mask embedding": {"encoder": {"mask_time_prob": 0.0, "mask_feature_prob": 0.0}},
    "mask in time alone": {"encoder": {"mask_feature_prob": 0}},
    "group norm": {"encoder": {"feat_extract_norm": "group"}},
    "convolutions without bias": {"encoder": {"conv_bias": False}},
    "norm after": {"encoder": {"do_stable_layer_norm": False}},
    "no adapter": {"encoder": {"add_adapter": False}},
    "another kernel": {"encoder": {"adapter_kernel_size": 8, "num_adapter_layers": 2}},
    "another width of the decoder": {"decoder": {"d_model": 60}},
    "an output of its own": {"decoder": {"tie_word_embeddings": False}},
    "relu": {"encoder": {"hidden_act": "relu"}, "decoder": {"activation_function": "relu"}},
}
CARRIED = {
    "as it is": {},
    "projection": {"encoder": {"output_projection": "linear", "output_hidden_size": 60}},
    "projection and norm": {"encoder": {"output_projection": "linear_norm"}},
    "feed-forward": {"encoder": {"adapter_feed_forward": True, "adapter_layer_norm": "layers"}},
    "norm of the input": {"encoder": {"adapter_layer_norm": "input", "output_hidden_size": 24}},
    "no adapter": {"encoder": {"num_adapter_layers": 0}},
    "sines": {"decoder": {"position_embeddings": "sinusoidal"}},
    "no positions, no norms": {
        "decoder": {
            "position_embeddings": "none",
            "layernorm_embedding": False,
            "final_layer_norm": False,
        }
    },
    "another width attended to": {
        "decoder": {"cross_attention_hidden_size": 48, "d_model": 60},
    },
}
UNKNOWN = {
    "another class": {"encoder": {"model_type": "hubert"}},
    "a key nobody expects": {"encoder": {"adapter_attn_dim": 8}},
    "heads that do not divide": {"encoder": {"num_attention_heads": 5}},
    "heads of the decoder": {"decoder": {"decoder_attention_heads": 5}},
    "a negative width": {"decoder": {"d_model": -1}},
    "a width in words": {"decoder": {"d_model": "wide"}},
    "another activation": {"encoder": {"hidden_act": "swish"}},
    "a padding symbol beyond the vocabulary": {"decoder": {"pad_token_id": 10**6}},
    "convolutions without strides": {"encoder": {"conv_stride": [5]}},
    "no decoder": {"decoder": {"is_decoder": False}},
    "a probability in words": {"encoder": {"attention_dropout": "none"}},
    "narrower output": {"encoder": {"output_hidden_size": 24}},
}


@pytest.fixture
def stock(prepared):
    return copy.deepcopy(dict(prepared.task.contents.config))


@pytest.fixture
def carried(stock):
    module = "modeling_xm_transformer"
    stock["encoder"] |= {
        "model_type": "xm_transformer_encoder",
        "add_adapter": False,
        "layer_type": "transformer",
        "pos_conv_depth": 1,
        "output_projection": None,
        "adapter_feed_forward": False,
        "adapter_layer_norm": None,
        "adapter_padding": "masked",
    }
    stock["decoder"] |= {
        "model_type": "xm_transformer_decoder",
        "normalize_before": True,
        "final_layer_norm": True,
        "layernorm_embedding": True,
        "position_embeddings": "learned",
        "cross_attention_hidden_size": None,
    }
    return {
        **stock,
        "model_type": "xm_transformer",
        "auto_map": {
            "AutoConfig": f"{module}.XMTransformerConfig",
            "AutoModelForSpeechSeq2Seq": f"{module}.SpeechEncoderDecoderModel",
        },
    }


def change(config, changes):
    for side, values in changes.items():
        config[side] |= values
    return config


@pytest.mark.parametrize("changes", STOCK.values(), ids=STOCK)
def test_a_stock_model_has_these_tensors_in_this_order(stock, changes):
    config = change(stock, changes)
    assert list(maybe_known_specs(config).items()) == list(target_specs(config).items())


@pytest.mark.parametrize("changes", CARRIED.values(), ids=CARRIED)
def test_a_carried_model_has_these_tensors_in_this_order(carried, changes):
    config = change(carried, changes)
    assert list(maybe_known_specs(config).items()) == list(target_specs(config).items())


@pytest.mark.parametrize("changes", UNKNOWN.values(), ids=UNKNOWN)
def test_of_anything_else_there_is_no_answer(stock, changes):
    assert maybe_known_specs(change(stock, changes)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"encoder": {"layer_type": "conformer"}},
        {"encoder": {"pos_conv_depth": 5}},
        {"decoder": {"normalize_before": False}},
        {"decoder": {"cross_attention_hidden_size": 64}},
    ],
)
def test_of_rarer_carried_models_there_is_no_answer(carried, changes):
    assert maybe_known_specs(change(carried, changes)) is None


@pytest.mark.parametrize("found", ["5.22.0", "6.0.0", None])
def test_of_another_version_of_transformers_there_is_no_answer(stock, monkeypatch, found):
    monkeypatch.setattr(known_tensors, "_transformers_version", lambda: found)
    assert maybe_known_specs(stock) is None
