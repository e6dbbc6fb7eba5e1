"""Forks on disk: a checkpoint of fairseq's whose model was restructured, and its code."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import torch
from torch import Tensor, nn

from tests.forks import restructuring
from tests.variants.building import build_variant
from tests.variants.ctc_building import build_ctc
from tests.variants.ctc_kinds import CtcVariant
from tests.variants.kinds import Variant
from tests.variants.pretraining_building import build_pretraining
from tests.variants.s2t_building import build_s2t
from tests.variants.s2t_kinds import S2TVariant
from tests.variants.text_building import build_text
from tests.variants.text_kinds import TextVariant
from toolkit.audio import golden_folder
from toolkit.oracle.asking import AnyModel
from toolkit.oracle.mends.conformer import mended_conformer
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.pipeline.blank_model import building
from toolkit.pipeline.likening import likes_of
from toolkit.pipeline.prepare import Inputs, prepare

CODE = '''"""The code of a fork."""

import importlib

import fairseq.models.bart
import fairseq.models.hubert
import fairseq.models.speech_to_speech
import fairseq.models.speech_to_text
import fairseq.models.transformer
import fairseq.models.wav2vec
from fairseq.models import (
    ARCH_CONFIG_REGISTRY,
    ARCH_MODEL_REGISTRY,
    MODEL_DATACLASS_REGISTRY,
    MODEL_REGISTRY,
    register_model,
    register_model_architecture,
)

from .restructuring import restructure

if {base!r} == "data2vec_audio":
    importlib.import_module("fairseq.examples.data2vec.models.data2vec_audio")
Base = MODEL_REGISTRY.get({base!r}) or ARCH_MODEL_REGISTRY[{base!r}]
defaults = ARCH_CONFIG_REGISTRY.get({base!r}, lambda args: None)
READ = "encoder.embed_tokens.weight"
config = MODEL_DATACLASS_REGISTRY.get({base!r})
options = {{}} if config is None else {{"dataclass": config}}


@register_model({name!r}, **options)
class Fork(Base):
    @classmethod
    def build_model(cls, cfg, task):
        return restructure(super().build_model(cfg, task), {change!r})

    def upgrade_state_dict_named(self, state_dict, name):
        if Base is not fairseq.models.bart.BARTModel or READ in state_dict:
            super().upgrade_state_dict_named(state_dict, name)
            return
        own = dict(self.named_parameters(remove_duplicate=False))
        held = {{id(own[key]): state_dict[key] for key in own if key in state_dict}}
        for key in own.keys() - state_dict.keys():
            if id(own[key]) in held:
                state_dict[key] = held[id(own[key])]


if config is None:
    register_model_architecture({name!r}, {name!r})(defaults)
'''
FIRST = "feature_extractor.conv_layers.0.0.weight"
"""What every encoder has."""
_NUMBERS = count()


@dataclass(frozen=True, kw_only=True)
class Fork:
    """A fork on disk."""

    original: Path
    """The checkpoint that fairseq itself knows."""
    checkpoint: Path
    code: Path
    """For `--user-dir`."""


def build_original(variant: object, folder: Path) -> Path:
    """Writes the checkpoint of a variant, with what belongs beside it."""
    folder.mkdir(parents=True)
    with quiet_fairseq(), mended_conformer():
        if isinstance(variant, Variant):
            return build_variant(variant, golden_folder() / "checkpoint", folder)
        if isinstance(variant, CtcVariant):
            return build_ctc(variant, folder).path
        if isinstance(variant, S2TVariant):
            return build_s2t(variant, folder)
        if isinstance(variant, TextVariant):
            return build_text(variant, folder)
        return build_pretraining(variant, folder)


def make_fork(original: Path, change: str, folder: Path, *, has_code: bool = True) -> Fork:
    """Writes a fork of a checkpoint, and its code.

    Its tensors are those that the original has of fairseq's model, after the change, and what else
    the original has, as it is.

    Args:
        original: A checkpoint that fairseq builds, with what belongs beside it.
        change: One of `restructuring.CHANGES`.
        folder: Where it goes; must not exist.
        has_code: Whether its code builds it, so that what a model stands in is as fairseq has it.
    """
    shutil.copytree(original.parent, folder, ignore=shutil.ignore_patterns("*.pt", "out", "hf"))
    prepared = prepare(Inputs(checkpoint=original))
    saved = torch.load(original, weights_only=False)
    given = dict(prepared.checkpoint.state_dict())
    with building(original, None) as builder, torch.no_grad():
        inputs = Inputs(checkpoint=original)
        (like,) = likes_of(prepared.family.name, prepared.checkpoint, inputs, builder)
        blank = like.blank
        known = _known(builder.family(blank), given)
        fit = {n: t for n, t in given.items() if n in known and t.shape == known[n].shape}
        reference = builder.fork(blank, {**known, **fit})
        built = getattr(reference, "encoder", reference.model) if has_code else reference.model
        place = "" if built is reference.model else _place(given)
        model = restructuring.restructure(built, change)
        made = {place + name: tensor for name, tensor in _held(model, given).items()}
    left = {name: tensor for name, tensor in given.items() if name not in fit}
    name = f"fork_{next(_NUMBERS)}"
    base = _call(saved, name)
    fork = {_spelled(n, saved["model"]): tensor for n, tensor in {**made, **left}.items()}
    torch.save({**saved, "model": fork}, folder / "fork.pt")
    return Fork(
        original=original, checkpoint=folder / "fork.pt", code=_code(folder, name, base, change)
    )


def _known(blank: AnyModel, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What fairseq's model has of all tensors, under the checkpoint's names; NaN, as not given."""
    place = _place(given) if hasattr(blank, "encoder") else ""
    own = {place + name: tensor for name, tensor in blank.model.state_dict().items()}
    for name in [name for name in own if name.endswith(".weight_g")]:
        whole = name.removesuffix("_g")
        if whole in given:  # the weight norm was taken off
            del own[name]
            own[whole] = own.pop(f"{whole}_v")
    return {
        name: torch.full_like(tensor, torch.nan) if tensor.is_floating_point() else tensor
        for name, tensor in own.items()
    }


