from argparse import Namespace
from pathlib import Path

import pytest
import torch
from fairseq.dataclass.utils import convert_namespace_to_omegaconf, merge_with_parent
from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config
from omegaconf import DictConfig, OmegaConf

from tests.variants.arguments import MODEL, W2V
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.tasks.base import register_models
from toolkit.oracle.tasks.speech_seq2seq.build import (
    LEFT_BEHIND,
    MISSING_DEFAULTS,
    build_model,
    make_namespace,
)


@pytest.fixture(scope="module")
def settings(prepared):
    return prepared.task.reference_settings


@pytest.fixture(scope="module")
def data_dir(reference):
    """Where the session's reference found its dictionary and configuration."""
    return str(Path(reference.task.args.data))


def test_attributes_that_newer_fairseq_reads_are_filled(settings, data_dir):
    bare = {name: value for name, value in settings.items() if name not in MISSING_DEFAULTS}
    args = make_namespace(bare, data_dir)
    assert {name: getattr(args, name) for name in MISSING_DEFAULTS} == MISSING_DEFAULTS


def test_an_attribute_that_the_checkpoint_has_is_kept(settings, data_dir):
    assert make_namespace({**settings, "ddp_backend": "c10d"}, data_dir).ddp_backend == "c10d"


def test_paths_of_the_training_machine_are_left_behind(settings, data_dir):
    paths = {name: f"/checkpoint/somebody/{name}.pt" for name in LEFT_BEHIND}
    args = make_namespace({**settings, **paths, "data": "/datasets", "config_yaml": "x"}, data_dir)
    assert [getattr(args, name) for name in LEFT_BEHIND] == [None] * len(LEFT_BEHIND)
    assert (args.data, args.config_yaml) == (data_dir, "config.yaml")


def test_the_given_settings_are_not_changed(settings, data_dir):
    given = {**settings, "w2v_path": "/somewhere", "w2v_args": {"encoder_embed_dim": 48}}
    make_namespace(given, data_dir).w2v_args.encoder_embed_dim = 1
    assert given["w2v_path"] == "/somewhere"
    assert given["w2v_args"] == {"encoder_embed_dim": 48}


def test_flat_wav2vec_arguments_become_what_fairseq_makes_of_them(settings, data_dir):
    register_models()
    flat = dict(settings["w2v_args"])
    flat = dict(flat.get("model", flat))
    args = make_namespace({**settings, "w2v_args": flat}, data_dir)
    fairseqs = convert_namespace_to_omegaconf(Namespace(**flat))
    ours, theirs = (
        merge_with_parent(Wav2Vec2Config(), OmegaConf.create(dict(made.model)))
        for made in (args.w2v_args, fairseqs)
    )
    assert ours == theirs
    assert args.w2v_args.task.get("normalize", False) == fairseqs.task.normalize
    assert args.encoder_embed_dim == args.w2v_args.model.encoder_embed_dim == 48


def test_grouped_wav2vec_arguments_become_a_configuration(settings, data_dir):
    given = dict(settings["w2v_args"])
    grouped = given if "model" in given else {"model": given, "task": {}}
    args = make_namespace({**settings, "w2v_args": grouped}, data_dir)
    assert isinstance(args.w2v_args, DictConfig)
    assert args.encoder_embed_dim == args.w2v_args.model.encoder_embed_dim == 48


def test_the_model_holds_exactly_the_given_weights_in_evaluation_mode(settings, data_dir, prepared):
    state = prepared.checkpoint.state_dict()
    with quiet_fairseq():
        task, model = build_model(settings, state, data_dir)
    built = model.state_dict()
    assert built.keys() == state.keys()
    assert all(built[name].equal(tensor) for name, tensor in state.items())
    assert not any(module.training for module in model.modules())
    assert len(task.tgt_dict) == 189


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("missing", lambda state: state.pop("decoder.layer_norm.bias")),
        ("unexpected", lambda state: state.update({"decoder.extra": torch.zeros(1)})),
        ("size", lambda state: state.update({"decoder.layer_norm.bias": torch.zeros(3)})),
    ],
)
def test_a_state_dict_that_does_not_fit_is_refused(name, spoil, settings, data_dir, prepared):
    state = dict(prepared.checkpoint.state_dict())
    spoil(state)
    with quiet_fairseq(), pytest.raises(RuntimeError, match=f"(?i){name}"):
        build_model(settings, state, data_dir)


