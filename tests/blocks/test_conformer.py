"""What a conformer's tensors say of it, and what they leave open where its arguments are lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.families.networks import facts_of
from toolkit.blocks.evidence import Derived
from toolkit.blocks.place import Place
from toolkit.blocks.tree import assumed, nested
from toolkit.blocks.wav2vec2 import Wav2Vec2Block

NORMS, POSITIONS = "do_stable_layer_norm", "position_embeddings_type"
STOCK, CARRIED = "wav2vec2-conformer", "carried"
CONV, LAYER = "feature_extractor.conv_layers.0.", "encoder.layers.0."
WIDTH, HEADS = 8, 2


def conformer(norm: str = "layer", attention: str = "relative", **said: Any) -> Wav2Vec2Block:
    """An encoder of one layer; without `w2v` its arguments are lost."""
    shapes: dict[str, tuple[int, ...]] = {
        f"{CONV}0.weight": (4, 1, 10),
        f"{CONV}2.1.weight" if norm == "layer" else f"{CONV}2.weight": (4,),
        "encoder.layer_norm.weight": (WIDTH,),
        f"{LAYER}self_attn_layer_norm.weight": (WIDTH,),
        f"{LAYER}ffn1.w_1.weight": (16, WIDTH),
        f"{LAYER}conv_module.depthwise_conv.weight": (WIDTH, 1, 5),
        **(
            {f"{LAYER}self_attn.q_proj.weight": (WIDTH, WIDTH)}
            if attention == "fairseq"
            else {f"{LAYER}self_attn.linear_q.weight": (WIDTH, WIDTH)}
        ),
        **({f"{LAYER}self_attn.pos_bias_u": (HEADS, 4)} if attention == "relative" else {}),
    }
    place = Place(target="wav2vec2_conformer.")
    return Wav2Vec2Block(place=place, checkpoint=facts_of(shapes), carried=CARRIED, **said)


def named(block: Wav2Vec2Block) -> list[str]:
    """What no stock class has, by fairseq's argument."""
    return [lack.name.removeprefix("w2v_args.") for lack in block.lacks(STOCK)]


def said(**values: object) -> Mapping[str, Derived]:
    return {key: Derived(value=value, evidence="--encoder-config") for key, value in values.items()}


@pytest.mark.parametrize(
    ("norm", "behind", "recipe"),
    [("layer", True, "behind the last layer"), ("group", False, "before the first layer")],
)
@pytest.mark.parametrize("w2v", [{}, {"dropout": 0.1}], ids=["no arguments", "not that one"])
def test_the_order_of_norms_is_assumed_by_fairseqs_recipes(
    norm: str, behind: bool, recipe: str, w2v: dict[str, Any]
) -> None:
    derived = conformer(norm, w2v=w2v).config(CARRIED)[NORMS]
    assert (derived.value, derived.candidates) == (behind, (True, False))
    assert derived.evidence.endswith(f"with {norm} norm in the extractor normalizes {recipe}")
    assert derived.shown_by == "wav2vec2_conformer.encoder"


@pytest.mark.parametrize("behind", [True, False])
def test_arguments_know_the_order_of_norms(behind: bool) -> None:
    derived = conformer(w2v={"layer_norm_first": behind}).config(CARRIED)[NORMS]
    assert (derived.value, derived.candidates) == (behind, ())
    assert derived.evidence == "w2v_args.layer_norm_first"


def test_a_stock_class_is_chosen_by_an_order_that_its_configuration_has_no_key_for() -> None:
    tree = conformer().config(STOCK)
    assert NORMS not in nested(tree)
    assert NORMS in {reason.name for reason in assumed(tree)}
    assert NORMS in nested(conformer().config(CARRIED))


@pytest.mark.parametrize(
    ("norm", "told", "expected"),
    [
        ("layer", {}, []),
        ("group", {}, ["layer_norm_first"]),
        ("layer", said(do_stable_layer_norm=False), ["layer_norm_first"]),
        ("group", said(do_stable_layer_norm=True), []),
    ],
)
def test_the_class_follows_what_is_assumed_or_said_of_the_order(
    norm: str, told: Mapping[str, Derived], expected: list[str]
) -> None:
    assert named(conformer(norm, told=told)) == expected


def test_what_is_said_of_the_order_is_no_assumption() -> None:
    tree = conformer("group", told=said(do_stable_layer_norm=True)).config(STOCK)
    assert NORMS not in {reason.name for reason in assumed(tree)}


def test_a_class_that_every_open_value_will_be_tried_in_takes_each() -> None:
    assert named(conformer("layer", tries=True)) == ["layer_norm_first"]
    assert named(conformer("layer", w2v={"layer_norm_first": True}, tries=True)) == []
    assert named(conformer("layer", "fairseq", told=said(position_embeddings_type=None))) == []
    open_positions = conformer("layer", "fairseq", told=said(do_stable_layer_norm=True), tries=True)
    assert named(open_positions) == ["pos_enc_type"]


def test_fairseqs_attention_leaves_open_whether_positions_are_convolved() -> None:
    derived = conformer(attention="fairseq").config(CARRIED)[POSITIONS]
    assert (derived.value, derived.candidates) == ("convolution", ("convolution", None))
    assert derived.evidence == "fairseq's default, as w2v_args.pos_enc_type is absent"


@pytest.mark.parametrize(
    ("attention", "value"), [("relative", "relative"), ("espnet", "convolution")]
)
def test_other_attention_tells_its_positions_whatever_is_said(attention: str, value: str) -> None:
    told = said(position_embeddings_type=None)
    derived = conformer(attention=attention, told=told).config(CARRIED)[POSITIONS]
    assert (derived.value, derived.candidates) == (value, ())
