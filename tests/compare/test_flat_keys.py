"""Configurations of models without parts, such as an encoder with a head: all keys at top level."""

import json
from dataclasses import replace

import pytest

from toolkit.blocks.tree import nested, values_under
from toolkit.compare.keys import config_differences, expected_keys, key_faults
from toolkit.folder.view import ABSENT, view_folder


@pytest.fixture(scope="module")
def config(prepared):
    encoder = values_under(prepared.network.config, "encoder")
    return {
        **nested(encoder),
        "architectures": ["Wav2Vec2ForCTC"],
        "dtype": "float32",
        "vocab_size": 32,
        "pad_token_id": 0,
    }


@pytest.fixture(scope="module")
def contents(prepared, config):
    return replace(prepared.task.contents, config=config, generation={})


@pytest.fixture
def differences(contents, config, broken):
    """What is found in a folder whose `config.json` differs."""

    def find(changes=None, without=()):
        kept = {key: value for key, value in config.items() if key not in without}
        (broken / "config.json").write_text(json.dumps({**kept, **(changes or {})}))
        (broken / "generation_config.json").unlink()
        return config_differences(contents, view_folder(broken))

    return find


def test_a_right_folder_differs_in_no_key(differences):
    assert differences() == ()


def test_every_key_is_expected_at_top_level(contents, config):
    expected = {key: value for key, value in expected_keys(contents) if "." not in key}
    assert expected.keys() == config.keys() - {"architectures", "dtype"}


def test_every_expected_key_is_found_wrong_if_it_is(contents, config, converted):
    view = view_folder(converted)
    for key, value in config.items():
        if key not in ("architectures", "dtype"):
            wrong = replace(view, config={**config, key: "other"}, generation={})
            found = [(d.key, d.expected, d.actual) for d in config_differences(contents, wrong)]
            assert (key, value, "other") in found, key


@pytest.mark.parametrize(
    ("key", "value", "consequence"),
    [
        ("num_attention_heads", 6, "output"),
        ("vocab_size", 31, "output"),
        ("adapter_attn_dim", 16, "output"),
        ("layer_norm_eps", 1e-6, "output"),
        ("dtype", "float16", "output"),
        ("is_encoder_decoder", True, "output"),
        ("hidden_dropout", 0.3, "training"),
        ("ctc_loss_reduction", "mean", "training"),
        ("pad_token_id", 5, "training"),
        ("tdnn_dim", [3, 3], "none"),
        ("num_beams", 7, "none"),
        ("invented", 1, "none"),
        ("_name_or_path", "somebody/model", "none"),
    ],
)
def test_a_key_is_found_with_what_follows_from_it(differences, key, value, consequence):
    (found,) = differences({key: value})
    assert (found.key, found.actual, found.consequence) == (key, value, consequence)


def test_a_key_that_a_conversion_writes_is_expected_as_it_is_written(differences):
    (found,) = differences({"architectures": ["BartModel"]})
    assert (found.expected, found.consequence) == (["Wav2Vec2ForCTC"], "none")


def test_an_invented_key_is_noted_as_one_that_nothing_reads(differences):
    (found,) = differences({"invented": 1})
    assert (found.expected, found.because) == (None, "no code of the model reads it")


@pytest.mark.parametrize(
    ("key", "consequence"), [("vocab_size", "output"), ("pad_token_id", "training")]
)
def test_a_key_that_no_family_declares_is_held_against_its_classes_default(
    contents, config, converted, key, consequence
):
    undeclared = replace(contents, config={k: v for k, v in config.items() if k != key})
    view = replace(view_folder(converted), config={**config, key: 77}, generation={})
    (found,) = config_differences(undeclared, view)
    assert (found.key, found.determined, found.consequence) == (key, False, consequence)


@pytest.mark.parametrize(("value", "consequence"), [(77, "none"), (None, "none"), ("x", "output")])
def test_a_model_without_a_head_for_words_does_not_read_how_many_there_are(
    contents, config, converted, value, consequence
):
    encoder = {**config, "architectures": ["Wav2Vec2ForPreTraining"]}
    wordless = {key: item for key, item in encoder.items() if key != "vocab_size"}
    view = replace(view_folder(converted), config={**encoder, "vocab_size": value}, generation={})
    (found,) = config_differences(replace(contents, config=wordless), view)
    assert (found.key, found.consequence) == ("vocab_size", consequence)


def test_a_key_that_is_left_out_has_its_classes_default(differences):
    found = {
        d.key: d.actual for d in differences(without=["hidden_size", "feat_extract_activation"])
    }
    assert found == {"hidden_size": 768}


def test_a_key_of_a_class_that_nobody_has_is_absent(differences):
    found = {
        d.key: d.actual for d in differences({"model_type": "nothing"}, without=["hidden_size"])
    }
    assert (found["model_type"], found["hidden_size"]) == ("nothing", ABSENT)


def test_a_part_in_a_model_that_has_none_is_an_invented_key(differences):
    found = differences({"encoder": {"model_type": "wav2vec2", "hidden_size": 5}})
    assert ("encoder.hidden_size", 5) in [(d.key, d.actual) for d in found]
    assert {d.key for d in found if d.consequence == "output"} >= {"encoder.hidden_size"}


def test_another_name_of_a_key_counts_as_that_key(contents, converted):
    flat = {"architectures": ["BartForConditionalGeneration"], "model_type": "bart", "d_model": 48}
    undeclared = replace(contents, config=flat)
    view = replace(view_folder(converted), config={**flat, "hidden_size": 24})
    (found,) = key_faults(undeclared, view)
    assert (found.key, found.expected, found.actual) == ("hidden_size", 48, 24)
