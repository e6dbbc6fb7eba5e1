import json
from dataclasses import replace

import pytest

from toolkit.compare.keys import config_differences, expected_keys, key_faults
from toolkit.folder.view import ABSENT, view_folder


@pytest.fixture(scope="module")
def contents(prepared):
    return prepared.task.contents


@pytest.fixture(scope="module")
def view(converted):
    return view_folder(converted)


def spoil(view, key, value):
    """The view with another value of a key such as `decoder.dropout`."""
    group, _, name = key.rpartition(".")
    if group in ("encoder", "decoder"):
        return replace(view, config={**view.config, group: {**view.config[group], name: value}})
    field = group.removesuffix("_config") or "config"
    return replace(view, **{field: {**getattr(view, field), name: value}})


def consequences(contents, view):
    return {d.key: d.consequence for d in config_differences(contents, view)}


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
        wrong = OTHER[value] if isinstance(value, (bool, str)) and value in OTHER else "other"
        found = config_differences(contents, spoil(view, key, wrong))
        assert (key, value, wrong) in [(d.key, d.expected, d.actual) for d in found], key


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("min_new_tokens", 20),
        ("max_new_tokens", 9),
        ("min_length", 20),
        ("temperature", 0.5),
        ("do_sample", True),
        ("repetition_penalty", 1.5),
        ("encoder_repetition_penalty", 1.5),
        ("top_k", 3),
        ("num_beam_groups", 2),
        ("bad_words_ids", [[5]]),
        ("begin_suppress_tokens", [5]),
        ("stop_strings", ["a"]),
        ("max_time", 0.1),
        ("watermarking_config", {"bias": 2.5}),
        ("prompt_lookup_num_tokens", 3),
        ("assistant_early_exit", 2),
        ("guidance_scale", 2.0),
        ("use_cache", False),
        ("return_dict_in_generate", True),
        ("num_return_sequences", 2),
        ("invented", 1),
    ],
)
def test_a_generation_key_that_somebody_added_is_a_fault(key, value, contents, view):
    (difference,) = key_faults(contents, spoil(view, f"generation_config.{key}", value))
    assert (difference.key, difference.actual) == (f"generation_config.{key}", value)
    assert difference.consequence == "generation"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("encoder.adapter_attn_dim", 16),
        ("encoder.num_attention_heads", 3.0),
        ("encoder.num_adapter_layers", True),
        ("decoder.scale_embedding", 1),
        ("decoder.hidden_size", 24),
        ("decoder.num_hidden_layers", 1),
        ("decoder.encoder_layers", 2),
        ("decoder.output_attentions", True),
        ("decoder.return_dict", False),
        ("encoder.hidden_dropout", 2.0),
        ("encoder.hidden_dropout", "much"),
        ("encoder.layerdrop", None),
        ("encoder.mask_time_length", 10.0),
        ("encoder.quantization_config", {"load_in_8bit": True}),
        ("return_dict", False),
        ("return_dict", 1),
        ("output_attentions", True),
        ("output_hidden_states", True),
        ("is_encoder_decoder", False),
        ("tie_encoder_decoder", True),
        ("tie_word_embeddings", True),
        ("use_cache", 1),
        ("decoder.use_cache", False),
        ("chunk_size_feed_forward", 8),
        ("custom_pipelines", {"speech": {"impl": "x.Y"}}),
        ("quantization_config", {"load_in_8bit": True}),
        ("invented", 1),
        ("preprocessor_config.padding_value", 1.0),
        ("preprocessor_config.do_normalize", 1),
        ("preprocessor_config.sampling_rate", 16000.0),
        ("preprocessor_config.invented", 1),
    ],
)
def test_a_key_that_changes_what_a_user_gets_changes_the_output(key, value, contents, view):
    assert consequences(contents, spoil(view, key, value)) == {key: "output"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("eos_token_id", 3),
        ("decoder.pad_token_id", 3),
        ("decoder.decoder_start_token_id", 0),
        ("decoder.forced_eos_token_id", 3),
        ("generation_config.num_beams", 5.0),
        ("generation_config.num_beams", None),
        ("generation_config.early_stopping", 1),
        ("generation_config.eos_token_id", None),
        ("generation_config.suppress_tokens", [True]),
    ],
)
def test_another_id_or_setting_changes_the_generation(key, value, contents, view):
    assert consequences(contents, spoil(view, key, value)) == {key: "generation"}


