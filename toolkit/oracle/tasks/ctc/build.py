"""Builds fairseq's own CTC model from settings and weights that somebody else has read."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from ast import literal_eval
from dataclasses import MISSING, fields
from importlib import import_module
from typing import (
    TYPE_CHECKING,
    Any,
    Collection,
    Dict,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from toolkit.oracle.loading import load_weights, unfilled
from toolkit.oracle.tasks.base import Settings, maybe_model, register_models
from toolkit.oracle.tasks.ctc.reference import CtcReference, CtcTask, make_dictionary
from toolkit.oracle.tasks.ctc.voices import of_model, read_voices

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from torch import Tensor

Arguments = Union[Namespace, Settings]
"""fairseq's arguments as one object or by name."""

HERE = {"data": ".", "w2v_path": None, "ddp_backend": "pytorch_ddp"}
"""Arguments of the machine that trained the model, and what they are on this one."""

TASKS = {
    "wav2vec2": "audio_pretraining",
    "hubert": "hubert_pretraining",
    "data2vec_audio": "audio_pretraining",
}
"""What each kind of encoder was pretrained by."""

EXAMPLES = {"data2vec_audio": "fairseq.examples.data2vec.models.data2vec_audio"}
"""Where fairseq has models that it does not register by itself."""

LABELS = "ltr"
"""What fairseq's recipes call letters."""
DICTIONARY = f"dict.{LABELS}.txt"
"""The file of the symbols, by the name that fairseq's task looks for."""

OF_LAYERS = ("layer_type", "adp_num", "adp_dim", "adp_trf_idx", "pos_conv_depth")
"""Arguments of an encoder's layers that its tensors tell."""

_LAYER = re.compile(r"(?:.*\.)?encoder\.layers\.\d+\..*")
_POSITIONS = re.compile(r"(?:.*\.)?encoder\.pos_conv\.(\d+)\.0\.weight")
_ADAPTER = re.compile(r"(?:.*\.)?encoder\.layers\.(\d+)\.adapter_layer\.W_a")


def open_reference(
    settings: Settings,
    state_dict: Mapping[str, Tensor],
    data_dir: str,
    *,
    dropped: Collection[str],
    padding: str,  # noqa: ARG001
    tags: Collection[int],  # noqa: ARG001
) -> "CtcReference":
    """See `toolkit.oracle.tasks.open_task`; there is no adaptor; a tag is a language's number."""
    with open(os.path.join(data_dir, DICTIONARY), encoding="utf-8") as file:
        symbols = [row.rsplit(" ", 1)[0] for row in file.read().split("\n") if row]
    own = of_model(state_dict)
    reference = build_ctc(settings, symbols, own, dropped=dropped)
    adapters = int(read_layers(own).get("adp_num", 1))
    return CtcReference(
        reference.task, reference.model, read_voices(data_dir, state_dict, adapters)
    )


def build_ctc(
    settings: Arguments,
    symbols: Sequence[str],
    state_dict: Mapping[str, Tensor],
    *,
    dropped: Collection[str] = (),
    adapter: int = 0,
) -> "CtcReference":
    """Fairseq's model with the given weights, in evaluation mode, ready to be asked.

    Args:
        settings: The checkpoint's model and task arguments in one flat mapping or Namespace. Its
            `w2v_args` are the pretrained encoder's, flat or in groups. What is missing gets the
            installed fairseq's default, `task_normalize` what `normalize` says; kind and adapters
            of the layers are read off the tensors.
        symbols: The rows of `dict.ltr.txt`, without the four that every dictionary begins with.
        state_dict: Weights by name; all must fit.
        dropped: Names that the model may lack: what training alone needed.
        adapter: Which of its adapters the model runs with, where it has any.

    Raises:
        ImportError: fairseq is not installed.
        ValueError: the settings have no `w2v_args`.
        AssertionError: `normalize` says one thing for the model, another for its encoder.
        RuntimeError: the state dict does not fit the model that the settings describe.
    """
    from toolkit.oracle.mends.conformer import mended_conformer

    register_models()
    args = make_arguments(settings, state_dict)
    # What the model hears is a matter of the task, which may say otherwise than the model.
    normalize = bool(getattr(args, "task_normalize", args.normalize))
    task = CtcTask(make_dictionary(symbols), normalize, adapter)
    with mended_conformer(), unfilled():
        model = _find_class(args).build_model(args, task)
    load_weights(model, state_dict, dropped)
    return CtcReference(task, model.eval())


def _find_class(args: Namespace) -> Any:
    """The model that the arguments name, a fork's too; fairseq's own where they name none."""
    from fairseq.models.hubert.hubert_asr import HubertCtc
    from fairseq.models.wav2vec.wav2vec2_asr import Wav2VecCtc

    found = maybe_model(args, (HubertCtc, Wav2VecCtc))
    if found is not None:
        return found
    return HubertCtc if args.w2v_args.model._name == "hubert" else Wav2VecCtc


