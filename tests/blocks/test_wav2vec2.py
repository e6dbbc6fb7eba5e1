import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.families.networks import (
    CONV,
    POS_CONV,
    TRUNK,
    because,
    encoder_of,
    facts_of,
    network_of,
    rows,
    specimen,
    values,
    without_w2v_args,
)
from tests.variants.arguments import W2V as SMALL
from toolkit.blocks.evidence import Facts
from toolkit.blocks.wav2vec2 import Wav2Vec2Block
from toolkit.blocks.wav2vec2.assumptions import MAX_HEADS
from toolkit.core.errors import BadInput
from toolkit.families.xm_transformer import ENCODER
from toolkit.mapping import Drop, Fill, Identity, Zeros

ASSUMED = {
    "num_attention_heads": 3,
    "hidden_act": "gelu",
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "do_stable_layer_norm": True,
}
"""What golden's tensors do not say."""


# What a checkpoint without the pretrained encoder's arguments leaves open


def lost_encoder(width, layers, *, convolutions=7, norm="layer", supplied=()):
    """The configuration of an encoder whose arguments were lost."""
    shapes = {f"{CONV}{i}.0.weight": (8, 8 if i else 1, 2) for i in range(convolutions)}
    shapes[f"{CONV}0.2.1.weight" if norm == "layer" else f"{CONV}0.2.weight"] = (8,)
    shapes[f"{TRUNK}encoder.layer_norm.weight"] = (width,)
    shapes |= {f"{TRUNK}encoder.layers.{i}.fc1.weight": (4 * width, width) for i in range(layers)}
    block = Wav2Vec2Block(place=ENCODER, checkpoint=facts_of(shapes))
    return block.config("wav2vec2", supplied)


@pytest.mark.parametrize(
    ("width", "layers", "heads", "evidence"),
    [
        (768, 12, 12, "published encoders of 12 layers and width 768 have 12 heads"),
        (1024, 24, 16, "published encoders of 24 layers and width 1024 have 16 heads"),
        (1280, 48, 16, "published encoders of 48 layers and width 1280 have 16 heads"),
        (1920, 48, 16, "published encoders of 48 layers and width 1920 have 16 heads"),
        (1280, 24, 20, "heads are usually 64 wide"),
        (512, 6, 8, "heads are usually 64 wide"),
        (48, 3, 1, "heads are usually 64 wide"),
    ],
)
def test_heads_are_assumed_by_what_was_published(width, layers, heads, evidence):
    derived = lost_encoder(width, layers)["num_attention_heads"]
    assert (derived.value, derived.evidence) == (heads, evidence)
    assert derived.value in derived.candidates


@given(width=st.integers(1, 5000), layers=st.integers(1, 3))
@settings(max_examples=50)
def test_assumed_heads_always_divide_the_width(width, layers):
    derived = lost_encoder(width, layers)["num_attention_heads"]
    assert width % derived.value == 0
    assert derived.value in derived.candidates
    assert all(width % heads == 0 for heads in derived.candidates)
    if width % 64 == 0 and width <= 64 * MAX_HEADS:
        assert derived.value == width // 64


@pytest.mark.parametrize("convolutions", [1, 3, 6, 8])
def test_strides_of_another_number_of_convolutions_are_unknown(convolutions):
    derived = lost_encoder(64, 1, convolutions=convolutions)["conv_stride"]
    assert derived.evidence == "w2v_args.conv_feature_layers"
    assert derived.candidates == ()
    assert not isinstance(derived.value, list)


def test_strides_of_seven_convolutions_are_assumed():
    derived = lost_encoder(64, 1)["conv_stride"]
    assert derived.value == [5, 2, 2, 2, 2, 2, 2]
    assert derived.candidates == ([5, 2, 2, 2, 2, 2, 2],)
    assert derived.evidence.startswith("every published extractor of seven convolutions")


@pytest.mark.parametrize(("norm", "before"), [("layer", True), ("group", False)])
def test_the_order_of_norms_is_assumed_from_the_extractors(norm, before):
    derived = lost_encoder(64, 1, norm=norm)["do_stable_layer_norm"]
    assert (derived.value, derived.candidates) == (before, (True, False))
    assert f"with {norm} norm" in derived.evidence


@pytest.mark.parametrize("argument", ["w2v_args is None", "w2v_args is absent"])
def test_a_checkpoint_without_the_pretrained_arguments_has_assumptions(variant, gone, argument):
    value = gone if argument.endswith("absent") else None
    network = network_of(variant(model={"w2v_args": value}))
    assert because(network.assumptions).keys() == {f"encoder.{key}" for key in ASSUMED}
    assert (network.unknown, network.refusals, network.shortcomings) == ((), (), ())