TRAINING = (
    ("encoder.hidden_dropout", 0.1),
    ("encoder.hidden_dropout", 1),
    ("encoder.final_dropout", 0.5),
    ("encoder.feat_quantizer_dropout", 0.5),
    ("encoder.layerdrop", 0.1),
    ("encoder.apply_spec_augment", True),
    ("encoder.mask_time_prob", 0.05),
    ("encoder.mask_feature_length", 3),
    ("encoder.mask_time_min_masks", 3),
    ("encoder.ctc_loss_reduction", "mean"),
    ("encoder.diversity_loss_weight", 0.5),
    ("encoder.initializer_range", 0.5),
    ("encoder.num_negatives", 3),
    ("decoder.dropout", 0.3),
    ("decoder.decoder_layerdrop", 0.3),
    ("decoder.classifier_dropout", 0.3),
    ("decoder.init_std", 1.0),
    ("decoder.gradient_checkpointing", True),
    ("gradient_checkpointing", True),
)

NOTHING = (
    ("use_cache", False),
    ("architectures", ["Another"]),
    ("transformers_version", "4.0.0"),
    ("_name_or_path", "somebody/model"),
    ("processor_class", "Wav2Vec2Processor"),
    ("tokenizer_class", "mbart50"),
    ("torchscript", False),
    ("max_length", 20),
    ("forced_bos_token_id", 183),
    ("pad_token_id", None),
    ("eos_token_id", None),
    ("decoder_start_token_id", None),
    ("encoder.transformers_version", "4.0.0"),
    ("encoder.vocab_size", 189),
    ("encoder.pad_token_id", 1),
    ("encoder.do_sample", False),
    ("encoder.num_beams", 7),
    ("encoder.pruned_heads", {}),
    ("encoder.tdnn_dim", [3, 3]),
    ("encoder.use_weighted_layer_sum", True),
    ("encoder.invented", 3),
    ("encoder.torch_dtype", "float16"),
    ("encoder.id2label", {"0": "A", "1": "B", "2": "C"}),
    ("encoder.is_decoder", False),
    ("encoder.output_attentions", False),
    ("encoder.tie_encoder_decoder", False),
    ("decoder.add_bias_logits", True),
    ("decoder.normalize_before", False),
    ("decoder.encoder_attention_heads", 4),
    ("decoder.encoder_layers", 12),
    ("decoder.num_hidden_layers", 12),
    ("decoder.hidden_size", 48),
    ("decoder.max_length", 20),
    ("decoder.bos_token_id", None),
    ("decoder.task_specific_params", None),
    ("decoder.dtype", "float32"),
)


@pytest.mark.parametrize(("key", "value"), TRAINING)
def test_what_only_fine_tuning_reads_is_a_note_of_training(key, value, contents, view):
    assert consequences(contents, spoil(view, key, value)) == {key: "training"}


@pytest.mark.parametrize(("key", "value"), NOTHING)
def test_what_nothing_reads_is_no_fault(key, value, contents, view):
    assert set(consequences(contents, spoil(view, key, value)).values()) <= {"none"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("generation_config._from_model_config", True),
        ("generation_config.temperature", None),
        ("generation_config.temperature", 1.0),
        ("generation_config.top_k", 50),
        ("generation_config.do_sample", False),
        ("generation_config.num_assistant_tokens", 5),
        ("generation_config.num_assistant_tokens_schedule", "heuristic"),
        ("generation_config.length_penalty", None),
        ("generation_config.length_penalty", 1),
        ("generation_config.bos_token_id", None),
        ("generation_config.transformers_version", "4.30.2"),
        ("preprocessor_config.processor_class", "Other"),
    ],
)
def test_a_default_of_another_release_is_no_fault(key, value, contents, view):
    assert key_faults(contents, spoil(view, key, value)) == ()