EXTRA = {"aux_decoder.weight": torch.zeros(1), "encoder.w2v_encoder.ema.weight": torch.zeros(1)}


def test_names_that_the_plan_drops_may_be_missing_from_the_model(
    settings, data_dir, prepared, reference
):
    state = {**prepared.checkpoint.state_dict(), **EXTRA}
    with quiet_fairseq():
        _, model = build_model(settings, state, data_dir, dropped=tuple(EXTRA))
    built, expected = model.state_dict(), reference.model.state_dict()
    assert built.keys() == expected.keys()
    assert all(built[name].equal(tensor) for name, tensor in expected.items())


def test_every_other_extra_name_is_refused(settings, data_dir, prepared):
    state = {**prepared.checkpoint.state_dict(), **EXTRA}
    dropped, other = EXTRA
    with quiet_fairseq(), pytest.raises(RuntimeError) as raised:
        build_model(settings, state, data_dir, dropped=[dropped])
    assert other in str(raised.value)
    assert dropped not in str(raised.value)


def test_a_dropped_name_that_the_model_has_is_loaded_and_missed(settings, data_dir, prepared):
    name = "encoder.w2v_encoder.w2v_model.layer_norm.bias"
    state = prepared.checkpoint.state_dict()
    with quiet_fairseq():
        _, model = build_model(settings, state, data_dir, dropped=[name])
    assert model.state_dict()[name].equal(state[name])
    bare = {key: tensor for key, tensor in state.items() if key != name}
    with quiet_fairseq(), pytest.raises(RuntimeError, match="layer_norm.bias"):
        build_model(settings, bare, data_dir, dropped=[name])


FLAGS = (
    "decoder_normalize_before",
    "decoder_learned_pos",
    "layernorm_embedding",
    "share_decoder_input_output_embed",
)
NEEDED = (
    "arch",
    "task",
    "normalize",
    "decoder_layers",
    "decoder_embed_dim",
    "decoder_ffn_embed_dim",
    "decoder_attention_heads",
    "max_source_positions",
    "max_target_positions",
)
"""What training must have said, or the defaults would make a large model."""


@pytest.mark.parametrize("flag", [False, True])
def test_arguments_of_2021_build_and_tensors_tell_what_defaults_said(
    flag, make_state, build, sources
):
    told = {**MODEL, **dict.fromkeys(FLAGS, flag), "w2v_args": W2V}
    state = make_state(told)
    bare = {name: MODEL[name] for name in NEEDED} | {"w2v_args": W2V}
    expected = build(told, state).forward(sources[:1], [[2, 5]]).logits
    actual = build(bare, state).forward(sources[:1], [[2, 5]]).logits
    assert actual.equal(expected)


def test_wav2vec_arguments_of_2021_may_be_grouped(plain, make_state, build, sources):
    state = make_state(plain)
    model = {name: W2V[name] for name in W2V if name not in {"arch", "task", "data", "normalize"}}
    task = {"_name": "audio_pretraining", "data": "/datasets", "normalize": True}
    grouped = {"_name": None, "model": {"_name": "wav2vec2", **model}, "task": task}
    expected = build(plain, state).forward(sources[:1], [[2, 5]]).logits
    actual = build({**plain, "w2v_args": grouped}, state).forward(sources[:1], [[2, 5]]).logits
    assert actual.equal(expected)


def test_what_fairseq_does_not_know_of_the_pretraining_task_is_left_out():
    register_models()
    task = {"_name": "audio_pretraining", "data": "/datasets", "normalize": True}
    grouped = {"model": {"encoder_embed_dim": 32}, "task": {**task, "of_a_later_fairseq": 1}}
    made = make_namespace({"w2v_args": grouped}, "data").w2v_args
    assert dict(made.task) == task
    foreign = {"_name": "of_a_fork", "own": 1}
    made = make_namespace({"w2v_args": {**grouped, "task": foreign}}, "data").w2v_args
    assert dict(made.task) == foreign


def test_the_number_of_positions_is_that_of_the_tensor(plain, make_state, build):
    state = make_state(plain)
    decoder = build({**plain, "max_target_positions": 2048}, state).model.decoder
    assert decoder.max_positions() == decoder.max_target_positions == MODEL["max_target_positions"]
