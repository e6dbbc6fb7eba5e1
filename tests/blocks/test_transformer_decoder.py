from dataclasses import replace

import pytest
import torch

from tests.families.networks import because, decoder_of, facts_of, network_of, specimen
from toolkit.blocks.evidence import Facts
from toolkit.blocks.transformer_decoder import Habits, TransformerDecoderBlock
from toolkit.families.xm_transformer import DECODER

NORM = ("decoder.layer_norm.weight", "decoder.layer_norm.bias")
EMBEDDING_NORM = ("decoder.layernorm_embedding.weight", "decoder.layernorm_embedding.bias")
POSITIONS = ("decoder.embed_positions.weight",)
READS = "decoder.layers.{}.encoder_attn.{}.weight"
CROSS = "decoder.layers.0.encoder_attn.k_proj"


def reads_width(width):
    """Tensors of a decoder that attends to states of another width."""
    names = (READS.format(layer, name) for layer in range(3) for name in ("k_proj", "v_proj"))
    return {name: torch.randn(48, width) for name in names}


@pytest.fixture
def changed(variant, gone):
    """The network of the golden checkpoint with a decoder that differs."""

    def make(*, without=(), tensors=None, **model):
        changes = {**dict.fromkeys(without, gone), **(tensors or {})}
        return network_of(variant(changes, model=model))

    return make


# Which class


@pytest.mark.parametrize(
    ("before", "without", "kind", "short_of"),
    [
        (True, (), "mbart", ()),
        (False, NORM, "bart", ()),
        (False, (*NORM, *EMBEDDING_NORM), "trocr", ()),
        (True, (*EMBEDDING_NORM, *POSITIONS), "xglm", ()),
        (True, EMBEDDING_NORM, "xm_transformer_decoder", ("decoder.layernorm_embedding",)),
        (True, NORM, "xm_transformer_decoder", ("decoder.layer_norm",)),
        (True, POSITIONS, "xm_transformer_decoder", ("decoder.embed_positions",)),
        (False, (*NORM, *POSITIONS), "xm_transformer_decoder", ("decoder.embed_positions",)),
        (
            True,
            (*NORM, *EMBEDDING_NORM, *POSITIONS),
            "xm_transformer_decoder",
            ("decoder.embed_positions", "decoder.layernorm_embedding", "decoder.layer_norm"),
        ),
    ],
)
def test_the_class_is_the_stock_one_that_computes_the_same(
    changed, before, without, kind, short_of
):
    network = changed(without=without, decoder_normalize_before=before)
    assert network.config["decoder.model_type"].value == kind
    assert tuple(because(network.shortcomings)) == short_of
    assert network.refusals == ()


@pytest.mark.parametrize(
    ("before", "without", "kind"),
    [(True, (), "xm_transformer_decoder"), (False, NORM, "trocr")],
)
def test_a_decoder_that_reads_states_of_another_width_says_which(changed, before, without, kind):
    network = changed(without=without, tensors=reads_width(32), decoder_normalize_before=before)
    assert network.config["decoder.model_type"].value == kind
    assert network.config["decoder.cross_attention_hidden_size"].value == 32
    assert set(because(network.shortcomings)) == ({CROSS} if before else set())
    if before:
        assert "states of its own width, this one of 32" in because(network.shortcomings)[CROSS]


# Keys


@pytest.mark.parametrize(
    ("before", "without", "expected"),
    [
        (True, NORM, {"normalize_before": True, "final_layer_norm": False}),
        (True, EMBEDDING_NORM, {"layernorm_embedding": False, "final_layer_norm": True}),
        (True, POSITIONS, {"position_embeddings": "sinusoidal", "layernorm_embedding": True}),
        (False, (*NORM, *POSITIONS), {"normalize_before": False, "final_layer_norm": False}),
        (True, EMBEDDING_NORM, {"position_embeddings": "learned"}),
    ],
)
def test_a_carried_decoder_is_told_what_it_has(changed, before, without, expected):
    decoder = decoder_of(changed(without=without, decoder_normalize_before=before))
    assert {key: decoder[key].value for key in expected} == expected
    assert decoder["cross_attention_hidden_size"].value is None
    assert {"encoder_layers", "forced_eos_token_id"} <= decoder.keys()