def say(folder, **said):
    """Replaces the decoder's width in a folder by what is said, and reads that."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    del config["decoder"]["d_model"]
    path.write_text(json.dumps({**config, "decoder": {**config["decoder"], **said}}))
    return view_folder(folder)


def test_a_key_under_another_name_of_its_own_is_no_difference(contents, broken):
    assert config_differences(contents, say(broken, hidden_size=48)) == ()


def test_a_wrong_key_under_another_name_is_one_difference_by_that_name(contents, broken):
    (wrong,) = config_differences(contents, say(broken, hidden_size=24))
    assert (wrong.key, wrong.expected, wrong.actual) == ("decoder.hidden_size", 48, 24)
    assert wrong.meant == "`decoder.d_model`"


def test_of_two_names_in_conflict_the_wrong_one_that_is_taken_is_a_fault_naming_both(
    contents, broken
):
    (wrong,) = key_faults(contents, say(broken, d_model=48, hidden_size=24))
    assert (wrong.key, wrong.actual) == ("decoder.hidden_size", 24)
    assert wrong.meant == "`decoder.d_model`, over the 48 there"


def test_of_two_names_in_conflict_the_wrong_one_that_is_not_taken_is_a_note_naming_both(
    contents, broken
):
    (ignored,) = config_differences(contents, say(broken, d_model=24, hidden_size=48))
    assert (ignored.key, ignored.expected, ignored.actual) == ("decoder.d_model", 48, 24)
    assert ignored.consequence == "none"
    assert ignored.because == "transformers takes `hidden_size` for it"


def test_a_key_that_is_left_out_is_judged_by_the_value_that_transformers_takes(contents, broken):
    def strip(config):
        for key in ("tie_word_embeddings", "is_encoder_decoder", "pad_token_id"):
            del config[key]
        for key in ("do_stable_layer_norm", "hidden_dropout", "hidden_act"):
            del config["encoder"][key]
        return config

    path = broken / "config.json"
    path.write_text(json.dumps(strip(json.loads(path.read_text()))))
    assert consequences(contents, view_folder(broken)) == {
        "pad_token_id": "none",
        "encoder.do_stable_layer_norm": "output",
        "encoder.hidden_dropout": "training",
    }


def test_defaults_written_out_are_no_differences(contents, view):
    import transformers

    defaults = transformers.Wav2Vec2Config().to_dict()
    config = {**view.config, "encoder": {**defaults, **view.config["encoder"]}}
    assert config_differences(contents, replace(view, config=config)) == ()


def test_a_key_that_is_not_there_and_has_no_default_is_absent(contents, view):
    config = {key: value for key, value in view.config.items() if key != "model_type"}
    found = {d.key: d.actual for d in config_differences(contents, replace(view, config=config))}
    assert found["model_type"] == ABSENT


def test_a_list_and_a_tuple_are_the_same_value(contents, view):
    encoder = {**view.config["encoder"], "conv_dim": (32,) * 7}
    spoiled = replace(view, config={**view.config, "encoder": encoder})
    assert config_differences(contents, spoiled) == ()


@pytest.mark.parametrize(
    ("named", "faults"),
    [
        ({"processor_class": "WhisperProcessor"}, ["processor_config.processor_class"]),
        ({"processor_class": 5}, ["processor_config.processor_class"]),
        ({"processor_class": "Wav2Vec2Processor"}, []),
        ({}, []),
    ],
)
def test_another_processor_than_the_checkpoints_is_a_fault(named, faults, contents, view):
    found = key_faults(contents, replace(view, processor=named))
    assert [difference.key for difference in found] == faults
