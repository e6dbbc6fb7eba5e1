from dataclasses import replace

import pytest
import yaml

from tests.families.networks import network_of
from toolkit.core.errors import BadInput
from toolkit.families import Options
from toolkit.families.xm_transformer import FAMILY


def configuration(task):
    return yaml.safe_load(task.reference_files["config.yaml"])


@pytest.mark.parametrize("extra", [-1, 1])
def test_a_dictionary_of_another_size_is_refused_with_both_sizes(prepared, task_of, extra):
    symbols = [*prepared.sidecars.dictionary.symbols, "more"][: 189 + extra]
    with pytest.raises(
        BadInput, match=f"must give 189 symbols, .*but gives {189 + extra} .*--dict"
    ):
        task_of(symbols=symbols)


def test_the_configurations_own_language_is_the_default(task_of):
    task = task_of()
    assert task.default_lang == "en"
    assert task.contents.prefix_tag == "<lang:en>"
    assert task.contents.generation["forced_bos_token_id"] == 183
    assert list(task.contents.language_tags) == ["de", "en", "es", "fr", "it", "pt", "ru"]


def test_a_language_can_be_chosen(task_of):
    task = task_of(target_lang="ru")
    assert (task.default_lang, task.contents.prefix_tag) == ("ru", "<lang:ru>")
    assert task.contents.generation["forced_bos_token_id"] == 188


def test_an_unknown_language_is_refused_with_those_that_are_there(task_of):
    with pytest.raises(
        BadInput, match=r"`xx` must be a target language .*: de, en, es, fr, it, pt"
    ):
        task_of(target_lang="xx")


def test_an_unknown_language_of_the_configuration_is_refused(task_of):
    with pytest.raises(BadInput, match=r"`xx` must be a target language .*--target-lang"):
        task_of(config={"hub": {"tgt_lang": "xx", "input_type": "waveform"}})


def test_several_languages_without_a_default_are_refused(task_of):
    with pytest.raises(BadInput, match=r"has 7 .de, en, es, fr, it, pt, ru. .*--target-lang"):
        task_of(config={"hub": {"input_type": "waveform"}})


def test_the_only_language_needs_no_choice(prepared, task_of):
    symbols = [
        s if i < 182 or i == 185 else f"piece{i}"
        for i, s in enumerate(prepared.sidecars.dictionary.symbols)
    ]
    task = task_of(symbols=symbols, config={"hub": None})
    assert task.default_lang == "fr"


def test_a_tag_that_stands_behind_bos_is_refused(task_of):
    with pytest.raises(BadInput, match="prepend_bos_and_append_tgt_lang_tag"):
        task_of(config={"prepend_bos_and_append_tgt_lang_tag": True})


def test_a_language_for_a_task_without_tags_is_refused(task_of):
    with pytest.raises(BadInput, match=r"--target-lang de. must choose .*prepend_tgt_lang_tag"):
        task_of(config={"prepend_tgt_lang_tag": False}, target_lang="de")


def test_a_task_without_tags_generates_at_least_what_fairseq_does(task_of, variant):
    task = task_of(
        config={"prepend_tgt_lang_tag": False}, checkpoint=variant(generation={"min_len": 3})
    )
    assert (task.default_lang, task.contents.prefix_tag) == (None, None)
    assert task.contents.generation["min_new_tokens"] == 3
    assert "forced_bos_token_id" not in task.contents.generation


def test_the_generation_settings_are_fairseqs_defaults_in_its_own_terms(task_of):
    assert task_of().contents.generation == {
        "bos_token_id": 0,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
        "forced_bos_token_id": 183,
        "forced_eos_token_id": 2,
        "suppress_tokens": [1],
        "max_length": 202,
        "num_beams": 5,
        "length_penalty": 1.0,
        "early_stopping": True,
        "no_repeat_ngram_size": 0,
    }


