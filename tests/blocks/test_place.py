"""A block in places that no family of this package has yet."""

from collections.abc import Mapping

import pytest
import torch
import transformers

from tests.families.networks import specimen
from tests.variants.arguments import W2V, conformer
from toolkit.blocks.evidence import Facts, hard_coded
from toolkit.blocks.place import Place
from toolkit.blocks.wav2vec2 import Wav2Vec2Block
from toolkit.core.spec import TensorSpec
from toolkit.folder.weights import target_tensor
from toolkit.mapping import Drop, Rule, Table, Tie, make_plan
from toolkit.oracle.mends.conformer import mended_conformer
from toolkit.replay.pairs import Layout

HEAD = Rule("w2v_encoder.proj.{weight|bias}", "lm_head.{weight|bias}")
FINE_TUNED = Place(source="w2v_encoder.w2v_model.", target="wav2vec2.")
PRETRAINED = Place()
CLASSES = {
    "wav2vec2": (transformers.Wav2Vec2ForCTC, transformers.Wav2Vec2Model),
    "wav2vec2-conformer": (
        transformers.Wav2Vec2ConformerForCTC,
        transformers.Wav2Vec2ConformerModel,
    ),
}


def specs(state: Mapping[str, torch.Tensor]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(name=name, dtype="float32", shape=tuple(tensor.shape))
        for name, tensor in state.items()
    }


def converted(block, kind, state):
    """A model of transformers with what a block makes of fairseq's tensors."""
    values = {"model_type": hard_coded(kind, "its layers"), **block.config(kind)}
    is_tuned = block.place.source != PRETRAINED.source
    model_class = CLASSES[kind][0 if is_tuned else 1]
    config = {key: value.value for key, value in values.items()}
    model = model_class(model_class.config_class(**config, vocab_size=32)).eval()
    rows = (*block.rows(values), *([HEAD] if is_tuned else ()))
    table = Table(name="test", rows=rows)
    plan = make_plan(table, block.checkpoint.tensors, specs(model.state_dict()))
    model.load_state_dict(
        {n: target_tensor(a, plan, state.__getitem__) for n, a in plan.assignments.items()}
    )
    return model


@pytest.mark.parametrize("is_tuned", [True, False], ids=["fine-tuned", "pretrained"])
@pytest.mark.parametrize(
    ("w2v", "kind"),
    [
        ({}, "wav2vec2"),
        ({"extractor_mode": "default", "layer_norm_first": False}, "wav2vec2"),
        (conformer("rel_pos", "espnet"), "wav2vec2-conformer"),
    ],
    ids=["layer norm", "group norm", "conformer"],
)
def test_an_encoder_computes_the_same_wherever_it_stands(is_tuned, w2v, kind):
    target = f"{kind.replace('-', '_')}."
    place = Place(source=FINE_TUNED.source, target=target) if is_tuned else PRETRAINED
    with mended_conformer():
        encoder = specimen({}, w2v).built.encoder.w2v_encoder.w2v_model.eval()
    state = {place.source + name: tensor for name, tensor in encoder.state_dict().items()}
    if is_tuned:
        head = torch.nn.Linear(32, 32).state_dict()
        state |= {f"w2v_encoder.proj.{name}": tensor for name, tensor in head.items()}
    block = Wav2Vec2Block(place=place, checkpoint=Facts(specs(state)), w2v={**W2V, **w2v})
    assert block.stock_class == kind
    assert list(block.lacks(kind)) == list(block.refusals()) == []
    model = converted(block, kind, state)
    waveform = torch.randn(1, 4000)
    with torch.no_grad(), mended_conformer():
        expected = encoder.extract_features(waveform, None)["x"]
        trunk = model.get_submodule(place.target.rstrip("."))
        actual = trunk(waveform).last_hidden_state
    torch.testing.assert_close(actual, expected, rtol=0, atol=2e-6)


def test_whatever_a_block_names_is_behind_its_prefixes():
    lost = specimen({}, {}).tensors
    prefix = "encoder.w2v_encoder.w2v_model."
    tensors = {FINE_TUNED.source + n.removeprefix(prefix): lost[n] for n in lost if prefix in n}
    block = Wav2Vec2Block(place=FINE_TUNED, checkpoint=Facts(tensors))
    assert block.is_present
    assert not Wav2Vec2Block(place=PRETRAINED, checkpoint=Facts(tensors)).is_present
    values = {"model_type": hard_coded("wav2vec2", "its layers"), **block.config("wav2vec2")}
    assert block.frames_of == "wav2vec2.feature_extractor"
    assert block.head_widths(values).keys() == {"wav2vec2.encoder.layers."}
    assert {layout.target.split(".")[0] for layout in block.layouts} == {"wav2vec2"}
    assert {derived.shown_by for derived in values.values() if derived.candidates} == {
        "wav2vec2.feature_extractor",
        "wav2vec2.encoder.layers.0",
        "wav2vec2.encoder.layers.0.attention",
    }
    (lack,) = block.lacks("wav2vec2-conformer")
    assert "hidden_act" in lack.explains


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (Rule("a", "b"), Rule("in.a", "out.b")),
        (Rule("a", ("b", "c")), Rule("in.a", ("out.b", "out.c"))),
        (Drop("a", "why"), Drop("in.a", "why")),
        (Tie("a", "b", "c", "d", "why"), Tie("in.a", "in.b", "out.c", "out.d", "why")),
        (Layout("", "B", "B"), Layout("out", "B", "B")),
        (Layout("b", "B", "B", scaled_by="a"), Layout("out.b", "B", "B", scaled_by="in.a")),
    ],
)
def test_a_row_is_placed_by_its_names(row, expected):
    assert row.under("in.", "out.") == expected
