"""What a folder tells of the checkpoint that it was, and what it cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from toolkit.core.errors import BadInput
from toolkit.families.originals import STARTS, Original, Said, maker_of
from toolkit.mapping.inverse import made_by

VOCABULARY = {token: row for row, token in enumerate((*STARTS, "|", "E", "T"))}
CONFIG = {
    "architectures": ["Wav2Vec2ForCTC"],
    "model_type": "wav2vec2",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "hidden_act": "gelu",
    "do_stable_layer_norm": True,
    "conv_dim": [16, 16],
    "conv_kernel": [10, 3],
    "conv_stride": [5, 2],
    "conv_bias": True,
    "feat_extract_norm": "layer",
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "final_dropout": 0.1,
    "apply_spec_augment": True,
    "mask_time_prob": 0.65,
    "layerdrop": 0.05,
}
SAID = Said(
    config=CONFIG,
    normalize=True,
    vocabulary=VOCABULARY,
    names=("wav2vec2.masked_spec_embed", "wav2vec2.feature_projection.projection.weight"),
)


def told(**config: object) -> Said:
    return replace(SAID, config={**CONFIG, **config})


def original_of(said: Said) -> Original:
    return maker_of(said.config)(said)


def model_of(said: Said) -> Mapping[str, object]:
    model: Mapping[str, object] = original_of(said).settings["cfg"]["model"]
    return model


def test_settings_stand_where_fairseq_keeps_them() -> None:
    settings = original_of(SAID).settings
    assert settings["args"] is None
    model, task = settings["cfg"]["model"], settings["cfg"]["task"]
    assert (model["_name"], model["normalize"], model["mask_prob"]) == ("wav2vec_ctc", True, 0.65)
    assert (task["_name"], task["labels"], task["normalize"]) == ("audio_finetuning", "ltr", True)
    inner = model["w2v_args"]["model"]
    assert inner["extractor_mode"] == "layer_norm"
    assert inner["conv_feature_layers"] == "[(16, 10, 5), (16, 3, 2)]"
    assert (inner["layer_norm_first"], inner["encoder_layerdrop"]) == (True, 0.05)
    assert model["w2v_args"]["task"]["normalize"] is True


def test_the_dictionary_has_its_rows_in_the_order_of_ids_without_the_four_that_all_have() -> None:
    shuffled = dict(sorted(VOCABULARY.items()))
    files = original_of(replace(SAID, vocabulary=shuffled)).files
    assert files == {"dict.ltr.txt": b"| 1\nE 1\nT 1\n"}


def test_a_mask_embedding_that_the_folder_lacks_is_zeros_and_said() -> None:
    lost = original_of(replace(SAID, names=("lm_head.weight",))).lost
    assert lost["w2v_encoder.w2v_model.mask_emb"].shape == (32,)
    assert "masks none" in lost["w2v_encoder.w2v_model.mask_emb"].because
    assert original_of(SAID).lost == {}


def test_where_widths_are_equal_fairseq_projects_nothing_but_in_data2vec() -> None:
    projection = "feature_projection.projection.weight"
    equal = told(conv_dim=[16, 32])
    assert made_by(original_of(equal).rows, [f"wav2vec2.{projection}"])
    sources = {str(getattr(row, "source", "")) for row in original_of(equal).rows}
    assert not any("post_extract_proj" in source for source in sources)
    stacked = told(
        architectures=["Data2VecAudioForCTC"],
        model_type="data2vec-audio",
        conv_dim=[16, 32],
        conv_pos_kernel_size=5,
        num_conv_pos_embeddings=3,
    )
    sources = {str(getattr(row, "source", "")) for row in original_of(stacked).rows}
    assert any("post_extract_proj" in source for source in sources)
    inner = model_of(stacked)["w2v_args"]["model"]
    assert (inner["conv_pos"], inner["pos_conv_depth"]) == (15, 3)


@pytest.mark.parametrize(
    "config",
    [
        {"architectures": ["SpeechEncoderDecoderModel"]},
        {"architectures": None},
        {"architectures": ["Wav2Vec2ForCTC"], "model_type": "hubert"},
        {"architectures": ["HubertForCTC"], "model_type": "fairseq_hubert"},
    ],
)
def test_a_folder_that_nothing_is_known_of_asks_for_a_checkpoint(config: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="Name a checkpoint of the same model with `--like`"):
        original_of(told(**config))


@pytest.mark.parametrize(
    "vocabulary",
    [
        {},
        {"a": 0, "b": 1, "<unk>": 2, "<pad>": 3},
        {token: row + 1 for token, row in VOCABULARY.items()},
        {**VOCABULARY, "again": 3},
    ],
)
def test_ids_that_no_dictionary_of_fairseq_has_are_refused(vocabulary: dict[str, int]) -> None:
    with pytest.raises(BadInput, match=r"whose blank is their first row, but begins with"):
        original_of(replace(SAID, vocabulary=vocabulary))


def test_a_model_that_was_pretrained_on_classes_opens_without_their_dictionaries() -> None:
    original = original_of(told(architectures=["HubertForCTC"], model_type="hubert"))
    assert original.task_state == {"dictionaries": [None]}
    inner = original.settings["cfg"]["model"]["w2v_args"]
    assert inner["model"]["label_rate"] == inner["task"]["label_rate"] == 1600  # strides of 10
    assert original_of(SAID).task_state == {}