@pytest.mark.parametrize("as_args", [False, True])
def test_the_generation_settings_are_the_checkpoints_own(variant, task_of, as_args):
    chosen = {"beam": 3, "lenpen": 0.5, "max_len_b": 50, "no_repeat_ngram_size": 2}
    task = task_of(checkpoint=variant(generation=chosen, as_args=as_args))
    generation = task.contents.generation
    assert (task.search.beam, task.search.lenpen, task.search.max_len_b) == (3, 0.5, 50)
    assert (generation["num_beams"], generation["length_penalty"]) == (3, 0.5)
    assert (generation["max_length"], generation["no_repeat_ngram_size"]) == (52, 2)


def test_a_search_is_never_longer_than_the_positions(variant, golden_tensors, task_of):
    positions = golden_tensors["decoder.embed_positions.weight"][:66]
    task = task_of(checkpoint=variant({"decoder.embed_positions.weight": positions}))
    assert task.contents.max_positions == 64
    assert task.contents.generation["max_length"] == 65


@pytest.mark.parametrize(
    ("input_type", "normalize"), [("standardized_waveform", True), ("waveform", False)]
)
def test_the_input_type_decides_about_normalization(task_of, input_type, normalize):
    task = task_of(config={"hub": {"input_type": input_type, "tgt_lang": "en"}})
    assert task.contents.preprocessor["do_normalize"] is normalize
    assert configuration(task)["hub"] == {"input_type": input_type, "tgt_lang": "en"}


def test_agreement_about_normalization_is_no_assumption(task_of):
    assert task_of().assumptions == ()


def test_a_conflict_about_normalization_is_an_assumption_that_names_both_sides(task_of):
    (assumption,) = task_of(
        config={"hub": {"input_type": "waveform", "tgt_lang": "en"}}
    ).assumptions
    assert assumption.name == "preprocessor_config.do_normalize"
    assert assumption.because == (
        "config.yaml hub.input_type says False, which fairseq's own inference follows, although "
        "args.normalize and w2v_args.task.normalize and config.yaml standardize_audio says True"
    )


def test_without_an_input_type_the_models_arguments_decide(task_of, variant):
    task = task_of(
        config={"hub": {"tgt_lang": "en"}, "standardize_audio": True},
        checkpoint=variant(model={"normalize": False}, w2v={"normalize": False}),
    )
    assert task.contents.preprocessor["do_normalize"] is False
    assert "config.yaml standardize_audio" in task.assumptions[0].because


def silent_about_normalization(prepared, variant, gone):
    """A checkpoint and companions that do not say whether audio is standardized."""
    checkpoint = variant(model={"normalize": gone}, w2v={"normalize": gone})
    config = {k: v for k, v in prepared.sidecars.config.items() if k != "standardize_audio"}
    sidecars = replace(prepared.sidecars, config={**config, "hub": {"tgt_lang": "en"}})
    return FAMILY.task(checkpoint, sidecars, network_of(checkpoint), Options())


def test_normalization_that_nothing_says_is_assumed_from_the_extractor(prepared, variant, gone):
    task = silent_about_normalization(prepared, variant, gone)
    assert task.contents.preprocessor["do_normalize"] is True
    (assumption,) = task.assumptions
    assert assumption.name == "preprocessor_config.do_normalize"
    assert "with layer norm in the extractor take standardized audio" in assumption.because
    assert f"`hub: {{input_type: ...}}` in `{prepared.sidecars.config_yaml}`" in assumption.because


def test_the_front_end_is_that_of_wav2vec(task_of):
    preprocessor = task_of().contents.preprocessor
    assert preprocessor["feature_extractor_type"] == "Wav2Vec2FeatureExtractor"
    assert (preprocessor["sampling_rate"], preprocessor["return_attention_mask"]) == (16_000, True)


def test_the_reference_reads_its_files_beside_its_configuration(prepared, task_of):
    task = task_of(config={"vocab_filename": "/cluster/dict.txt"})
    said = configuration(task)
    assert said["vocab_filename"] == "dict.txt"
    assert said["bpe_tokenizer"]["sentencepiece_model"] == "spm.model"
    assert said["prepend_tgt_lang_tag"] is True
    own = prepared.checkpoint.settings["cfg"]["model"]
    assert task.reference_settings["w2v_args"] == own["w2v_args"]
    assert task.reference_settings["decoder_layers"] == 3