@pytest.mark.parametrize("key", ASSUMED)
def test_a_supplied_value_clears_its_assumption(variant, key):
    checkpoint = variant(model={"w2v_args": None})
    network = network_of(checkpoint, overrides={"encoder": {key: ASSUMED[key]}})
    remaining = {f"encoder.{other}" for other in ASSUMED if other != key}
    assert because(network.assumptions).keys() == remaining
    assert network.config[f"encoder.{key}"].value == ASSUMED[key]
    assert network.config[f"encoder.{key}"].evidence == "--encoder-config"


def test_assumptions_are_said_of_the_task(variant, task_of):
    task = task_of(checkpoint=variant(model={"w2v_args": None}))
    assert {f"encoder.{key}" for key in ASSUMED} <= because(task.assumptions).keys()


def test_supplied_strides_are_known_for_any_number_of_convolutions():
    assert "conv_stride" not in lost_encoder(64, 1, convolutions=3, supplied=["conv_stride"])


# fairseq's arguments back from the configuration


def block_of(checkpoint):
    return Wav2Vec2Block(place=ENCODER, checkpoint=Facts(checkpoint.tensors))


ENCODERS = st.fixed_dictionaries(
    {
        "extractor_mode": st.sampled_from(["default", "layer_norm"]),
        "conv_feature_layers": st.sampled_from(
            ["[(16, 10, 5)] + [(8, 3, 2)] * 2", "[(32, 4, 3), (32, 2, 1)]", "[(8, 3, 2)]"]
        ),
        "conv_bias": st.booleans(),
        "layer_norm_first": st.booleans(),
        "encoder_layers": st.integers(1, 3),
        "encoder_attention_heads": st.sampled_from([1, 2, 4]),
        "encoder_embed_dim": st.sampled_from([16, 32]),
        "encoder_ffn_embed_dim": st.sampled_from([8, 24]),
        "activation_fn": st.sampled_from(["gelu", "gelu_accurate", "gelu_fast", "relu", "tanh"]),
        "conv_pos": st.integers(3, 20),
        "conv_pos_groups": st.sampled_from([1, 2, 8]),
        "pos_conv_depth": st.integers(1, 3),
    }
)


@given(w2v=ENCODERS)
@settings(max_examples=12)
def test_fairseq_builds_the_same_encoder_from_the_arguments_that_are_read_off(w2v):
    model = {"encoder_embed_dim": w2v["encoder_embed_dim"]}
    checkpoint = specimen(model, w2v)
    encoder = encoder_of(network_of(checkpoint))
    arguments = block_of(checkpoint).reference_arguments(encoder, normalize=True)
    again = specimen(model, {**arguments, "final_dim": 8, "latent_vars": 4, "latent_groups": 2})
    assert again.tensors == checkpoint.tensors
    assert str(again.built) == str(checkpoint.built)
    regularized = {"hidden_dropout", "attention_dropout", "activation_dropout", "layerdrop"}
    assert values(encoder_of(network_of(again))).keys() > regularized
    assert values(encoder_of(network_of(again))) == values(encoder)


def test_fairseq_computes_the_same_with_the_arguments_that_are_read_off():
    checkpoint = specimen()
    lost = without_w2v_args(checkpoint)
    heads = {"num_attention_heads": SMALL["encoder_attention_heads"]}
    encoder = encoder_of(network_of(lost, overrides={"encoder": heads}))
    arguments = block_of(lost).reference_arguments(encoder, normalize=True)
    assert "final_dim" not in arguments
    again = specimen(w2v_args=arguments).built.eval()
    again.load_state_dict(checkpoint.built.eval().state_dict())
    waveform, lengths = torch.randn(1, 4000), torch.tensor([4000])
    with torch.no_grad():
        expected, actual = (
            model.encoder(waveform, lengths)["encoder_out"][0]
            for model in (checkpoint.built, again)
        )
    assert actual.equal(expected)


