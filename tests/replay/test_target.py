import json
import re

import pytest
import torch
from transformers.utils import logging

from tests.breaking import add, edit_tensors, remove, set_key
from toolkit.core.errors import BadInput
from toolkit.oracle.search import Search, with_beam
from toolkit.replay.target import quiet_transformers
from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget

GREEDY = Search(beam=1)


def edit_config(folder, **changes):
    """Sets keys of `config.json`; None removes one."""
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


@pytest.mark.parametrize(
    "file", ["model.safetensors", "config.json", "preprocessor_config.json", "tokenizer.json"]
)
def test_a_folder_that_lacks_a_file_is_bad_input(file, broken):
    (broken / file).unlink()
    expected = "must be a folder that transformers loads|must hold its weights"
    with pytest.raises(BadInput, match=expected) as caught:
        Seq2SeqTarget(broken)
    assert str(broken) in str(caught.value)
    assert re.search("Convert the checkpoint again|Save the model", str(caught.value))


@pytest.mark.parametrize("garbage", ["", "{", "[]", '{"model_type": "nothing"}', "\0\0"])
def test_a_garbage_configuration_is_bad_input(garbage, broken):
    (broken / "config.json").write_text(garbage)
    with pytest.raises(BadInput, match="must be a folder that transformers loads"):
        Seq2SeqTarget(broken)


def test_loading_a_right_folder_reports_nothing(target):
    loading = target.loading
    assert (loading.missing, loading.unexpected, loading.mismatched) == ((), (), ())


def test_loading_names_missing_and_unexpected_tensors(broken):
    remove("decoder.model.decoder.layer_norm.bias")(broken)
    add("decoder.extra", torch.zeros(2))(broken)
    loading = Seq2SeqTarget(broken).loading
    assert loading.missing == ("decoder.model.decoder.layer_norm.bias",)
    assert loading.unexpected == ("decoder.extra",)


@pytest.mark.parametrize(
    ("key", "value", "tensor"),
    [
        ("encoder.num_conv_pos_embeddings", 15, "encoder.encoder.pos_conv_embed.conv."),
        ("encoder.hidden_size", 96, "encoder.feature_projection.projection.weight"),
        ("decoder.max_position_embeddings", 512, "decoder.model.decoder.embed_positions.weight"),
    ],
)
def test_loading_names_the_tensors_whose_shape_a_key_changed(key, value, tensor, broken):
    set_key("config.json", key, value)(broken)
    loading = Seq2SeqTarget(broken).loading
    assert any(tensor in mismatched for mismatched in loading.mismatched)


def test_what_no_file_fills_is_drawn_alike_each_time_and_leaves_others_draws_alone(broken):
    set_key("config.json", "encoder.num_hidden_layers", 4)(broken)
    torch.manual_seed(1)
    one = Seq2SeqTarget(broken)
    drawn = torch.rand(3)
    other = Seq2SeqTarget(broken)
    missing = [name for name in one.loading.missing if name.endswith("q_proj.weight")]
    assert missing
    for name in missing:
        values = one.model.get_parameter(name)
        assert values.unique().numel() > 1
        assert values.equal(other.model.get_parameter(name))
    torch.manual_seed(1)
    assert torch.rand(3).equal(drawn)


@pytest.mark.parametrize("file", ["preprocessor_config.json", "tokenizer.json"])
def test_a_lenient_target_needs_the_model_alone(file, broken, run):
    (broken / file).unlink()
    lenient = Seq2SeqTarget(broken, lenient=True)
    logits = lenient.forward([run.source], [run.prefix]).logits
    assert logits.equal(run.target_result)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("encoder.conv_stride", "many"),
        ("encoder.hidden_size", 50),
        ("encoder.hidden_size", "wide"),
        ("encoder.hidden_act", "nonsense"),
        ("encoder", []),
    ],
)
def test_a_configuration_that_makes_no_model_is_bad_input(key, value, broken):
    set_key("config.json", key, value)(broken)
    for lenient in (True, False):
        with pytest.raises(BadInput, match="must be a folder that transformers loads"):
            Seq2SeqTarget(broken, lenient=lenient)


def test_a_target_shows_the_files_it_was_loaded_from(target, converted):
    assert target.view.path == converted
    assert target.view.value("encoder.hidden_size") == 48


def test_the_model_is_loaded_in_float32_ready_for_inference_with_stock_classes(target):
    assert {p.dtype for p in target.model.parameters()} == {torch.float32}
    assert not target.model.training
    assert type(target.model).__module__.startswith("transformers.")


def test_a_float64_pass_leaves_weights_and_attention_as_they_were(target, run):
    before = {name: tensor.clone() for name, tensor in target.model.state_dict().items()}
    attention = target.model.config.decoder._attn_implementation
    target.forward([run.source], [run.prefix], double=True, explicit=True)
    with pytest.raises(IndexError):
        target.forward([run.source], [[2, 100_000]], double=True, explicit=True)
    after = target.model.state_dict()
    assert all(after[name].equal(tensor) for name, tensor in before.items())
    assert target.model.config.decoder._attn_implementation == attention != "eager"