def test_an_xglm_decoder_has_keys_of_its_own_for_what_others_have(changed):
    network = changed(without=(*EMBEDDING_NORM, *POSITIONS), no_scale_embedding=True)
    decoder = decoder_of(network)
    mbart = decoder_of(changed(no_scale_embedding=True))
    for own, name in (
        ("num_layers", "decoder_layers"),
        ("ffn_dim", "decoder_ffn_dim"),
        ("attention_heads", "decoder_attention_heads"),
        ("layerdrop", "decoder_layerdrop"),
    ):
        assert decoder[own].value == mbart[name].value
        assert name not in decoder
    assert decoder["scale_embedding"].value is False
    assert not {"encoder_layers", "forced_eos_token_id", "normalize_before"} & decoder.keys()
    assert network.head_widths["decoder.model.layers."] == 16


def test_an_xglm_that_lacks_its_last_norm_or_attends_elsewhere_is_carried(changed):
    bare = (*EMBEDDING_NORM, *POSITIONS)
    for differs in ({"without": (*bare, *NORM)}, {"without": bare, "tensors": reads_width(32)}):
        network = changed(**differs)
        assert network.config["decoder.model_type"].value == "xm_transformer_decoder"
        assert network.shortcomings


def test_a_trocr_decoder_has_keys_of_its_own(changed):
    decoder = decoder_of(
        changed(
            without=(*NORM, *EMBEDDING_NORM),
            decoder_normalize_before=False,
            no_scale_embedding=True,
        )
    )
    assert decoder["use_learned_position_embeddings"].value is True
    assert decoder["layernorm_embedding"].value is False
    assert decoder["scale_embedding"].value is False
    assert not {"encoder_layers", "forced_eos_token_id", "normalize_before"} & decoder.keys()


def test_a_stock_decoder_has_no_key_of_the_carried_one(prepared):
    carried = {"normalize_before", "final_layer_norm", "position_embeddings"}
    assert not carried & decoder_of(prepared.network).keys()


@pytest.mark.parametrize(("none", "expected"), [(True, "none"), (False, "sinusoidal")])
def test_positions_without_a_tensor_are_computed_unless_there_are_none(changed, none, expected):
    network = changed(without=POSITIONS, no_token_positional_embeddings=none)
    assert network.config["decoder.position_embeddings"].value == expected
    assert (
        network.config["decoder.position_embeddings"].evidence
        == "args.no_token_positional_embeddings"
    )


def test_positions_without_a_tensor_are_as_many_as_the_argument_says(changed, gone):
    positions = decoder_of(changed(without=POSITIONS, max_target_positions=77))
    assert positions["max_position_embeddings"].value == 77
    absent = decoder_of(changed(without=POSITIONS, max_target_positions=gone))
    assert absent["max_position_embeddings"].value == 1024


def test_a_shape_outweighs_the_argument(changed):
    decoder = decoder_of(changed(max_target_positions=77))
    assert decoder["max_position_embeddings"].value == 1024
    assert decoder["max_position_embeddings"].evidence == "shape of decoder.embed_positions.weight"


def test_an_absent_argument_takes_fairseqs_default_and_says_so(changed, gone):
    decoder = decoder_of(changed(no_scale_embedding=gone))
    assert decoder["scale_embedding"].value is True
    assert decoder["scale_embedding"].evidence == (
        "fairseq's default, as args.no_scale_embedding is absent"
    )


@pytest.mark.parametrize(("without", "before"), [((), True), (NORM, False)])
def test_without_an_argument_the_last_norm_tells_the_order(changed, gone, without, before):
    network = changed(without=without, decoder_normalize_before=gone)
    assert network.config["decoder.model_type"].value == ("mbart" if before else "bart")
    assert network.refusals == ()


def test_a_supplied_value_outweighs_the_checkpoints(prepared):
    network = network_of(prepared.checkpoint, overrides={"decoder": {"decoder_attention_heads": 4}})
    assert network.config["decoder.decoder_attention_heads"].value == 4
    assert network.config["decoder.decoder_attention_heads"].evidence == "--decoder-config"


# Tensors


def test_an_untied_output_is_mapped_by_a_rule(variant, golden_tensors, plan_of):
    own = golden_tensors["decoder.output_projection.weight"] + 1
    checkpoint = variant(
        {"decoder.output_projection.weight": own},
        model={"share_decoder_input_output_embed": False},
    )
    plan = plan_of(checkpoint)
    assert plan.ties == ()
    head = plan.assignments["decoder.lm_head.weight"]
    assert head.source == "decoder.output_projection.weight"


def test_a_tied_output_is_declared_and_never_written_twice(prepared, variant, gone, plan_of):
    assert [tie.target for tie in prepared.plan.ties] == ["decoder.lm_head.weight"]
    assert "decoder.lm_head.weight" not in prepared.plan.assignments
    without_twin = plan_of(variant({"decoder.output_projection.weight": gone}))
    assert without_twin.ties == prepared.plan.ties


