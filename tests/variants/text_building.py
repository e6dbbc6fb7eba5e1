"""Models of texts of the variants, small ones, built by fairseq itself with random weights."""

from __future__ import annotations

import shutil
from argparse import Namespace
from pathlib import Path

import torch

from tests.variants.text_kinds import TextVariant
from toolkit.audio import golden_folder

SEED = 1


def build_text(variant: TextVariant, folder: Path) -> Path:
    """Writes a checkpoint of the variant with its companions and returns its path.

    Args:
        variant: What to build.
        folder: Where to write; must exist.
    """
    import fairseq.models.bart
    import fairseq.models.transformer  # noqa: F401
    from fairseq.data import Dictionary
    from fairseq.models import ARCH_CONFIG_REGISTRY, ARCH_MODEL_REGISTRY

    for name in ("dict.txt", "spm.model"):
        shutil.copyfile(golden_folder() / "mbart" / name, folder / name)
    if variant.companions is not None:
        variant.companions(folder)
    settings = {k: v for k, v in {**variant.form, **variant.model}.items() if v is not None}
    args = Namespace(**settings)
    dictionary = Dictionary.load(str(folder / "dict.txt"))
    for symbol in _added(settings):
        dictionary.add_symbol(symbol)
    torch.manual_seed(SEED)
    ARCH_CONFIG_REGISTRY[args.arch](args)
    task = Namespace(source_dictionary=dictionary, target_dictionary=dictionary)
    model = ARCH_MODEL_REGISTRY[args.arch].build_model(args, task)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    make_state = variant.save or (lambda saved, state: {"args": saved, "model": state})
    torch.save(make_state(Namespace(**settings), dict(model.state_dict())), folder / "model.pt")
    return folder / "model.pt"


def _added(settings: dict[str, object]) -> list[str]:
    langs = str(settings.get("langs") or "")
    style = "__{}__" if settings.get("lang_tok_style") == "multilingual" else "[{}]"
    codes = [style.format(code) for code in langs.split(",") if code]
    return [*codes, "<mask>"] if codes and style == "[{}]" else codes
