from argparse import Namespace
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig

from toolkit.oracle.build import LEFT_BEHIND, MISSING_DEFAULTS, build_model, make_namespace
from toolkit.pipeline.reference import quiet_fairseq


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


def test_flat_wav2vec_arguments_become_a_namespace(settings, data_dir):
    flat = dict(settings["w2v_args"])
    flat = dict(flat.get("model", flat))
    args = make_namespace({**settings, "w2v_args": flat}, data_dir)
    assert isinstance(args.w2v_args, Namespace)
    assert args.encoder_embed_dim == args.w2v_args.encoder_embed_dim == 48


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
