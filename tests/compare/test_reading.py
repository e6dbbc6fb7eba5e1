import pytest

from toolkit.compare.reading import is_read


@pytest.mark.parametrize(
    ("name", "model_type"),
    [
        ("do_stable_layer_norm", "wav2vec2"),
        ("adapter_attn_dim", "wav2vec2"),
        ("scale_embedding", "mbart"),
        ("scale_embedding", "bart"),
        ("layernorm_embedding", "trocr"),
        ("conv_depthwise_kernel_size", "wav2vec2-conformer"),
        ("adapter_padding", "xm_transformer_encoder"),
        ("do_stable_layer_norm", "xm_transformer_encoder"),
        ("do_stable_layer_norm", "fairseq_conformer"),
        ("conv_depthwise_kernel_size", "fairseq_conformer"),
        ("normalize_before", "xm_transformer_decoder"),
        ("scale_embedding", "xm_transformer_decoder"),
        ("adapter_padding", "fairseq_seq2seq_encoder"),
        ("quantization_config", "mbart"),
    ],
)
def test_a_key_that_the_classes_of_a_part_use_is_read(name, model_type):
    assert is_read(name, model_type)


@pytest.mark.parametrize(
    ("name", "model_type"),
    [
        ("tdnn_dim", "wav2vec2"),
        ("codevector_dim", "wav2vec2"),
        ("encoder_layerdrop", "mbart"),
        ("add_bias_logits", "bart"),
        ("layernorm_embedding", "mbart"),
        ("invented", "wav2vec2-conformer"),
        ("do_stable_layer_norm", "wav2vec2-conformer"),
        ("invented", "fairseq_conformer"),
        ("invented", "xm_transformer_decoder"),
    ],
)
def test_a_key_of_heads_that_are_not_built_or_of_nobody_is_not_read(name, model_type):
    assert not is_read(name, model_type)


def test_every_key_of_an_unknown_kind_of_model_counts_as_read():
    assert is_read("anything", "nothing")
