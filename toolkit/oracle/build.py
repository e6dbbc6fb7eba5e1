"""Builds fairseq's own model from settings and a state dict that somebody else has read.

fairseq's `torch.load` never runs, so no code of the checkpoint does either.
"""

from __future__ import annotations

from argparse import Namespace
from copy import deepcopy
from typing import Any, Dict, Mapping, Tuple

MISSING_DEFAULTS = {
    "freeze_regex": None,
    "load_ema": False,
    "ddp_backend": "pytorch_ddp",
    "multitask_config_yaml": None,
}
"""Attributes that newer fairseq reads unconditionally and older checkpoints lack."""

LEFT_BEHIND = ("w2v_path", "load_pretrained_encoder_from", "load_pretrained_decoder_from")
"""Paths of the machine that trained the checkpoint; its state dict holds their weights already."""


def build_model(
    settings: Mapping[str, Any], state_dict: Mapping[str, Any], data_dir: str
) -> Tuple[Any, Any]:
    """The task and the model of fairseq, in evaluation mode, with the given weights.

    Args:
        settings: The checkpoint's model and task arguments in one flat mapping, with `w2v_args` as
            a mapping.
        state_dict: Weights by name; loaded with `strict=True`.
        data_dir: Folder with `config.yaml`, the dictionary and the sentencepiece model.

    Returns:
        The task and the model.

    Raises:
        ImportError: fairseq is not installed.
        RuntimeError: the state dict does not fit the model that the settings describe.
    """
    from fairseq import tasks

    register_models()
    args = make_namespace(settings, data_dir)
    task = tasks.setup_task(args)
    model = task.build_model(args)
    model.load_state_dict(dict(state_dict), strict=True)
    model.eval()
    return task, model


def make_namespace(settings: Mapping[str, Any], data_dir: str) -> Namespace:
    """The arguments as fairseq's task and model want them on this machine."""
    values: Dict[str, Any] = {**MISSING_DEFAULTS, **deepcopy(dict(settings))}
    values.update({name: None for name in LEFT_BEHIND if name in values})
    values.update(data=data_dir, config_yaml="config.yaml", w2v_path=None)
    w2v_args = values["w2v_args"]
    values["w2v_args"] = _w2v_args(w2v_args)
    values["encoder_embed_dim"] = w2v_args.get("model", w2v_args)["encoder_embed_dim"]
    return Namespace(**values)


def _w2v_args(w2v_args: Mapping[str, Any]) -> Any:
    if "model" not in w2v_args:
        return Namespace(**w2v_args)
    from omegaconf import OmegaConf

    return OmegaConf.create(dict(w2v_args), flags={"allow_objects": True})


def register_models() -> None:
    """Imports the modules that enter their models and tasks into fairseq's registries."""
    import fairseq.models.speech_to_text
    import fairseq.models.wav2vec
    import fairseq.tasks.audio_pretraining
    import fairseq.tasks.speech_to_text  # noqa: F401
