"""The encoder of filter banks: what shapes and names say of it."""

from __future__ import annotations

import pytest

from toolkit.blocks.evidence import Facts
from toolkit.blocks.filter_bank_encoder import FilterBankEncoderBlock
from toolkit.blocks.place import Place
from toolkit.core.json import JsonObject
from toolkit.core.spec import TensorSpec

SHAPES = {
    "subsample.conv_layers.0.weight": (24, 80, 5),
    "subsample.conv_layers.1.weight": (32, 12, 3),
    "transformer_layers.0.fc1.weight": (48, 16),
    "transformer_layers.1.fc1.weight": (48, 16),
    "layer_norm.weight": (16,),
}
BEHIND: dict[str, tuple[int, ...] | None] = {"layer_norm.weight": None}
"""Norms behind each block."""


def block(
    changed: dict[str, tuple[int, ...] | None] | None = None, model: JsonObject | None = None
) -> FilterBankEncoderBlock:
    shapes = {**SHAPES, **(changed or {})}
    specs = {
        f"enc.{name}": TensorSpec(name=f"enc.{name}", dtype="float32", shape=shape)
        for name, shape in shapes.items()
        if shape is not None
    }
    place = Place(source="enc.", target="model.encoder.")
    return FilterBankEncoderBlock(place=place, checkpoint=Facts(specs), model=model or {})


def values(found: FilterBankEncoderBlock) -> dict[str, object]:
    return {key: derived.value for key, derived in found.config().items()}


def test_shapes_say_what_arguments_need_not() -> None:
    said = values(block(model={"encoder_attention_heads": 4}))
    assert said == {
        "input_feat_per_channel": 80,
        "input_channels": 1,
        "num_conv_layers": 2,
        "conv_kernel_sizes": [5, 3],
        "conv_channels": 24,
        "encoder_layers": 2,
        "encoder_ffn_dim": 48,
        "encoder_attention_heads": 4,
        "max_source_positions": 6000,
        "encoder_layerdrop": 0.0,
    }


def test_a_single_convolution_has_no_channels_between() -> None:
    changed = {
        "subsample.conv_layers.1.weight": None,
        "subsample.conv_layers.0.weight": (32, 80, 5),
    }
    found = block(changed, {"conv_channels": 7})
    assert (values(found)["conv_channels"], found.width) == (7, 16)
    assert found.last_convolution == "model.encoder.conv.conv_layers.0"


def test_heads_have_a_width_where_their_number_is_known() -> None:
    assert block().head_widths(4) == {"model.encoder.layers.": 4}
    assert block().head_widths("four") == {}


@pytest.mark.parametrize(
    ("changed", "model", "name"),
    [
        (BEHIND, {"encoder_normalize_before": True}, "args.encoder_normalize_before"),
        ({}, {"encoder_normalize_before": False}, "args.encoder_normalize_before"),
        ({}, {"activation_fn": "swish"}, "args.activation_fn"),
        ({"subsample.conv_layers.0.weight": (24, 40, 5)}, {}, "enc.subsample.conv_layers.0.weight"),
        ({"subsample.conv_layers.1.weight": (32, 12, 4)}, {}, "enc.subsample.conv_layers.1.weight"),
        ({"transformer_layers.3.fc1.weight": (48, 16)}, {}, "enc.transformer_layers"),
    ],
)
def test_what_no_class_expresses_is_refused_by_name(changed, model, name) -> None:
    assert [reason.name for reason in block(changed, model).refusals()] == [name]


def test_norms_behind_each_block_are_what_the_stock_class_lacks() -> None:
    found = block(BEHIND, {"encoder_normalize_before": False})
    assert [lack.name for lack in found.lacks()] == ["args.encoder_normalize_before"]
    assert not list(found.refusals())
    assert not list(block().lacks())
    assert found.config_alone("own")["normalize_before"].value is False
    assert "enc.layer_norm.{weight|bias}" not in {row.source for row in found.rows()}


def test_an_encoder_alone_says_what_else_the_model_around_it_would() -> None:
    said = block(model={"dropout": 0.2, "no_scale_embedding": True}).config_alone("own")
    more = {key: value.value for key, value in said.items() if key not in values(block())}
    assert more == {
        **{"model_type": "own", "d_model": 16, "layer_type": "transformer"},
        **{"activation_function": "relu", "scale_embedding": False, "normalize_before": True},
        **dict.fromkeys(("dropout", "attention_dropout", "activation_dropout"), 0.2),
    }


def test_the_plainest_is_not_refused_and_another_encoder_is_not_present() -> None:
    assert not list(block().refusals())
    assert block().is_present
    assert not block({name: None for name in SHAPES if name.startswith("subsample")}).is_present


def test_rows_are_only_for_what_is_there() -> None:
    sources = {row.source for row in block().rows()}
    assert sources == {
        "enc.subsample.conv_layers.{i}.{weight|bias}",
        "enc.transformer_layers.{i}.self_attn.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}",
        "enc.transformer_layers.{i}.{self_attn_layer_norm|final_layer_norm|fc1|fc2}.{weight|bias}",
        "enc.layer_norm.{weight|bias}",
    }
    more = block({"ctc_proj.weight": (9, 16), "embed_positions._float_tensor": (1,)}).rows()
    assert {row.source for row in more} - sources == {
        "enc.ctc_proj.{weight|bias}",
        "enc.embed_positions._float_tensor",
    }
