import copy
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.families.networks import (
    CONV,
    TRUNK,
    because,
    decoder_of,
    encoder_of,
    network_of,
    specimen,
    values,
)
from toolkit.blocks.tree import values_under
from toolkit.bundled import MODELLING, STACK
from toolkit.core.errors import BadInput
from toolkit.families.xm_transformer import FAMILY
from toolkit.folder.skeleton import target_specs
from toolkit.mapping import make_plan

AUTO_MAP = {
    "AutoConfig": "modeling_xm_transformer.XMTransformerConfig",
    "AutoModelForSpeechSeq2Seq": "modeling_xm_transformer.SpeechEncoderDecoderModel",
}
ADAPTOR = "encoder.adaptor."
LAYER = ADAPTOR + "layers.{}.{}"


def norm(name, width=48):
    return {f"{name}.{kind}": torch.ones(width) for kind in ("weight", "bias")}


def linear(name, inputs, outputs):
    return {f"{name}.weight": torch.ones(outputs, inputs), f"{name}.bias": torch.ones(outputs)}


def feed_forward(name, width=48):
    return {
        **linear(f"{name}.0", width, 4 * width),
        **linear(f"{name}.2", 4 * width, width),
        **norm(f"{name}_ln", width),
    }


def convolutions(*widths, kernel=3):
    """The adaptor's convolutions, each from one width to the next."""
    tensors = {}
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        tensors[LAYER.format(i, "weight")] = torch.ones(2 * outputs, inputs, kernel)
        tensors[LAYER.format(i, "bias")] = torch.ones(2 * outputs)
    return tensors


def reads_width(width):
    names = ("k_proj", "v_proj")
    return {
        f"decoder.layers.{i}.encoder_attn.{name}.weight": torch.ones(48, width)
        for i in range(3)
        for name in names
    }


# The golden checkpoint's network


def test_the_golden_network_has_the_shape_it_was_made_with(prepared):
    encoder, decoder = values(encoder_of(prepared.network)), values(decoder_of(prepared.network))
    expected_encoder = {
        "hidden_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 3,
        "intermediate_size": 192,
        "hidden_act": "gelu",
        "conv_dim": [32] * 7,
        "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
        "conv_stride": [5, 2, 2, 2, 2, 2, 2],
        "conv_bias": True,
        "feat_extract_norm": "layer",
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 4,
        "do_stable_layer_norm": True,
        "add_adapter": True,
        "num_adapter_layers": 3,
        "adapter_kernel_size": 3,
        "adapter_stride": 2,
        "output_hidden_size": 48,
    }
    expected_decoder = {
        "vocab_size": 189,
        "d_model": 48,
        "decoder_layers": 3,
        "decoder_ffn_dim": 192,
        "decoder_attention_heads": 3,
        "activation_function": "gelu",
        "max_position_embeddings": 1024,
        "scale_embedding": True,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
    }
    assert {key: encoder[key] for key in expected_encoder} == expected_encoder
    assert {key: decoder[key] for key in expected_decoder} == expected_decoder
    assert prepared.network.generation == "v0"
    assert (prepared.network.unknown, prepared.network.refusals) == ((), ())


def test_every_value_of_the_configuration_has_its_evidence(prepared):
    config = prepared.task.contents.config
    for side in ("encoder", "decoder"):
        derived = values_under(prepared.network.config, side)
        assert config[side] == values(derived)
        assert all(field.evidence.strip() for field in derived.values())


def test_evidence_of_shapes_and_counts_names_tensors_that_are_there(prepared):
    tensors = prepared.checkpoint.tensors
    for field in prepared.network.config.values():
        for word in ("shape of ", "presence of ", "number of "):
            if field.evidence.startswith(word):
                name = field.evidence.removeprefix(word).replace("{i}", "0")
                assert name in tensors or any(t.startswith(f"{name}.") for t in tensors)


def test_the_golden_checkpoint_drops_the_file_version_alone(prepared):
    assert [reason.name for reason in prepared.plan.dropped] == ["decoder.version"]


def test_arguments_in_one_namespace_give_the_same_network(prepared, variant):
    network = network_of(variant(as_args=True))
    assert values(encoder_of(network)) == values(encoder_of(prepared.network))
    assert values(decoder_of(network)) == values(decoder_of(prepared.network))
    assert network.table == prepared.network.table


# What the checkpoint does not say


