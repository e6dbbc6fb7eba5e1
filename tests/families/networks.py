"""What tests ask of the family: networks of checkpoints, and checkpoints out of thin air."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fairseq import tasks
from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config
from omegaconf import OmegaConf
from torch import nn

from tests.variants.arguments import MODEL, W2V
from toolkit.audio import golden_folder
from toolkit.blocks.evidence import Facts
from toolkit.blocks.tree import values_under
from toolkit.blocks.wav2vec2 import trunk
from toolkit.core.coverage import Reason
from toolkit.core.spec import TensorSpec
from toolkit.families import Derived, Network, Options
from toolkit.families.xm_transformer import ENCODER, FAMILY
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.tasks.base import register_models
from toolkit.oracle.tasks.speech_seq2seq.build import make_namespace

DATA = golden_folder() / "checkpoint"
TRUNK = ENCODER.source
CONV, POS_CONV = TRUNK + trunk.CONV, TRUNK + trunk.POS_CONV
"""What the names of a golden checkpoint's encoder begin with."""


def network_of(checkpoint: Any, **options: Any) -> Network:
    return FAMILY.network(checkpoint, Options(**options))


def encoder_of(network: Network) -> dict[str, Derived]:
    return values_under(network.config, "encoder")


def decoder_of(network: Network) -> dict[str, Derived]:
    return values_under(network.config, "decoder")


def values(derived: Mapping[str, Derived]) -> dict[str, Any]:
    return {key: field.value for key, field in derived.items()}


def because(reasons: Iterable[Reason]) -> dict[str, str]:
    return {reason.name: reason.because for reason in reasons}


def rows(network: Network, kind: type) -> list[Any]:
    return [row for row in network.table.rows if isinstance(row, kind)]


def facts_of(shapes: Mapping[str, tuple[int, ...]]) -> Facts:
    """What tensors of these names and shapes say."""
    return Facts(_specs(shapes))


def specimen(
    model: Mapping[str, Any] | None = None,
    w2v: Mapping[str, Any] | None = None,
    *,
    w2v_args: Any = None,
) -> SimpleNamespace:
    """A checkpoint of a model that fairseq has just built, as far as a family looks at one.

    Args:
        model: Arguments of the model other than those of `tests.variants.arguments.MODEL`.
        w2v: Arguments of the encoder other than those of `tests.variants.arguments.W2V`.
        w2v_args: All arguments of the encoder, instead.
    """
    w2v_args = w2v_args or _in_groups({**W2V, **(w2v or {})})
    settings = {**MODEL, **(model or {}), "w2v_args": w2v_args}
    with quiet_fairseq():
        register_models()
        args = make_namespace(settings, str(DATA))
        built: nn.Module = tasks.setup_task(args).build_model(args)
    shapes = {name: tuple(tensor.shape) for name, tensor in built.state_dict().items()}
    return SimpleNamespace(
        path=Path("model.pt"), settings={"args": settings}, tensors=_specs(shapes), built=built
    )


def without_w2v_args(checkpoint: SimpleNamespace) -> SimpleNamespace:
    args = {**checkpoint.settings["args"], "w2v_args": None}
    return SimpleNamespace(**{**vars(checkpoint), "settings": {"args": args}})


def _specs(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, TensorSpec]:
    return {n: TensorSpec(name=n, dtype="float32", shape=shape) for n, shape in shapes.items()}


def _in_groups(w2v: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as newer checkpoints group them, which fairseq takes without parsing them."""
    known = {field.name for field in fields(Wav2Vec2Config)}
    chosen = {key: value for key, value in w2v.items() if key in known}
    merged = OmegaConf.merge(OmegaConf.structured(Wav2Vec2Config), chosen)
    model = {**OmegaConf.to_container(merged, enum_to_str=True), "_name": "wav2vec2"}
    return {"task": {"_name": "audio_pretraining", "data": ".", "normalize": True}, "model": model}
