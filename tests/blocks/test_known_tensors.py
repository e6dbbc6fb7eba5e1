"""What the table says of a model's tensors is what transformers says, or nothing."""

from __future__ import annotations

import copy

import pytest

from toolkit.blocks import known_tensors
from toolkit.blocks.known_tensors import maybe_known_specs
from toolkit.blocks.known_tensors.seq2seq import TROCR_KEYS, XGLM_KEYS
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
TROCR = {
    "as it is": {},
    "norm of the embeddings": {"decoder": {"layernorm_embedding": True}},
    "another width of the decoder": {"decoder": {"d_model": 60}},
    "another width attended to": {
        "decoder": {"d_model": 60, "cross_attention_hidden_size": 48},
    },
    "an output that is tied": {"decoder": {"tie_word_embeddings": True}},
}
XGLM = {
    "as it is": {},
    "another width of the decoder": {"decoder": {"d_model": 60}},
    "an output of its own": {"decoder": {"tie_word_embeddings": False, "num_layers": 1}},
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
def trocr(stock):
    decoder = {key: value for key, value in stock["decoder"].items() if key in TROCR_KEYS}
    stock["decoder"] = {
        **decoder,
        "model_type": "trocr",
        "cross_attention_hidden_size": None,
        "layernorm_embedding": False,
        "use_learned_position_embeddings": True,
        "tie_word_embeddings": False,
    }
    return stock


@pytest.fixture
def xglm(stock):
    own = {
        "num_layers": "decoder_layers",
        "ffn_dim": "decoder_ffn_dim",
        "attention_heads": "decoder_attention_heads",
        "layerdrop": "decoder_layerdrop",
    }
    decoder = stock["decoder"]
    kept = {key: value for key, value in decoder.items() if key in XGLM_KEYS}
    renamed = {key: decoder[name] for key, name in own.items()}
    stock["decoder"] = {**kept, **renamed, "model_type": "xglm"}
    return stock


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


@pytest.mark.parametrize("changes", TROCR.values(), ids=TROCR)
def test_a_model_with_the_decoder_of_trocr_has_these_tensors_in_this_order(trocr, changes):
    config = change(trocr, changes)
    assert list(maybe_known_specs(config).items()) == list(target_specs(config).items())


@pytest.mark.parametrize("changes", XGLM.values(), ids=XGLM)
def test_a_model_with_the_decoder_of_xglm_has_these_tensors_in_this_order(xglm, changes):
    config = change(xglm, changes)
    assert list(maybe_known_specs(config).items()) == list(target_specs(config).items())


def test_an_xglm_whose_heads_do_not_divide_its_width_is_not_known(xglm):
    xglm["decoder"]["attention_heads"] = 5
    assert maybe_known_specs(xglm) is None


def test_computed_positions_of_trocr_are_the_models_own_matter(trocr):
    trocr["decoder"]["use_learned_position_embeddings"] = False
    assert maybe_known_specs(trocr) is None


@pytest.mark.parametrize("changes", CARRIED.values(), ids=CARRIED)
def test_a_carried_model_has_these_tensors_in_this_order(carried, changes):
    config = change(carried, changes)
    assert list(maybe_known_specs(config).items()) == list(target_specs(config).items())


def test_a_carried_model_is_known_by_any_name_that_its_parts_are_called_after(carried):
    known = list(maybe_known_specs(carried).items())
    carried["model_type"] = "other"
    assert maybe_known_specs(carried) is None
    for part in ("encoder", "decoder"):
        carried[part]["model_type"] = f"other_{part}"
    assert list(maybe_known_specs(carried).items()) == known


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


COMMON = {
    **dict.fromkeys(
        ("activation_dropout", "attention_dropout", "feat_proj_dropout", "final_dropout"), 0.0
    ),
    **{"hidden_dropout": 0.0, "layerdrop": 0.0, "apply_spec_augment": True},
    **{"mask_feature_prob": 0.0, "mask_feature_length": 10},
    **{"mask_time_prob": 0.5, "mask_time_length": 10, "layer_norm_eps": 1e-5},
    **{"conv_dim": [12, 16], "conv_kernel": [10, 3], "conv_stride": [5, 2], "conv_bias": True},
    **{"feat_extract_activation": "gelu", "feat_extract_norm": "layer", "hidden_act": "gelu"},
    **{"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2},
    **{"num_attention_heads": 4, "do_stable_layer_norm": True, "dtype": "float32"},
    **{"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4},
}
LETTERS = {"vocab_size": 9, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
HUBERT = {"conv_pos_batch_norm": False, "feat_proj_layer_norm": True}
CLASSES = {
    "classifier_proj_size": 12,
    "id2label": {"0": "ara", "1": "cmn", "2": "deu"},
    "label2id": {"ara": 0, "cmn": 1, "deu": 2},
    "output_hidden_size": 32,
}
CARRIED_HUBERT = "modeling_fairseq_hubert"
CARRIED_CONFIGS = {
    "fairseq_hubert": f"{CARRIED_HUBERT}.FairseqHubertConfig",
    "fairseq_hubert_with_final_proj": f"{CARRIED_HUBERT}.FairseqHubertWithFinalProjConfig",
    "fairseq_classifier": "modeling_fairseq_classifier.FairseqClassifierConfig",
}


def single(model_type, architecture, auto=None, **more):
    config = {**COMMON, "model_type": model_type, "architectures": [architecture], **more}
    if auto:
        named = CARRIED_CONFIGS[model_type]
        config["auto_map"] = {
            "AutoConfig": named,
            auto: f"{named.partition('.')[0]}.{architecture}",
        }
    return config


CODES = {
    "codevector_dim": 8, "contrastive_logits_temperature": 0.1, "feat_quantizer_dropout": 0.0,
    "num_codevector_groups": 2, "num_codevectors_per_group": 5, "num_negatives": 100,
    "output_hidden_size": 32, "proj_codevector_dim": 6,
}  # fmt: skip
SINGLE = {
    "letters": single("wav2vec2", "Wav2Vec2ForCTC", output_hidden_size=32, **LETTERS),
    "codes": single("wav2vec2", "Wav2Vec2ForPreTraining", **CODES),
    "letters of HuBERT": single("hubert", "HubertForCTC", **LETTERS, **HUBERT),
    "letters of a carried HuBERT": single(
        "fairseq_hubert", "HubertForCTC", "AutoModelForCTC", **LETTERS, **HUBERT
    ),
    "classes": single("wav2vec2", "Wav2Vec2ForSequenceClassification", **CLASSES),
    "classes of a carried class": single(
        "fairseq_classifier",
        "Wav2Vec2ForSequenceClassification",
        "AutoModelForAudioClassification",
        classifier_activation="gelu",
        **CLASSES,
    ),
    "nothing": single("wav2vec2", "Wav2Vec2Model", output_hidden_size=32),
    "nothing, of UniSpeech": single("unispeech", "UniSpeechModel"),
    "nothing, of UniSpeech-SAT": single("unispeech-sat", "UniSpeechSatModel"),
    "nothing, of WavLM": single(
        "wavlm", "WavLMModel", output_hidden_size=32, num_buckets=20, max_bucket_distance=80
    ),
    "nothing, of HuBERT": single("hubert", "HubertModel", **HUBERT),
    "nothing, of a carried HuBERT": single("fairseq_hubert", "HubertModel", "AutoModel", **HUBERT),
    "a projection": single(
        "fairseq_hubert_with_final_proj",
        "HubertModelWithFinalProj",
        "AutoModel",
        classifier_proj_size=7,
        **HUBERT,
    ),
}
UNSAID = ("do_stable_layer_norm", "feat_extract_norm")
DATA2VEC = {
    key: value
    for key, value in single(
        "data2vec-audio", "Data2VecAudioModel", output_hidden_size=32, conv_pos_kernel_size=3
    ).items()
    if key not in UNSAID
}
CHANGES = {
    "as it is": {},
    "group norm": {"feat_extract_norm": "group", "conv_bias": False},
    "norms behind": {"do_stable_layer_norm": False},
    "nothing masked": {"mask_time_prob": 0.0},
    "relu": {"hidden_act": "relu"},
    "equal widths": {"conv_dim": [32, 32]},
    "odd positional kernel": {"num_conv_pos_embeddings": 15, "num_conv_pos_embedding_groups": 8},
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("config", SINGLE.values(), ids=SINGLE)
def test_an_encoder_has_these_tensors_in_this_order(config, changes):
    changed = {**config, **changes}
    assert list(maybe_known_specs(changed).items()) == list(target_specs(changed).items())


def test_an_encoder_with_adapters_for_languages_has_them_in_this_order():
    config = {**SINGLE["letters"], "adapter_attn_dim": 8}
    assert any("adapter_layer" in name for name in target_specs(config))
    assert list(maybe_known_specs(config).items()) == list(target_specs(config).items())


@pytest.mark.parametrize("changes", [{}, {"conv_bias": False}, {"num_conv_pos_embeddings": 5}])
def test_an_encoder_with_several_positional_convolutions_has_them_in_this_order(changes):
    config = {**DATA2VEC, **changes}
    assert list(maybe_known_specs(config).items()) == list(target_specs(config).items())
    assert maybe_known_specs({**config, "feat_extract_norm": "layer"}) is None


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("letters", {"architectures": ["Wav2Vec2Model"]}),
        ("letters", {"architectures": "Wav2Vec2ForCTC"}),
        ("letters", {"adapter_attn_dim": 8, "do_stable_layer_norm": False}),
        ("letters", {"adapter_attn_dim": "wide"}),
        ("letters of HuBERT", {"adapter_attn_dim": 8}),
        ("letters", {"output_hidden_size": 24}),
        ("letters", {"num_attention_heads": 5}),
        ("letters", {"vocab_size": "many"}),
        ("letters", {"auto_map": {"AutoModelForCTC": "x.Y"}}),
        ("letters of HuBERT", {"conv_pos_batch_norm": True}),
        ("letters of HuBERT", {"feat_proj_layer_norm": False}),
        ("classes", {"classifier_activation": "gelu"}),
        ("classes", {"classifier_proj_size": "wide"}),
        ("codes", {"codevector_dim": 9}),
        ("codes", {"num_codevector_groups": 0}),
        ("a projection", {"classifier_proj_size": -1}),
    ],
)
def test_of_another_encoder_there_is_no_answer(kind, changes):
    assert maybe_known_specs({**SINGLE[kind], **changes}) is None


FILTER_BANKS = {
    **dict.fromkeys(("dropout", "activation_dropout", "attention_dropout"), 0.0),
    **dict.fromkeys(("encoder_layerdrop", "decoder_layerdrop"), 0.0),
    **{"model_type": "speech_to_text", "architectures": ["Speech2TextForConditionalGeneration"]},
    **{"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2},
    **{"activation_function": "relu", "scale_embedding": True, "tie_word_embeddings": True},
    **{"input_channels": 1, "input_feat_per_channel": 80, "is_encoder_decoder": True},
    **{"conv_channels": 6, "conv_kernel_sizes": [5, 3], "num_conv_layers": 2, "d_model": 8},
    **{"encoder_layers": 2, "encoder_ffn_dim": 12, "encoder_attention_heads": 4},
    **{"decoder_layers": 1, "decoder_ffn_dim": 14, "decoder_attention_heads": 2},
    **{"max_source_positions": 60, "max_target_positions": 20, "vocab_size": 11},
    **{"use_cache": True, "dtype": "float32"},
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tie_word_embeddings": False, "activation_function": "gelu"},
        {"conv_kernel_sizes": [7], "num_conv_layers": 1},
        {"conv_kernel_sizes": [5, 3, 7], "num_conv_layers": 3, "conv_channels": 10},
        {"d_model": 16, "encoder_layers": 1, "decoder_layers": 3},
    ],
)
def test_a_model_of_filter_banks_has_these_tensors_in_this_order(changes):
    config = {**FILTER_BANKS, **changes}
    assert list(maybe_known_specs(config).items()) == list(target_specs(config).items())


@pytest.mark.parametrize(
    "changes",
    [
        {"model_type": "speech_to_text_2"},
        {"architectures": ["Speech2TextModel"]},
        {"activation_function": "tanh"},
        {"encoder_attention_heads": 3},
        {"decoder_attention_heads": 3},
        {"num_conv_layers": 3},
        {"conv_kernel_sizes": 5},
        {"conv_kernel_sizes": [5, 0]},
        {"conv_channels": 7},
        {"input_channels": 2},
        {"d_model": -8},
        {"vocab_size": 1},
        {"dropout": "none"},
        {"a_key_nobody_expects": 1},
    ],
)
def test_of_another_model_of_filter_banks_there_is_no_answer(changes):
    assert maybe_known_specs({**FILTER_BANKS, **changes}) is None
