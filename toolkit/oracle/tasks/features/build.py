"""Builds a pretrained model of fairseq from settings and weights that somebody else has read."""

from __future__ import annotations

from argparse import Namespace
from ast import literal_eval
from copy import copy
from dataclasses import fields
from importlib import import_module
from typing import TYPE_CHECKING, Collection, Mapping, Optional, Tuple, Type

from torch import Tensor, nn

from toolkit.oracle.loading import load_weights, unfilled
from toolkit.oracle.tasks.base import Settings, register_models
from toolkit.oracle.tasks.ctc.build import layers_of
from toolkit.oracle.tasks.features.reference import FeatureReference

if TYPE_CHECKING:
    from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config, Wav2Vec2Model
    from omegaconf import DictConfig

_TASK = Namespace(cfg=Namespace(sample_rate=16_000), dictionaries=[None])
"""What a model wants of its task: classes that it is not trained on again."""

OWN_NAMES = {"contentvec": "hubert", "unispeech_sat": "hubert", "unispeech": "wav2vec2"}
"""Forks' names of models whose tensors are those of fairseq's own, and how that is called."""
OF_FORKS = ("wavlm",)
"""Models whose layers fairseq has not, so that their fork must be at hand."""
EXAMPLES = {"data2vec_audio": "fairseq.examples.data2vec.models.data2vec_audio"}
"""Where fairseq has models that it does not register by itself."""


def open_reference(
    settings: Settings,
    state_dict: Mapping[str, Tensor],
    data_dir: str,  # noqa: ARG001
    *,
    dropped: Collection[str],
    padding: str,  # noqa: ARG001
    tags: Collection[int],  # noqa: ARG001
) -> FeatureReference:
    """See `toolkit.oracle.tasks.open_task`; there are no files, no adaptor and no tags."""
    return build_features(settings, state_dict, dropped=dropped)


def build_features(
    settings: Settings, state_dict: Mapping[str, Tensor], *, dropped: Collection[str] = ()
) -> FeatureReference:
    """Fairseq's model with the given weights, in evaluation mode, ready to be asked.

    Args:
        settings: The checkpoint's model and task arguments in one flat mapping. What is missing
            gets the installed fairseq's default; the kind of layers is read off the tensors.
        state_dict: Weights by name; all must fit.
        dropped: Names that the model may lack.

    Raises:
        ImportError: fairseq is not installed.
        RuntimeError: the state dict does not fit the model that the settings describe.
    """
    from toolkit.oracle.mends.conformer import mended_conformer

    register_models()
    config, model_class = _find_model(settings)
    layers = layers_of(state_dict, settings)
    with mended_conformer(), unfilled():
        encoder = model_class.build_model(_configure({**settings, **layers}, config), _TASK)
    place = place_of(encoder, state_dict)
    heads = {place + name for name in heads_of(encoder)}
    kept = set(state_dict) - set(dropped)
    if kept and not heads <= kept:
        encoder.remove_pretraining_modules()
    model = _put(encoder, place)
    load_weights(model, state_dict, dropped)
    normalize = bool(settings.get("normalize", False))
    return FeatureReference(model.eval(), encoder, normalize=normalize)


def place_of(encoder: nn.Module, names: Collection[str]) -> str:
    """What stands before the encoder's names in those of a checkpoint: most often nothing."""
    for own in encoder.state_dict():
        if own in names:
            return ""
        found = next((n[: -len(own)] for n in names if n.endswith(f".{own}")), None)
        if found is not None:
            return found
    return ""


def heads_of(encoder: nn.Module) -> Collection[str]:
    """The names of what an encoder has for its pretraining alone, whatever a fork calls it."""
    bare = copy(encoder)
    for members in ("_modules", "_parameters", "_buffers"):
        setattr(bare, members, dict(getattr(encoder, members)))
    if hasattr(bare, "remove_pretraining_modules"):
        bare.remove_pretraining_modules()  # type: ignore[operator]
    return set(encoder.state_dict()) - set(bare.state_dict())


class Around(nn.Module):
    """What a part of a model stands in, where the rest was taken off."""

    def upgrade_state_dict(self, state_dict: object) -> None:
        """Nothing: it has no names of its own."""


def _put(encoder: nn.Module, place: str) -> nn.Module:
    """A model that has the encoder at the end of a path such as `w2v_encoder.w2v_model.`."""
    for name in reversed(place.split(".")[:-1]):
        around = Around()
        around.add_module(name, encoder)
        encoder = around
    return encoder


def _find_model(settings: Settings) -> Tuple[Type[Wav2Vec2Config], Type[Wav2Vec2Model]]:
    """The configuration and the class that the arguments name, a fork's too."""
    from fairseq.models import ARCH_MODEL_REGISTRY, MODEL_DATACLASS_REGISTRY, MODEL_REGISTRY
    from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config, Wav2Vec2Model

    named = settings.get("arch") or settings.get("_name")
    if named in OWN_NAMES and not _is_known(MODEL_REGISTRY.get(named)):
        named = OWN_NAMES[named]
    if named in EXAMPLES and named not in MODEL_REGISTRY:
        import_module(EXAMPLES[named])
    found = ARCH_MODEL_REGISTRY.get(named) or MODEL_REGISTRY.get(named)
    if named in OF_FORKS:
        if found is None:
            raise ValueError(
                f"fairseq has no `{named}`: name its fork with `--user-dir`, or another "
                "Python that has it with `--fairseq-python`"
            )
        return MODEL_DATACLASS_REGISTRY[named], found
    if found is not None and named in EXAMPLES:
        return MODEL_DATACLASS_REGISTRY[named], found
    if not _is_known(found):
        return Wav2Vec2Config, Wav2Vec2Model
    return MODEL_DATACLASS_REGISTRY.get(named) or Wav2Vec2Config, found


def _is_known(model: Optional[type]) -> bool:
    """Whether a model is asked as fairseq's own are."""
    from fairseq.models import MODEL_REGISTRY
    from fairseq.models.hubert import HubertModel
    from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Model

    examples = tuple(MODEL_REGISTRY[name] for name in EXAMPLES if name in MODEL_REGISTRY)
    return model is not None and issubclass(model, (HubertModel, Wav2Vec2Model, *examples))


def _configure(settings: Settings, config: Type[Wav2Vec2Config]) -> DictConfig:
    """The model's configuration with what today's fairseq knows of the arguments."""
    from omegaconf import OmegaConf

    defaults = {field.name: field.default for field in fields(config)}
    known = {k: _typed(v, defaults[k]) for k, v in settings.items() if k in defaults}
    return OmegaConf.merge(OmegaConf.structured(config), known)


def _typed(value: object, default: object) -> object:
    """The value; as a tuple where the command line of 2020 kept one as text."""
    return literal_eval(value) if isinstance(default, tuple) and isinstance(value, str) else value
