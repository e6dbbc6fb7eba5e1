"""Builds fairseq's own model from settings and a state dict that somebody else has read.

fairseq's `torch.load` never runs, so no code of the checkpoint does either.
"""

from __future__ import annotations

from argparse import Namespace
from copy import deepcopy
from inspect import signature
from typing import TYPE_CHECKING, Any, Collection, Dict, Mapping, Tuple

from toolkit.oracle.tasks.base import PADDINGS, Settings, register_models
from toolkit.oracle.tasks.ctc.build import configure_encoder

if TYPE_CHECKING:
    from torch import Tensor

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
    settings: Settings,
    state_dict: Mapping[str, Tensor],
    data_dir: str,
    *,
    dropped: Collection[str] = (),
    padding: str = "masked",
) -> Tuple[Any, Any]:
    """The task and the model of fairseq, in evaluation mode, with the given weights.

    Args:
        settings: The checkpoint's model and task arguments in one flat mapping, with `w2v_args` as
            a mapping. The tensors alone tell an adaptor of July 2021 and the decoder's positions.
        state_dict: Weights by name; all must fit.
        data_dir: Folder with `config.yaml`, the dictionary and the sentencepiece model.
        dropped: Names that the model may lack: what training alone needed.
        padding: `"masked"` if the adaptor zeroes padded frames, as since fairseq 4fe85833
            (2022-07-29); `"unmasked"` if not. The adaptor of July 2021 never does.

    Returns:
        The task and the model.

    Raises:
        ImportError: fairseq is not installed.
        ValueError: `padding` is neither of the two.
        RuntimeError: the state dict does not fit the model that the settings describe.
    """
    if padding not in PADDINGS:
        raise ValueError(f"`padding` must be one of {PADDINGS}, but is {padding!r}.")
    register_models()
    from fairseq import tasks

    from toolkit.oracle.loading import load_weights, unfilled
    from toolkit.oracle.mends.conformer import mended_conformer
    from toolkit.oracle.mends.pretrained import described_encoder

    args = make_namespace({**read_off(state_dict), **settings}, data_dir)
    task = tasks.setup_task(args)
    _measure_positions(args, state_dict, task.target_dictionary.pad())
    with mended_conformer(), unfilled(), described_encoder(args.encoder_embed_dim):
        model = task.build_model(args)
        _restore_adaptor(args, task, model, state_dict, masked=padding == "masked")
    load_weights(model, state_dict, dropped)
    model.eval()
    return task, model


def read_off(state_dict: Mapping[str, Tensor]) -> Dict[str, object]:
    """Arguments that the tensors' names tell, for checkpoints that do not say.

    fairseq 75f8fa29 (2021-12-30) turned the defaults of these four from True to False.
    """
    return {
        "decoder_normalize_before": "decoder.layer_norm.weight" in state_dict,
        "decoder_learned_pos": "decoder.embed_positions.weight" in state_dict,
        "layernorm_embedding": "decoder.layernorm_embedding.weight" in state_dict,
        "share_decoder_input_output_embed": "decoder.output_projection.weight" not in state_dict,
    }


def make_namespace(settings: Settings, data_dir: str) -> Namespace:
    """The arguments as fairseq's task and model want them on this machine."""
    values: Dict[str, Any] = {**MISSING_DEFAULTS, **deepcopy(dict(settings))}
    values.update({name: None for name in LEFT_BEHIND if name in values})
    values.update(data=data_dir, config_yaml="config.yaml", w2v_path=None)
    w2v_args = values["w2v_args"]
    values["w2v_args"] = _w2v_args(w2v_args)
    values["encoder_embed_dim"] = w2v_args.get("model", w2v_args)["encoder_embed_dim"]
    return Namespace(**values)


def _measure_positions(args: Namespace, state_dict: Mapping[str, Tensor], pad: int) -> None:
    """Until 7b9118bd (2022-03-25) the decoder had 1024 positions, whatever the argument said."""
    positions = state_dict.get("decoder.embed_positions.weight")
    if positions is not None:
        args.max_target_positions = positions.shape[0] - pad - 1


def _restore_adaptor(
    args: Namespace, task: Any, model: Any, state_dict: Mapping[str, Tensor], *, masked: bool
) -> None:
    from toolkit.oracle.mends.adaptors import choose_padding, maybe_normed_adaptor

    normed = maybe_normed_adaptor(state_dict, args.adaptor_stride)
    if normed is None:
        if model.encoder.adaptor is not None:
            choose_padding(model.encoder.adaptor, masked)
        return
    model.encoder.adaptor = normed
    if normed.out_dim != args.encoder_embed_dim:
        reads = Namespace(**{**vars(args), "encoder_embed_dim": normed.out_dim})
        model.decoder = model.build_decoder(reads, task, model.decoder.embed_tokens)


def _w2v_args(w2v_args: Settings) -> Any:
    """The encoder's arguments in groups; fairseq's own conversion of flat ones takes seconds."""
    if "model" not in w2v_args:
        return configure_encoder("wav2vec2", w2v_args, w2v_args)
    from omegaconf import OmegaConf

    # omegaconf 2.0, which fairseq 0.12.2 asks for, knows no flags here.
    has_flags = "flags" in signature(OmegaConf.create).parameters
    flags = {"flags": {"allow_objects": True}} if has_flags else {}
    groups = dict(w2v_args)
    if isinstance(groups.get("task"), Mapping):
        groups["task"] = _known_task(groups["task"])
    return OmegaConf.create(groups, **flags)


def _known_task(task: Settings) -> Dict[str, object]:
    """The pretraining task's settings, without those that the fairseq at hand does not know.

    They say how training read its data, and no weight depends on them. fairseq main leaves them out
    by itself (`from_checkpoint`); 0.12.2 refuses `multi_corpus_keys` and others of main's.
    """
    from fairseq.tasks import TASK_DATACLASS_REGISTRY

    config = TASK_DATACLASS_REGISTRY.get(task.get("_name"))
    if config is None:
        return dict(task)
    return {key: value for key, value in task.items() if key in config.__dataclass_fields__}