def make_arguments(
    settings: Arguments, state_dict: Mapping[str, Tensor], config: Optional[type] = None
) -> Namespace:
    """The arguments as fairseq's model wants them on this machine; see `build_ctc`.

    Args:
        settings: Those of the checkpoint.
        state_dict: Weights by name.
        config: The dataclass of the model's arguments; that of CTC by default.
    """
    from fairseq.models.hubert.hubert_asr import HubertCtcConfig
    from fairseq.models.wav2vec.wav2vec2_asr import Wav2Vec2CtcConfig

    given = _as_mapping(settings)
    pretrained = _as_mapping(given.get("w2v_args"))
    if not pretrained:
        raise ValueError(
            "`settings` must hold the pretrained encoder's arguments as `w2v_args`, but has none. "
            "Read them from the encoder's own checkpoint."
        )
    model, task = _groups(pretrained)
    layers = layers_of(state_dict, model)
    name = _encoder_of(model, given)
    normalize = task.get("normalize", model.get("normalize", False))
    own = HubertCtcConfig if name == "hubert" else Wav2Vec2CtcConfig
    defaults = _defaults(config or own)
    # fairseq's HubertEncoder asks for an argument that HubertCtcConfig has not (fairseq#4916).
    values = {"autoregressive": False, **defaults, "normalize": normalize, **given}
    values.update(HERE, **layers)
    values["w2v_args"] = configure_encoder(name, {**model, **layers}, task)
    return Namespace(**values)


def layers_of(state_dict: Mapping[str, Tensor], settings: Settings) -> Dict[str, Union[str, int]]:
    """What `read_layers` says; the encoder's arguments where no tensor has a name of fairseq's.

    Args:
        state_dict: Weights by name, or none.
        settings: The encoder's arguments.
    """
    if any(map(_LAYER.fullmatch, state_dict)):
        return read_layers(state_dict)
    return {name: settings[name] for name in OF_LAYERS if settings.get(name) is not None}


def read_layers(state_dict: Mapping[str, Tensor]) -> Dict[str, Union[str, int]]:
    """The encoder's kind of layer, its adapters and its positions, which the tensors tell.

    fairseq main overwrites the pretrained arguments with the fine-tuned model's, whose default is
    a Transformer without adapters, whatever was trained.
    """
    positions = {match.group(1) for match in map(_POSITIONS.fullmatch, state_dict) if match}
    found: Dict[str, Union[str, int]] = {"pos_conv_depth": len(positions)} if positions else {}
    adapters = [match for match in map(_ADAPTER.fullmatch, state_dict) if match]
    if adapters:
        shape = state_dict[adapters[0].string].shape  # (adapters, width of each, D)
        layers = sorted(int(match.group(1)) for match in adapters)
        step = layers[1] - layers[0] if len(layers) > 1 else 1
        return {
            **found,
            "layer_type": "trf_adp",
            "adp_num": int(shape[0]),
            "adp_dim": int(shape[1]),
            "adp_trf_idx": f"{layers[0]}:{layers[-1] + 1}:{step}",
        }
    is_conformer = any(".conv_module." in name for name in state_dict)
    return {**found, "layer_type": "conformer" if is_conformer else "transformer"}


def _as_mapping(arguments: Optional[Arguments]) -> Settings:
    if isinstance(arguments, Namespace):
        return dict(vars(arguments))
    return dict(arguments or {})


def _groups(pretrained: Settings) -> Tuple[Settings, Settings]:
    """The arguments of the pretrained model and of its task, which were one namespace in 2020."""
    if "model" not in pretrained:
        return pretrained, pretrained
    return _as_mapping(pretrained["model"]), _as_mapping(pretrained.get("task"))


def _defaults(config: type) -> Settings:
    """What a dataclass of fairseq says for itself, without what it takes from other groups."""
    plain = {field.name: field.default for field in fields(config)}
    return {name: value for name, value in plain.items() if not _is_open(value)}


def _is_open(value: object) -> bool:
    return value is MISSING or (isinstance(value, str) and value.startswith(("${", "???")))


def _encoder_of(model: Settings, around: Settings) -> str:
    """The kind of encoder that its arguments name, or those of the model around it."""
    groups = (model, around)
    told = [str(group[key]) for group in groups for key in ("arch", "_name") if group.get(key)]
    return next((name for name in TASKS if told and told[0].startswith(name)), "wav2vec2")


def configure_encoder(name: str, model: Settings, task: Settings) -> DictConfig:
    """The pretrained configuration in today's groups, without what today's fairseq knows not.

    Args:
        name: Which encoder it is, by fairseq's name.
        model: The encoder's arguments.
        task: Those of what it was pretrained by.
    """
    from fairseq.models import MODEL_DATACLASS_REGISTRY
    from fairseq.tasks import TASK_DATACLASS_REGISTRY
    from omegaconf import OmegaConf

    if name in EXAMPLES and name not in MODEL_DATACLASS_REGISTRY:
        import_module(EXAMPLES[name])
    known = _known(task, TASK_DATACLASS_REGISTRY[TASKS[name]])
    # A task takes these from others, and HuBERT's model them from its task.
    rates = {"label_rate": known.get("label_rate", -1.0)} if name == "hubert" else {}
    groups = {
        "model": {**rates, **_known(model, MODEL_DATACLASS_REGISTRY[name]), "_name": name},
        "task": {**known, "_name": TASKS[name]},
    }
    return OmegaConf.create(groups)


def _known(given: Settings, config: type) -> Settings:
    defaults = {field.name: field.default for field in fields(config)}
    told = {k: v for k, v in given.items() if k in defaults and not _is_open(v)}
    return {k: _typed(v, defaults[k]) for k, v in told.items()}


def _typed(value: object, default: object) -> object:
    """The value; as a tuple where the command line of 2020 kept one as text."""
    return literal_eval(value) if isinstance(default, tuple) and isinstance(value, str) else value
