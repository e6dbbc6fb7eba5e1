from dataclasses import replace

import pytest

from tests.faults.breaking import edit_json, set_key
from toolkit.compare.keys import KeyDifference, config_differences, expected_keys
from toolkit.folder.view import ABSENT, view_folder


@pytest.fixture(scope="module")
def contents(prepared):
    return prepared.task.contents


@pytest.fixture(scope="module")
def view(converted):
    return view_folder(converted)


def test_a_right_folder_differs_in_no_key(contents, view):
    assert config_differences(contents, view) == ()


def test_every_key_of_all_files_is_expected_once_under_its_place(contents):
    keys = [key for key, _ in expected_keys(contents)]
    assert len(keys) == len(set(keys))
    expected = dict(expected_keys(contents))
    assert expected["encoder.hidden_size"] == expected["decoder.d_model"] == 48
    assert expected["generation_config.num_beams"] == 5
    assert expected["preprocessor_config.do_normalize"] is True
    assert expected["tie_word_embeddings"] is False
    assert not {"encoder", "decoder", "dtype", "architectures"} & set(keys)


OTHER = {True: False, False: True, "gelu": "relu"}


def test_every_expected_key_is_found_wrong_if_it_is(contents, view):
    for key, value in expected_keys(contents):
        group, _, name = key.rpartition(".")
        wrong = OTHER[value] if isinstance(value, (bool, str)) and value in OTHER else "other"
        if group in ("encoder", "decoder"):
            sides = {**view.config, group: {**view.config[group], name: wrong}}
            spoiled = replace(view, config=sides)
        elif group:
            part = group.removesuffix("_config")
            spoiled = replace(view, **{part: {**getattr(view, part), name: wrong}})
        else:
            spoiled = replace(view, config={**view.config, name: wrong})
        found = config_differences(contents, spoiled)
        assert KeyDifference(key=key, expected=value, actual=wrong) in found, key


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("min_new_tokens", 20),
        ("min_length", 20),
        ("temperature", 0.5),
        ("do_sample", True),
        ("repetition_penalty", 1.5),
        ("top_k", 3),
        ("num_beam_groups", 2),
        ("bad_words_ids", [[5]]),
    ],
)
def test_a_generation_key_that_somebody_added_is_a_difference(key, value, contents, broken):
    set_key("generation_config.json", key, value)(broken)
    (difference,) = config_differences(contents, view_folder(broken))
    assert (difference.key, difference.actual) == (f"generation_config.{key}", value)


@pytest.mark.parametrize(
    ("file", "key", "value", "name"),
    [
        ("config.json", "encoder.adapter_attn_dim", 16, "encoder.adapter_attn_dim"),
        ("config.json", "encoder.use_weighted_layer_sum", True, "encoder.use_weighted_layer_sum"),
        ("config.json", "decoder.init_std", 1.0, "decoder.init_std"),
        ("preprocessor_config.json", "padding_value", 1.0, "preprocessor_config.padding_value"),
    ],
)
def test_a_key_of_another_file_that_is_not_the_default_is_a_difference(
    file, key, value, name, contents, broken
):
    set_key(file, key, value)(broken)
    assert [d.key for d in config_differences(contents, view_folder(broken))] == [name]


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        ("config.json", "transformers_version", "4.0.0"),
        ("config.json", "encoder.transformers_version", "4.0.0"),
        ("config.json", "encoder.vocab_size", 189),
        ("config.json", "_name_or_path", "somebody/model"),
        ("config.json", "encoder.output_attentions", True),
        ("generation_config.json", "_from_model_config", True),
        ("generation_config.json", "temperature", None),
        ("preprocessor_config.json", "processor_class", "Other"),
    ],
)
def test_a_key_without_effect_may_be_anything(file, key, value, contents, broken):
    set_key(file, key, value)(broken)
    assert config_differences(contents, view_folder(broken)) == ()


def test_defaults_written_out_are_no_differences(contents, broken):
    import transformers

    defaults = transformers.Wav2Vec2Config().to_dict()
    edit_json(broken, "config.json", "encoder", lambda given: {**defaults, **given})
    assert config_differences(contents, view_folder(broken)) == ()


def test_a_key_that_is_not_there_and_has_no_default_is_absent(contents, view):
    config = {key: value for key, value in view.config.items() if key != "tie_word_embeddings"}
    found = config_differences(contents, replace(view, config=config))
    assert KeyDifference(key="tie_word_embeddings", expected=False, actual=ABSENT) in found


def test_a_list_and_a_tuple_are_the_same_value(contents, view):
    encoder = {**view.config["encoder"], "conv_dim": (32,) * 7}
    spoiled = replace(view, config={**view.config, "encoder": encoder})
    assert config_differences(contents, spoiled) == ()
