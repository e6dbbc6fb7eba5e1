"""The conformer of filter banks: what shapes and names say of it."""

from __future__ import annotations

import pytest

from toolkit.blocks.evidence import Facts
from toolkit.blocks.filter_bank_conformer import FilterBankConformerBlock
from toolkit.blocks.place import Place
from toolkit.core.json import JsonObject
from toolkit.core.spec import TensorSpec

LAYER = "conformer_layers.0."
SHAPES = {
    "subsample.conv_layers.0.weight": (24, 80, 5),
    "subsample.conv_layers.1.weight": (32, 12, 3),
    f"{LAYER}ffn1.w_1.weight": (48, 16),
    f"{LAYER}conv_module.depthwise_conv.weight": (16, 1, 7),
    f"{LAYER}self_attn.q_proj.weight": (16, 16),
}
RELATIVE = {
    f"{LAYER}self_attn.q_proj.weight": None,
    f"{LAYER}self_attn.linear_q.weight": (16, 16),
    f"{LAYER}self_attn.pos_bias_u": (2, 8),
}
ROTARY = {
    f"{LAYER}self_attn.q_proj.weight": None,
    f"{LAYER}self_attn.linear_q.weight": (16, 16),
    f"{LAYER}self_attn.rotary_emb.inv_freq": (4,),
    "conformer_layers.1.self_attn.rotary_emb.inv_freq": (4,),
}


def block(
    changed: dict[str, tuple[int, ...] | None] | None = None, model: JsonObject | None = None
) -> FilterBankConformerBlock:
    shapes = {**SHAPES, **(changed or {})}
    specs = {
        f"enc.{name}": TensorSpec(name=f"enc.{name}", dtype="float32", shape=shape)
        for name, shape in shapes.items()
        if shape is not None
    }
    place = Place(source="enc.", target="encoder.", part="encoder")
    return FilterBankConformerBlock(place=place, checkpoint=Facts(specs), model=model or {})


@pytest.mark.parametrize(
    ("changed", "model", "positions", "heads"),
    [
        ({}, {}, "sinusoidal", 4),
        ({}, {"pos_enc_type": "abs", "encoder_attention_heads": 8}, "sinusoidal", 8),
        ({}, {"pos_enc_type": "rope"}, None, 4),
        (RELATIVE, {"encoder_attention_heads": 8}, "relative", 2),
        (ROTARY, {"encoder_attention_heads": 8}, "rotary", 2),
    ],
)
def test_tensors_tell_positions_and_heads_where_there_are_any(
    changed, model, positions, heads
) -> None:
    said = block(changed, model).config_alone("own")
    assert said["position_embeddings_type"].value == positions
    assert said["encoder_attention_heads"].value == heads
    assert (said["layer_type"].value, said["conv_depthwise_kernel_size"].value) == ("conformer", 7)
    assert said["model_type"].value == "own"


@pytest.mark.parametrize(
    ("changed", "model", "arguments"),
    [
        ({}, {}, ("", "abs")),
        ({}, {"pos_enc_type": "rope"}, ("", "rope")),
        (RELATIVE, {}, ("espnet", "rel_pos")),
        (ROTARY, {}, ("espnet", "rope")),
    ],
)
def test_fairseq_is_told_what_tensors_tell(changed, model, arguments) -> None:
    said = block(changed, model).reference_arguments()
    assert (said["attn_type"], said["pos_enc_type"]) == arguments
    assert (said["conv_kernel_sizes"], said["depthwise_conv_kernel_size"]) == ("5,3", 7)


def test_layers_give_fairseqs_frequencies_once() -> None:
    found = block(ROTARY)
    rows = {str(row) for row in found.rows()}
    assert any("layers.0.self_attn.rotary_emb.inv_freq -> encoder.embed_pos" in row for row in rows)
    assert any("layers.1.self_attn.rotary_emb.inv_freq -> dropped" in row for row in rows)
    assert found.unpaired == ("encoder.embed_positions.inv_freq",)
    assert block().unpaired == ()


def test_all_of_training_drops_the_same() -> None:
    dropped = block(model={"dropout": 0.2, "attention_dropout": 0.3}).dropouts()
    assert {name: value.value for name, value in dropped.items()} == dict.fromkeys(
        ("dropout", "attention_dropout", "activation_dropout"), 0.2
    )


@pytest.mark.parametrize(
    ("changed", "model", "names"),
    [
        ({}, {}, []),
        (RELATIVE, {"pos_enc_type": "rel_pos"}, []),
        ({}, {"pos_enc_type": "rel_pos"}, ["args.pos_enc_type"]),
        (
            {"subsample.conv_layers.1.weight": (32, 12, 4)},
            {},
            ["enc.subsample.conv_layers.1.weight"],
        ),
        ({"conformer_layers.2.ffn1.w_1.weight": (48, 16)}, {}, ["enc.conformer_layers"]),
    ],
)
def test_what_fairseq_cannot_run_is_refused_by_name(changed, model, names) -> None:
    assert [reason.name for reason in block(changed, model).refusals()] == names


def test_no_stock_class_has_it() -> None:
    assert [lack.name for lack in block().lacks()] == ["enc.conformer_layers"]
    assert block().is_present
    assert not block({name: None for name in SHAPES if "conformer" in name}).is_present
