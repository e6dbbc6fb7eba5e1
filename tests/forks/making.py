"""Forks on disk: a checkpoint of fairseq's whose model was restructured, and its code."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import torch

from tests.forks import restructuring
from tests.variants.building import build_variant
from tests.variants.ctc_building import build_ctc
from tests.variants.ctc_kinds import CtcVariant
from tests.variants.kinds import Variant
from tests.variants.pretraining_building import build_pretraining
from toolkit.audio import golden_folder
from toolkit.oracle.mends.conformer import mended_conformer
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.pipeline.reference import open_reference

CODE = '''"""The code of a fork."""

import importlib

import fairseq.models.hubert
import fairseq.models.speech_to_text
import fairseq.models.wav2vec
from fairseq.models import (
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
config = MODEL_DATACLASS_REGISTRY.get({base!r})
options = {{}} if config is None else {{"dataclass": config}}


@register_model({name!r}, **options)
class Fork(Base):
    @classmethod
    def build_model(cls, cfg, task):
        return restructure(super().build_model(cfg, task), {change!r})


if config is None:
    register_model_architecture({name!r}, {name!r})(lambda args: None)
'''
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
        return build_pretraining(variant, folder)


def make_fork(original: Path, change: str, folder: Path) -> Fork:
    """Writes a fork of a checkpoint, and its code.

    Args:
        original: A checkpoint that fairseq builds, with what belongs beside it.
        change: One of `restructuring.CHANGES`.
        folder: Where it goes; must not exist.
    """
    shutil.copytree(original.parent, folder, ignore=shutil.ignore_patterns("*.pt", "out", "hf"))
    prepared = prepare(Inputs(checkpoint=original))
    with open_reference(prepared) as reference, torch.no_grad():
        known = set(reference.model.state_dict())
        model = restructuring.restructure(reference.model, change)
        made = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    saved = torch.load(original, weights_only=False)
    left = {name: t for name, t in saved["model"].items() if name not in known}
    name = f"fork_{next(_NUMBERS)}"
    base = _call(saved, name)
    torch.save({**saved, "model": {**made, **left}}, folder / "fork.pt")
    return Fork(
        original=original, checkpoint=folder / "fork.pt", code=_code(folder, name, base, change)
    )


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