def test_the_reference_keeps_arguments_that_the_checkpoint_has(prepared, task_of):
    own = prepared.checkpoint.settings["cfg"]["model"]["w2v_args"]
    assert task_of().reference_settings["w2v_args"] == own


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("conv_stride", [1]),
        ("conv_stride", 3),
        ("hidden_act", "silu"),
        ("hidden_act", ["gelu"]),
        ("num_conv_pos_embeddings", None),
    ],
)
def test_a_supplied_value_that_fairseq_cannot_have_is_refused_by_name(variant, task_of, key, value):
    checkpoint = variant(model={"w2v_args": None})
    with pytest.raises(BadInput, match=rf"`{key}` .*--encoder-config"):
        task_of(checkpoint=checkpoint, overrides={"encoder": {key: value}})


# Values


def test_the_pretraining_arguments_outweigh_the_fine_tuning_ones(variant, gone):
    checkpoint = variant(model={"dropout": 0.3, "mask_prob": 0.2}, w2v={"dropout": 0.1})
    encoder = encoder_of(network_of(checkpoint))
    assert (encoder["hidden_dropout"].value, encoder["mask_time_prob"].value) == (0.1, 0.2)
    assert encoder_of(network_of(variant(model={"dropout": 0.3}, w2v={"dropout": gone})))[
        "hidden_dropout"
    ].value == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gelu", "gelu"),
        ("gelu_accurate", "gelu_new"),
        ("gelu_fast", "gelu_new"),
        ("relu", "relu"),
        ("relu_squared", "relu2"),
        ("tanh", "tanh"),
        ("linear", "linear"),
    ],
)
def test_activations_take_their_names_in_transformers(variant, name, expected):
    network = network_of(variant(model={"activation_fn": name}, w2v={"activation_fn": name}))
    assert network.config["encoder.hidden_act"].value == expected
    assert network.config["decoder.activation_function"].value == expected
    assert network.refusals == ()


@pytest.mark.parametrize(
    ("fairseqs", "name"),
    [
        ("gelu_accurate", "gelu_new"),
        ("gelu", "gelu"),
        ("relu_squared", "relu2"),
        ("linear", "linear"),
    ],
)
def test_an_activation_computes_what_its_namesake_does(fairseqs, name):
    from fairseq.utils import get_activation_fn
    from transformers.activations import ACT2FN

    x = torch.linspace(-6, 6, 500)
    expected = get_activation_fn(fairseqs)(x)
    torch.testing.assert_close(ACT2FN[name](x), expected, rtol=0, atol=1e-6)


# Variants of the network, each with its plan


def test_equal_widths_without_a_projection_are_filled_with_the_identity(
    variant, golden_tensors, gone, plan_of
):
    wide = {}
    for i in range(7):
        inputs, kernel = (1 if i == 0 else 48), golden_tensors[f"{CONV}{i}.0.weight"].shape[2]
        wide[f"{CONV}{i}.0.weight"] = torch.randn(48, inputs, kernel)
        wide.update(
            {f"{CONV}{i}.{n}": torch.ones(48) for n in ("0.bias", "2.1.weight", "2.1.bias")}
        )
    wide.update({f"{TRUNK}layer_norm.{n}": torch.ones(48) for n in ("weight", "bias")})
    wide.update({f"{TRUNK}post_extract_proj.{n}": gone for n in ("weight", "bias")})
    checkpoint = variant(wide, w2v={"conv_feature_layers": "[(48,10,5)]+[(48,3,2)]*4+[(48,2,2)]*2"})
    fills = {row.target.rpartition(".")[2]: row for row in rows(network_of(checkpoint), Fill)}
    assert (fills["weight"].values, fills["bias"].values) == (Identity(), Zeros())
    assert all("post_extract_proj" in row.because for row in fills.values())
    plan = plan_of(checkpoint)
    projection = plan.assignments["encoder.feature_projection.projection.weight"]
    assert (projection.source, projection.op) == (None, Identity())


def test_a_projection_is_mapped_and_nothing_filled(prepared):
    assert rows(prepared.network, Fill) == []


def test_a_group_norm_extractor_has_one_norm(variant, gone, plan_of):
    tensors = {f"{CONV}{i}.2.1.{n}": gone for i in range(7) for n in ("weight", "bias")}
    tensors.update({f"{CONV}0.2.{n}": torch.ones(32) for n in ("weight", "bias")})
    tensors.update({f"{CONV}{i}.0.bias": gone for i in range(7)})
    checkpoint = variant(tensors, w2v={"extractor_mode": "default"})
    network = network_of(checkpoint)
    assert network.config["encoder.feat_extract_norm"].value == "group"
    assert network.config["encoder.conv_bias"].value is False
    plan = plan_of(checkpoint)
    norm = "encoder.feature_extractor.conv_layers.0.layer_norm.weight"
    assert plan.assignments[norm].source == f"{CONV}0.2.weight"