def test_strides_that_nothing_gives_are_unknown(variant, gone):
    last = {f"{CONV}6.{n}.{k}": gone for n in ("0", "2.1") for k in ("weight", "bias")}
    checkpoint = variant(last, model={"w2v_args": None})
    (reason,) = network_of(checkpoint).unknown
    assert reason.name == "encoder.conv_stride"
    assert reason.because.endswith("supply `--encoder-config '{\"conv_stride\": ...}'`")
    supplied = network_of(checkpoint, overrides={"encoder": {"conv_stride": [5, 2, 2, 2, 2, 2]}})
    assert supplied.unknown == ()


def test_an_absent_stride_is_fairseqs_default_and_says_so(variant, gone):
    encoder = encoder_of(network_of(variant(model={"adaptor_stride": gone})))
    assert encoder["adapter_stride"].value == 2
    evidence = "fairseq's default, as args.adaptor_stride is absent"
    assert encoder["adapter_stride"].evidence == evidence


@pytest.mark.parametrize("name", [f"{CONV}0.0.weight", "decoder.embed_tokens.weight"])
def test_a_checkpoint_without_encoder_or_decoder_is_no_member(prepared, variant, gone, name):
    assert FAMILY.matches(prepared.checkpoint)
    assert not FAMILY.matches(variant({name: gone}))


@pytest.mark.parametrize(
    "name",
    [
        TRUNK + "encoder.layer_norm.weight",
        TRUNK + "encoder.layers.0.fc1.weight",
        "decoder.layers.0.fc1.weight",
        "decoder.layers.0.encoder_attn.k_proj.weight",
    ],
)
def test_a_tensor_that_every_member_has_is_missed_by_name(variant, gone, name):
    with pytest.raises(BadInput, match=f"`{name}` must be in a checkpoint of this family"):
        network_of(variant({name: gone}))


# Encoder sides


def lacking_adaptor(gone):
    names = (f"encoder.adaptor.layers.{i}.{n}" for i in range(3) for n in ("weight", "bias"))
    return dict.fromkeys(names, gone)


def test_a_network_without_an_adaptor_has_no_adapter(variant, gone, plan_of, task_of):
    checkpoint = variant(lacking_adaptor(gone))
    network = network_of(checkpoint)
    assert network.generation == "v0 without adaptor"
    assert network.config["encoder.add_adapter"].value is False
    assert (network.refusals, network.shortcomings) == ((), ())
    assert not any("adapter" in name for name in plan_of(checkpoint).targets)
    assert task_of(checkpoint=checkpoint).padding.unmasked is None


V1 = {**feed_forward(ADAPTOR + "proj"), **feed_forward(ADAPTOR + "post_proj")}
PROJECTION = linear("encoder.w2v_encoder.proj", 48, 48)
CARRIED: dict[str, tuple[Any, ...]] = {
    "feed-forward blocks": (
        V1,
        ADAPTOR + "proj",
        "v1 (adaptor_proj)",
        {"adapter_feed_forward": True, "output_projection": None, "adapter_layer_norm": None},
    ),
    "projection with a norm, and feed-forward blocks": (
        {**V1, **PROJECTION, **norm("encoder.w2v_proj_ln")},
        "encoder.w2v_encoder.proj",
        "v1 (adaptor_proj)",
        {"adapter_feed_forward": True, "output_projection": "linear_norm"},
    ),
    "projection": (
        PROJECTION,
        "encoder.w2v_encoder.proj",
        "encoder_proj without adaptor_proj",
        {"adapter_feed_forward": False, "output_projection": "linear"},
    ),
    "norm before the convolutions": (
        norm(ADAPTOR + "layernorm"),
        ADAPTOR + "layernorm",
        "v0 with adaptor_layernorm",
        {"adapter_layer_norm": "input", "num_adapter_layers": 3},
    ),
    "norms between the convolutions": (
        {k: v for i in range(3) for k, v in norm(f"{ADAPTOR}layernorms.{i}").items()},
        ADAPTOR + "layernorm",
        "July 2021 (adaptor with norms or another width)",
        {"adapter_layer_norm": "layers", "adapter_feed_forward": False},
    ),
    "another width": (
        {**convolutions(48, 64, 64, 64), **reads_width(64)},
        LAYER.format(0, "weight"),
        "July 2021 (adaptor with norms or another width)",
        {"output_hidden_size": 64, "num_adapter_layers": 3, "adapter_kernel_size": 3},
    ),
}


