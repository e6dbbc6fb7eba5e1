"""What can be broken has relative names, which a place makes whole."""

import re

from toolkit.core.breakable import Attention, Breakable, Output, Part, Side, joined
from toolkit.core.slips import PREPROCESSOR, slip, toggled

RELATIVE = Breakable(
    parts=(Part(name="layers", modules=r"layers\.\d+|norm"), Part(name="mask", is_bare=True)),
    sides=(Side(width="width", heads="heads"),),
    attentions=(Attention(modules=r"layers\.\d+\.attention"),),
    outputs=(Output(module="head", embedding="embedding.weight", tie="tie"),),
    slips=(slip("act", "act_changed", toggled), slip("x", "x_changed", toggled, file=PREPROCESSOR)),
)
PLACED = RELATIVE.under("model.x.", "side")


def test_modules_are_behind_the_prefix_which_is_no_pattern():
    layers, mask = PLACED.parts
    assert re.fullmatch(layers.modules, "model.x.layers.3")
    assert re.fullmatch(layers.modules, "model.x.norm")
    assert not re.fullmatch(layers.modules, "norm")
    assert not re.fullmatch(layers.modules, "model-x.norm")
    assert re.fullmatch(mask.modules, "model.x")
    assert re.fullmatch(PLACED.attentions[0].modules, "model.x.layers.0.attention")


def test_keys_are_those_of_the_part():
    (side,), (output,) = PLACED.sides, PLACED.outputs
    assert (side.prefix, side.width, side.heads, side.groups) == (
        "model.x.",
        "side.width",
        "side.heads",
        None,
    )
    assert (output.module, output.embedding, output.tie) == (
        "model.x.head",
        "model.x.embedding.weight",
        "side.tie",
    )


def test_keys_of_other_files_stay():
    assert [item.path for item in PLACED.slips] == ["side.act", "x"]


def test_a_model_without_parts_has_its_keys_at_top_level():
    placed = RELATIVE.under("model.x.", "")
    assert (placed.slips[0].path, placed.sides[0].width) == ("act", "width")


def test_what_is_joined_has_everything_in_order():
    more = Breakable(parts=(Part(name="head", modules="head"),), vocabularies=("vocab.json",))
    whole = joined((RELATIVE, more))
    assert [part.name for part in whole.parts] == ["layers", "mask", "head"]
    assert whole.vocabularies == ("vocab.json",)
    assert whole.slips == RELATIVE.slips