def test_a_removed_weight_norm_is_split_again(variant, gone, plan_of, golden_tensors):
    v = golden_tensors[POS_CONV + "0.weight_v"]
    checkpoint = variant(
        {POS_CONV + "0.weight_g": gone, POS_CONV + "0.weight_v": gone, POS_CONV + "0.weight": v}
    )
    encoder = encoder_of(network_of(checkpoint))
    assert encoder["num_conv_pos_embeddings"].value == 16
    assert encoder["num_conv_pos_embedding_groups"].value == 4
    plan = plan_of(checkpoint)
    split = [a.output for a in plan.assignments.values() if a.source == POS_CONV + "0.weight"]
    assert split == [0, 1]


def stacked(golden_tensors, gone, depth, kernel):
    names = (f"{POS_CONV}0.{n}" for n in ("bias", "weight_g", "weight_v"))
    tensors = dict.fromkeys(names, gone)
    width = golden_tensors[f"{TRUNK}encoder.layer_norm.weight"].shape[0]
    for i in range(depth):
        tensors[f"{POS_CONV}{i}.0.weight"] = torch.randn(width, width // 4, kernel)
        tensors[f"{POS_CONV}{i}.0.bias"] = torch.randn(width)
    return tensors


@pytest.mark.parametrize(("depth", "kernel"), [(2, 8), (5, 3)])
def test_several_positional_convolutions_are_carried(
    variant, gone, golden_tensors, plan_of, depth, kernel
):
    checkpoint = variant(stacked(golden_tensors, gone, depth, kernel))
    network = network_of(checkpoint)
    assert because(network.shortcomings).keys() == {"w2v_args.pos_conv_depth"}
    assert network.config["encoder.model_type"].value == "xm_transformer_encoder"
    assert network.config["encoder.pos_conv_depth"].value == depth
    assert network.config["encoder.num_conv_pos_embeddings"].value == kernel
    assert network.config["encoder.num_conv_pos_embedding_groups"].value == 4
    last = plan_of(checkpoint).assignments[
        f"encoder.encoder.pos_conv_embed.layers.{depth - 1}.weight"
    ]
    assert last.source == f"{POS_CONV}{depth - 1}.0.weight"


@pytest.mark.parametrize("key", ["mask_prob", "mask_channel_prob"])
def test_a_mask_embedding_is_kept_where_any_masking_is(variant, plan_of, key):
    checkpoint = variant(model={"mask_prob": 0.0, "mask_channel_prob": 0.0, key: 0.1})
    assert plan_of(checkpoint).assignments["encoder.masked_spec_embed"].source == TRUNK + "mask_emb"


def test_a_mask_embedding_is_dropped_where_no_masking_is(variant, plan_of):
    plan = plan_of(variant(model={"mask_prob": 0.0, "mask_channel_prob": 0.0}))
    assert "encoder.masked_spec_embed" not in plan.targets
    dropped = because(plan.dropped)
    assert "masks none" in dropped[TRUNK + "mask_emb"]


def test_what_only_pretraining_needs_is_dropped_with_a_reason(variant, plan_of):
    names = [
        "quantizer.vars",
        "quantizer.weight_proj.weight",
        "quantizer.weight_proj.bias",
        "project_q.weight",
        "project_q.bias",
        "final_proj.weight",
        "final_proj.bias",
        "target_glu.0.weight",
        "target_glu.0.bias",
    ]
    checkpoint = variant({TRUNK + name: torch.ones(2) for name in names})
    dropped = because(plan_of(checkpoint).dropped)
    assert dropped.keys() == {"decoder.version", *(TRUNK + name for name in names)}
    assert all("pretraining only" in dropped[TRUNK + name] for name in names)
    assert len(rows(network_of(checkpoint), Drop)) == 5


# What stays refused


def test_layers_of_an_unknown_kind_are_refused(variant):
    refusals = because(network_of(variant(w2v={"layer_type": "mamba"})).refusals)
    assert refusals.keys() == {"w2v_args.layer_type"}
    assert "`mamba`" in refusals["w2v_args.layer_type"]


@pytest.mark.parametrize("name", ["swish", "gelu_of_my_own"])
def test_an_activation_without_an_equal_is_refused(variant, name):
    assert because(network_of(variant(w2v={"activation_fn": name})).refusals).keys() == {
        "w2v_args.activation_fn"
    }
