"""Consequences hold: what is said to change nothing changes no bit."""

import json

import pytest
import torch

from tests.breaking import set_key
from tests.compare.test_keys import NOTHING, TRAINING
from tests.variants.ctc_building import build_ctc
from tests.variants.ctc_kinds import CTC_VARIANTS
from toolkit import convert
from toolkit.compare.consequences import Change, judge, same_value
from toolkit.compare.keys import config_differences
from toolkit.folder import released_defaults
from toolkit.folder.view import view_folder
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.replay.target import quiet_transformers


def answers(folder):
    """Logits and tokens as a user gets them: no toolkit in between."""
    import transformers

    with quiet_transformers(), torch.no_grad():
        model = transformers.AutoModelForSpeechSeq2Seq.from_pretrained(folder)
        sound = torch.randn(2, 8000, generator=torch.Generator().manual_seed(1))
        ids = torch.tensor([[2, 183, 5], [2, 183, 6]])
        logits = model(input_values=sound, decoder_input_ids=ids).logits
        return logits, model.generate(sound, max_length=20)


def test_all_that_changes_nothing_at_once_changes_no_bit(prepared, converted, broken):
    for key, value in (*TRAINING, *NOTHING):
        set_key("config.json", key, value)(broken)
    path = broken / "generation_config.json"
    spelled = {key: values[0] for key, values in released_defaults.GENERATION.items()}
    del spelled["generation_kwargs"]
    path.write_text(json.dumps({**spelled, **json.loads(path.read_text())}))
    differences = config_differences(prepared.task.contents, view_folder(broken))
    assert {d.consequence for d in differences} == {"training", "none"}
    assert len(differences) > 40
    for right, found in zip(answers(converted), answers(broken), strict=True):
        assert torch.equal(right, found)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1), (1.0, 1), ([1, 2], (1, 2)), ({"a": [1]}, {"a": (1,)}), (None, None), ("a", "a")],
)
def test_values_of_one_type_are_the_same(one, other):
    assert same_value(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *((1, True), (True, 1), (0, False), (5, 5.0), (1.0, True), ("1", 1), (None, 0)),
        *(([1], [True]), ([1], [1, 2]), ({"a": 1}, {"a": True}), ({"a": 1}, {}), ([], None)),
    ],
)
def test_values_of_two_types_are_not_the_same(one, other):
    assert not same_value(one, other)


@pytest.mark.parametrize(
    ("name", "key", "value", "consequence"),
    [
        ("conformer, relative positions", "rotary_embedding_base", 5, "none"),
        ("conformer, relative positions", "max_source_positions", 10, "none"),
        ("conformer, relative positions", "max_source_positions", "10", "output"),
        ("conformer, rotary positions", "max_source_positions", 10, "none"),
        ("conformer, rotary positions", "rotary_embedding_base", 5, "none"),
        ("conformer, rotary positions", "rotary_embedding_base", -1, "output"),
        ("layer norm", "num_adapter_layers", 5, "none"),
        ("layer norm", "adapter_stride", 4, "none"),
        ("layer norm", "adapter_kernel_size", "4", "output"),
    ],
)
def test_a_key_of_positions_or_of_no_adapter_decides_nothing_as_long_as_it_is_one(
    name, key, value, consequence, tmp_path
):
    import transformers

    variant = next(variant for variant in CTC_VARIANTS if variant.name == name)
    checkpoint, folder = build_ctc(variant, tmp_path).path, tmp_path / "hf"
    convert(checkpoint, folder, verify=False)
    load = transformers.AutoModelForCTC.from_pretrained
    sound = torch.randn(2, 16000, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        right = load(folder)(sound).logits
    set_key("config.json", key, value)(folder)
    contents = prepare(Inputs(checkpoint=checkpoint)).task.contents
    (difference,) = config_differences(contents, view_folder(folder))
    assert (difference.key, difference.consequence) == (key, consequence)
    if consequence == "none":
        with torch.no_grad():
            assert torch.equal(load(folder)(sound).logits, right)


@pytest.mark.parametrize(
    ("architecture", "consequences"),
    [("XForSequenceClassification", ("text", "text", "training")), ("XModel", ("none",) * 3)],
)
def test_keys_of_classes_are_bookkeeping_but_for_a_model_that_names_classes(
    architecture, consequences
):
    found = (
        judge(
            Change(
                group="",
                name=name,
                expected=None,
                actual={"0": "a"},
                determined=True,
                siblings={"model_type": "wav2vec2"},
                architecture=architecture,
                searches=False,
            )
        ).consequence
        for name in ("id2label", "problem_type", "label2id")
    )
    assert tuple(found) == consequences


@pytest.mark.parametrize(
    ("model_type", "adds", "consequence"),
    [
        *(("wav2vec2", False, "none"), ("wav2vec2", True, "output")),
        *(("fairseq_conformer", False, "none"), ("fairseq_seq2seq_encoder", False, "output")),
    ],
)
def test_what_describes_an_adapter_is_read_where_there_is_one_or_a_carried_one(
    model_type, adds, consequence
):
    change = Change(
        group="encoder",
        name="num_adapter_layers",
        expected=0,
        actual=3,
        determined=True,
        siblings={"model_type": model_type, "add_adapter": adds},
    )
    assert judge(change).consequence == consequence