def test_exact_is_float64_with_explicit_attention_while_it_lasts(target):
    with target.exact():
        assert {p.dtype for p in target.model.parameters()} == {torch.float64}
        assert target.model.config.decoder._attn_implementation == "eager"
    assert {p.dtype for p in target.model.parameters()} == {torch.float32}


def test_greedy_search_finds_one_hypothesis_and_a_beam_many(target, run):
    search = Search(beam=1)
    (greedy,) = target.search(run.source, search, 188)
    assert (greedy.tokens[0], greedy.tokens[-1]) == (188, 2)
    beam = target.search(run.source, with_beam(search, 5), 188)
    assert beam[0].tokens == greedy.tokens
    assert len({hypothesis.tokens for hypothesis in beam}) == 5
    assert [h.score for h in beam] == sorted((h.score for h in beam), reverse=True)


def test_the_tag_decides_the_language(target, run):
    (german,) = target.search(run.source, Search(beam=1), 182)
    assert german.tokens[0] == 182


def test_without_a_tag_the_first_token_is_the_models_own(target, run):
    (free,) = target.search(run.source, Search(beam=1), None)
    logits = target.forward([run.source], [[2]]).logits[0, -1]
    assert free.tokens[0] == int(logits.argmax())


def test_a_hypothesis_ends_with_the_first_end_token(target):
    assert target._trimmed([2, 188, 7, 2, 1, 1]) == (188, 7, 2)
    assert target._trimmed([2, 188, 7]) == (188, 7)


def test_text_has_no_special_tokens(target, run):
    assert target.text((188, *target.tokenizer("Ёжик").input_ids[1:])) == "Ёжик"
    assert target.text(run.greedy.converted) == "Ёжик ест яблоко."


def test_the_pipeline_says_the_text_of_a_waveform(target, clip):
    waveform = torch.from_numpy(clip("ru_2").waveform)
    assert target.pipeline_text(waveform, GREEDY, 188) == "Ёжик ест яблоко."


def test_the_pipeline_uses_the_folders_own_language_where_none_is_asked_for(broken, clip):
    set_key("generation_config.json", "forced_bos_token_id", 188)(broken)
    waveform = torch.from_numpy(clip("ru_2").waveform)
    assert Seq2SeqTarget(broken).pipeline_text(waveform, GREEDY, None) == "Ёжик ест яблоко."


def test_the_front_end_is_the_folders_own(broken, clip, target):
    waveform = torch.from_numpy(clip("ru_2").waveform)
    assert not target.front_end(waveform).equal(waveform)
    set_key("preprocessor_config.json", "do_normalize", False)(broken)
    assert Seq2SeqTarget(broken).front_end(waveform).equal(waveform)


@pytest.mark.parametrize("verbosity", [logging.INFO, logging.ERROR])
@pytest.mark.parametrize("bars", [True, False])
def test_transformers_is_as_talkative_after_quiet_as_before(verbosity, bars):
    before, before_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    set_bars = {True: logging.enable_progress_bar, False: logging.disable_progress_bar}
    try:
        logging.set_verbosity(verbosity)
        set_bars[bars]()
        with quiet_transformers():
            assert logging.get_verbosity() == logging.ERROR
            assert not logging.is_progress_bar_enabled()
        with pytest.raises(ZeroDivisionError), quiet_transformers():
            raise ZeroDivisionError
        assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (verbosity, bars)
    finally:
        logging.set_verbosity(before)
        set_bars[before_bars]()


# The dtype that users get


@pytest.mark.parametrize("key", ["dtype", "torch_dtype"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_weights_are_rounded_to_the_dtype_that_users_get(key, dtype, broken, target):
    edit_config(broken, **{"dtype": None, key: dtype})
    rounded = Seq2SeqTarget(broken).model.state_dict()
    for name, exact in target.model.state_dict().items():
        assert rounded[name].dtype is torch.float32
        assert rounded[name].equal(exact.to(getattr(torch, dtype)).float())


@pytest.mark.parametrize("dtype", ["float32", "float64", None])
def test_a_dtype_that_holds_the_weights_changes_none(dtype, broken, run):
    edit_config(broken, dtype=dtype)
    logits = Seq2SeqTarget(broken).forward([run.source], [run.prefix]).logits
    assert logits.equal(run.target_result)


def test_without_a_key_the_dtype_is_that_of_the_weights(broken):
    edit_config(broken, dtype=None)
    edit_tensors(broken, lambda tensors: tensors.update({n: t.half() for n, t in tensors.items()}))
    weights = Seq2SeqTarget(broken).model.parameters()
    assert all(weight.equal(weight.half().float()) for weight in weights)


@pytest.mark.parametrize("dtype", ["float17", "int8", 16])
def test_a_dtype_that_no_model_can_have_is_bad_input(dtype, broken):
    edit_config(broken, dtype=dtype)
    with pytest.raises(BadInput, match="must be a folder that transformers loads"):
        Seq2SeqTarget(broken)


def test_a_feature_extractor_that_makes_no_waveforms_is_told(broken):
    set_key("preprocessor_config.json", "feature_extractor_type", "WhisperFeatureExtractor")(broken)
    with pytest.raises(ValueError, match="`WhisperFeatureExtractor` makes input_features"):
        Seq2SeqTarget(broken).front_end(torch.zeros(16000))