def _place(given: Mapping[str, Tensor]) -> str:
    """What stands before the names of an encoder that was taken out of a model."""
    return next((name[: -len(FIRST)] for name in given if name.endswith(FIRST)), "")


def _held(model: nn.Module, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What is saved of a model: in the checkpoint's dtype, tied as it is, only what is given."""
    dtypes = {tensor.dtype for tensor in given.values() if tensor.is_floating_point()}
    model.to(dtypes.pop() if len(dtypes) == 1 else torch.float32)
    copies: dict[object, Tensor] = {}
    return {
        name: copies.setdefault((tensor.data_ptr(), tensor.shape, tensor.stride()), tensor.clone())
        for name, tensor in model.state_dict().items()
        if not (tensor.is_floating_point() and bool(tensor.isnan().all()))
    }


def _spelled(name: str, saved: Mapping[str, Tensor]) -> str:
    """A name with the factors of a weight norm called as the checkpoint calls them."""
    if not any(".parametrizations." in other for other in saved):
        return name
    for factor, spelled in (("_g", ".original0"), ("_v", ".original1")):
        if name.endswith(f".weight{factor}"):
            return f"{name[: -len('weight' + factor)]}parametrizations.weight{spelled}"
    return name


def _call(saved: dict, name: str) -> str:
    """Gives the saved model another name, and says what it was called."""
    arguments = saved.get("args") or saved["cfg"]["model"]
    if isinstance(arguments, dict):
        before = arguments.get("_name") or arguments["arch"]
        arguments["_name"] = name
        return str(before)
    try:
        before = getattr(arguments, "arch", None) or arguments._name
        key = "arch" if getattr(arguments, "arch", None) else "_name"
        setattr(arguments, key, name)
    except AttributeError as error:
        raise ValueError("arguments without a name") from error
    return str(before)


def _code(folder: Path, name: str, base: str, change: str) -> Path:
    code = folder / f"code_of_{name}"
    code.mkdir()
    shutil.copyfile(Path(restructuring.__file__), code / "restructuring.py")
    text = CODE.format(base=base, name=name, change=change)
    (code / "__init__.py").write_text(text, encoding="utf-8")
    return code