@pytest.mark.parametrize("kind", CARRIED)
def test_what_stock_adapters_lack_is_carried(variant, kind):
    tensors, shortcoming, generation, expected = CARRIED[kind]
    network = network_of(variant(tensors))
    assert network.refusals == ()
    assert network.generation == generation
    assert shortcoming in because(network.shortcomings)
    assert network.config["encoder.model_type"].value == "xm_transformer_encoder"
    assert network.config["encoder.add_adapter"].value is False
    assert network.config["decoder.model_type"].value == "xm_transformer_decoder"
    assert {key: encoder_of(network)[key].value for key in expected} == expected


@pytest.mark.parametrize("kernel", [1, 2, 4, 5, 8])
def test_a_kernel_that_stock_adapters_pad_wrongly_is_carried(variant, kernel):
    network = network_of(variant(convolutions(48, 48, 48, 48, kernel=kernel)))
    because_of = because(network.shortcomings)[ADAPTOR + "layers"]
    assert f"wrong for kernels of {kernel}" in because_of
    assert network.config["encoder.adapter_kernel_size"].value == kernel


@pytest.mark.parametrize(
    ("kernel", "reference", "expected", "evidence"),
    [
        (5, "masked", "masked", "--padding-reference"),
        (5, "unmasked", "unmasked", "--padding-reference"),
        (4, "masked", "alone", "fairseq cannot run padded batches with kernels of 4"),
        (4, "unmasked", "alone", "fairseq cannot run padded batches with kernels of 4"),
    ],
)
def test_padding_is_that_of_the_reference_where_it_has_any(
    variant, kernel, reference, expected, evidence
):
    checkpoint = variant(convolutions(48, 48, 48, 48, kernel=kernel))
    padding = network_of(checkpoint, padding_reference=reference).config["encoder.adapter_padding"]
    assert padding.value == expected
    assert padding.evidence.startswith(evidence)


def test_exact_padding_carries_code_for_a_network_that_stock_classes_express(prepared):
    network = network_of(prepared.checkpoint, exact_padding=True)
    assert because(network.shortcomings).keys() == {"--exact-padding"}
    assert network.config["encoder.adapter_padding"].value == "masked"
    plain = network_of(prepared.checkpoint, exact_padding=True, padding_reference="unmasked")
    assert plain.shortcomings == ()


def test_padded_batches_deviate_in_stock_folders_alone(variant, task_of):
    assert task_of().padding.unmasked == "encoder.adapter"
    assert task_of(padding_reference="unmasked").padding.unmasked is None
    assert task_of(exact_padding=True).padding.unmasked is None
    assert task_of(checkpoint=variant(V1)).padding.unmasked is None


def test_a_projection_to_another_width_without_an_adaptor_needs_no_code():
    model = {"adaptor_n_layers": 0, "encoder_proj": True, "decoder_embed_dim": 48}
    network = network_of(specimen(model))
    assert (network.shortcomings, network.refusals) == ((), ())
    assert network.config["encoder.model_type"].value == "wav2vec2"


def test_every_shortcoming_is_given_at_once(variant, gone):
    tensors = {**V1, **dict.fromkeys(norm("decoder.layernorm_embedding"), gone)}
    found = because(network_of(variant(tensors)).shortcomings)
    assert found.keys() == {ADAPTOR + "proj", "decoder.layernorm_embedding"}
    assert all(found.values())


def test_every_reason_for_a_refusal_is_given_at_once(variant):
    checkpoint = variant(
        {"decoder.project_in_dim.weight": torch.ones(4)},
        w2v={"layer_type": "mamba", "activation_fn": "swish"},
    )
    found = because(network_of(checkpoint).refusals)
    assert found.keys() == {"w2v_args.layer_type", "w2v_args.activation_fn", "decoder.project"}
    assert all(found.values())


def test_the_decoder_of_an_auxiliary_task_is_dropped_with_a_reason(variant, plan_of):
    checkpoint = variant({"target_unit_decoder.layers.0.weight": torch.ones(2)})
    dropped = because(plan_of(checkpoint).dropped)
    assert "auxiliary task" in dropped["target_unit_decoder.layers.0.weight"]


# The folder's configuration and code


def test_half_precision_is_kept_in_the_configuration(variant, golden_tensors, task_of):
    halves = {name: tensor.half() for name, tensor in golden_tensors.items()}
    assert task_of(checkpoint=variant(halves)).contents.config["dtype"] == "float16"