def test_the_output_of_a_trocr_decoder_has_another_name(variant, gone, plan_of):
    tensors = dict.fromkeys((*NORM, *EMBEDDING_NORM), gone)
    plan = plan_of(variant(tensors, model={"decoder_normalize_before": False}))
    assert [tie.target for tie in plan.ties] == ["decoder.output_projection.weight"]


@pytest.mark.parametrize("before", [True, False])
def test_computed_positions_have_no_tensor(variant, gone, plan_of, before):
    tensors = dict.fromkeys(POSITIONS if before else (*POSITIONS, *NORM), gone)
    tensors["decoder.embed_positions._float_tensor"] = torch.ones(1)
    plan = plan_of(variant(tensors, model={"decoder_normalize_before": before}))
    assert not any("embed_positions" in name for name in plan.targets)
    assert "decoder.embed_positions._float_tensor" in because(plan.dropped)


@pytest.mark.parametrize("before", [True, False])
def test_a_decoder_that_reads_another_width_has_all_its_tensors(plan_of, before):
    model = {"decoder_embed_dim": 48, "decoder_normalize_before": before}
    plan = plan_of(specimen(model))
    name = "decoder.model.decoder.layers.1.encoder_attn.v_proj.weight"
    assert plan.targets[name].shape == (48, 32)
    assert plan.assignments[name].source == READS.format(1, "v_proj")


def test_the_width_is_that_of_the_embeddings():
    facts = facts_of({"decoder.embed_tokens.weight": (189, 40)})
    block = TransformerDecoderBlock(place=DECODER, checkpoint=facts)
    assert block.is_present
    assert block.width == 40
    assert not TransformerDecoderBlock(place=DECODER, checkpoint=facts_of({})).is_present


# What stays refused


@pytest.mark.parametrize("name", ["swish", "gelu_of_my_own"])
def test_an_activation_without_an_equal_is_refused(changed, name):
    assert because(changed(activation_fn=name).refusals).keys() == {"args.activation_fn"}


@pytest.mark.parametrize(
    ("tensor", "refusal"),
    [
        ("decoder.project_in_dim.weight", "decoder.project"),
        ("decoder.project_out_dim.weight", "decoder.project"),
        ("decoder.adaptive_softmax.head.weight", "decoder.adaptive_softmax"),
    ],
)
def test_a_tensor_that_no_class_has_is_refused(changed, tensor, refusal):
    assert because(changed(tensors={tensor: torch.ones(48)}).refusals).keys() == {refusal}


def test_arguments_of_another_model_are_refused(changed):
    """fairseq gives a decoder that normalizes after each block no last norm."""
    refusals = because(changed(decoder_normalize_before=False).refusals)
    assert refusals.keys() == {"args.decoder_normalize_before"}
    assert "another model's" in refusals["args.decoder_normalize_before"]


# Habits


LETTERS = Habits(output="embed_out", heads=4, positions=2048, tables_positions=True)


def of_letters(dtype="float32", tensors=(), **model):
    """A decoder without a tensor of positions, whose output layer is named otherwise."""
    shapes = {"decoder.embed_tokens.weight": (30, 16), f"{CROSS}.weight": (16, 16), **dict(tensors)}
    specs = {name: replace(spec, dtype=dtype) for name, spec in facts_of(shapes).tensors.items()}
    return TransformerDecoderBlock(
        place=DECODER,
        checkpoint=Facts(specs),
        model={"decoder_normalize_before": False, **model},
        carried="carried",
        habits=LETTERS,
    )


@pytest.mark.parametrize(
    ("dtype", "none", "tabled"),
    [
        ("float32", False, True),
        ("float16", False, False),
        ("bfloat16", False, False),
        ("float16", True, True),
    ],
)
def test_computed_positions_become_a_table_where_no_rounding_changes_it(dtype, none, tabled):
    decoder = of_letters(dtype, no_token_positional_embeddings=none)
    assert decoder.tables_positions is tabled
    assert ("decoder.embed_positions" in because(decoder.shortcomings())) is not tabled


@pytest.mark.parametrize("tensors", [{}, {"decoder.embed_out": (30, 16)}])
def test_an_output_layer_that_is_not_there_is_tied(tensors):
    tied = of_letters(tensors=tensors).is_tied
    assert tied.value is not bool(tensors)
    assert tied.evidence != "args.share_decoder_input_output_embed"


def test_an_argument_says_that_the_output_is_tied():
    tied = of_letters(share_decoder_input_output_embed=True).is_tied
    assert (tied.value, tied.evidence) == (True, "args.share_decoder_input_output_embed")