def test_a_stock_folder_refers_to_no_code(task_of):
    contents = task_of().contents
    assert contents.config["model_type"] == "speech-encoder-decoder"
    assert "auto_map" not in contents.config
    assert {MODELLING, STACK}.isdisjoint(contents.code.values())


def test_a_folder_with_code_has_a_type_of_its_own(variant, task_of):
    contents = task_of(checkpoint=variant(V1)).contents
    assert contents.config["model_type"] == "xm_transformer"
    assert contents.config["architectures"] == ["SpeechEncoderDecoderModel"]
    assert contents.config["auto_map"] == AUTO_MAP
    assert contents.code["modeling_xm_transformer.py"] == MODELLING
    assert contents.code["conformer_stack.py"] == STACK


def test_the_task_leaves_the_network_as_it_was(prepared, task_of):
    before = copy.deepcopy(values(encoder_of(prepared.network)))
    task_of()
    assert values(encoder_of(prepared.network)) == before


# Any network


MODELS = st.fixed_dictionaries(
    {
        "adaptor_n_layers": st.integers(0, 3),
        "adaptor_kernel_size": st.integers(1, 5),
        "adaptor_stride": st.integers(1, 3),
        "adaptor_proj": st.booleans(),
        "adaptor_layernorm": st.booleans(),
        "encoder_proj": st.booleans(),
        "decoder_layers": st.integers(1, 2),
        "decoder_embed_dim": st.sampled_from([16, 32, 48]),
        "decoder_ffn_embed_dim": st.sampled_from([8, 24]),
        "decoder_normalize_before": st.booleans(),
        "decoder_learned_pos": st.booleans(),
        "layernorm_embedding": st.booleans(),
        "no_token_positional_embeddings": st.booleans(),
        "no_scale_embedding": st.booleans(),
        "share_decoder_input_output_embed": st.booleans(),
        "max_target_positions": st.integers(8, 40),
    }
)
ENCODERS = st.fixed_dictionaries(
    {
        "extractor_mode": st.sampled_from(["default", "layer_norm"]),
        "conv_feature_layers": st.sampled_from(["[(32, 4, 3), (32, 2, 1)]", "[(8, 3, 2)]"]),
        "conv_bias": st.booleans(),
        "layer_norm_first": st.booleans(),
        "encoder_layers": st.integers(1, 2),
        "conv_pos": st.integers(3, 9),
        "pos_conv_depth": st.integers(1, 2),
    }
)


def plan_for(checkpoint):
    """The plan for a specimen, to the model that its own configuration describes."""
    network = network_of(checkpoint)
    carried = bool(network.shortcomings)
    config = {
        "architectures": ["SpeechEncoderDecoderModel"],
        "model_type": "xm_transformer" if carried else "speech-encoder-decoder",
        "encoder": values(encoder_of(network)),
        "decoder": values(decoder_of(network)),
        **({"auto_map": AUTO_MAP} if carried else {}),
    }
    return make_plan(network.table, checkpoint.tensors, target_specs(config))


@pytest.mark.parametrize("width", [16, 32, 48])
@pytest.mark.parametrize("learned", [True, False])
@pytest.mark.parametrize("layers", [0, 1])
@pytest.mark.parametrize("projects", [True, False])
def test_every_pair_of_widths_has_a_total_plan(width, learned, layers, projects):
    model = {
        "adaptor_n_layers": layers,
        "encoder_proj": projects,
        "decoder_embed_dim": width,
        "decoder_learned_pos": learned,
    }
    assert plan_for(specimen(model)).assignments


@given(model=MODELS, w2v=ENCODERS)
@settings(max_examples=15)
def test_a_network_that_fairseq_builds_has_a_total_plan(model, w2v):
    """Every tensor goes somewhere and every target is made, or `make_plan` raises."""
    checkpoint = specimen(model, w2v)
    network = network_of(checkpoint)
    assert (network.refusals, network.unknown, network.assumptions) == ((), (), ())
    carried = network.config["encoder.model_type"].value == "xm_transformer_encoder"
    assert carried == bool(network.shortcomings)
    assert carried == (network.config["decoder.model_type"].value == "xm_transformer_decoder")
    plan = plan_for(checkpoint)
    assert plan.targets.keys() == plan.assignments.keys() | {tie.target for tie in plan.ties}
