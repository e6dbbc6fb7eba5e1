"""How checkpoints were saved through the years, and what may stand beside them."""

from __future__ import annotations

import re
import shutil
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml

from toolkit.audio import golden_folder

Save = Callable[[Namespace, dict[str, Any]], dict[str, Any]]


def as_cfg(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
    generation = {"beam": 5, "max_len_b": 12, "lenpen": 1.0}
    cfg = {"model": args, "task": args, "generation": generation, "common": {"seed": 1}}
    return {"args": None, "cfg": cfg, "model": state}


def as_dict_config(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
    """As hydra-era fairseq saved: groups in an omegaconf DictConfig, with fairseq's enums."""
    from fairseq.dataclass.utils import convert_namespace_to_omegaconf
    from omegaconf import OmegaConf

    pretrained = convert_namespace_to_omegaconf(Namespace(**vars(args.w2v_args)))
    model = {**vars(args), "w2v_args": pretrained}
    groups = {"_name": None, "common": {"seed": 1}, "generation": {"beam": 5, "max_len_b": 12}}
    cfg = OmegaConf.create({**groups, "model": model, "task": {**vars(args), "w2v_args": None}})
    return {"args": None, "cfg": cfg, "model": state}


def july_2021(width: int, *, norms: bool = True) -> Save:
    """The state as the first XMTransformer had it: the adaptor widens, with a norm per layer."""

    def save(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
        kept = {k: v for k, v in state.items() if not k.startswith("encoder.w2v_encoder.proj.")}
        into = state["encoder.w2v_encoder.w2v_model.encoder.layer_norm.weight"].shape[0]
        for layer in range(3):
            size = (2 * width, width if layer else into, 3)
            kept[f"encoder.adaptor.layers.{layer}.weight"] = 0.2 * torch.randn(size)
            kept[f"encoder.adaptor.layers.{layer}.bias"] = 0.1 * torch.randn(2 * width)
            if norms:
                name = f"encoder.adaptor.layernorms.{layer}"
                kept[f"{name}.weight"] = 1 + 0.1 * torch.randn(width)
                kept[f"{name}.bias"] = 0.1 * torch.randn(width)
        newer = ("encoder_proj", "adaptor_proj", "adaptor_layernorm")
        old = Namespace(**{k: v for k, v in vars(args).items() if k not in newer})
        return {"args": old, "model": kept}

    return save


def with_multitask_decoders(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
    """With the decoders of two auxiliary tasks, as multitask training leaves them behind."""
    extra = {
        "source_letter_decoder.proj.weight": torch.randn(30, 32),
        "source_letter_decoder.proj.bias": torch.randn(30),
        "target_phone_decoder.embed_tokens.weight": torch.randn(40, 32),
        "target_phone_decoder.layers.0.fc1.weight": torch.randn(64, 32),
    }
    return {"args": args, "model": {**state, **extra}}


def rewrite_dict(edit: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    """Changes the rows of `dict.txt`."""

    def change(folder: Path) -> None:
        rows = (folder / "dict.txt").read_text(encoding="utf-8").splitlines()
        (folder / "dict.txt").write_text("\n".join(edit(rows)) + "\n", encoding="utf-8")

    return change


def rewrite_yaml(**changed: Any) -> Callable[[Path], None]:
    """Sets keys of `config.yaml`; None removes one."""

    def change(folder: Path) -> None:
        path = folder / "config.yaml"
        config = {**yaml.safe_load(path.read_text(encoding="utf-8")), **changed}
        kept = {key: value for key, value in config.items() if value is not None}
        path.write_text(yaml.safe_dump(kept), encoding="utf-8")

    return change


def of_units(folder: Path) -> None:
    """A dictionary of speech units, as speech-to-unit decoders have it: no text, no languages."""
    rows = "".join(f"{unit} 1\n" for unit in range(100))
    (folder / "dict.txt").write_text(rows, encoding="utf-8")
    (folder / "spm.model").unlink()
    rewrite_yaml(bpe_tokenizer=None, prepend_tgt_lang_tag=None)(folder)


def of_small_pieces(folder: Path) -> None:
    """The dictionary and the pieces of the golden S2T-Transformer: a hundredth of the others."""
    for name in ("dict.txt", "spm.model"):
        shutil.copyfile(golden_folder() / "s2t" / name, folder / name)


def with_bracketed_tags(folder: Path) -> None:
    """Language tags as mBART spells them; fairseq prepends none of that spelling by itself."""
    rewrite_dict(lambda rows: [re.sub(r"<lang:(..)>", r"[\1_XX]", row) for row in rows])(folder)
    rewrite_yaml(prepend_tgt_lang_tag=None)(folder)


def in_half(dtype: torch.dtype) -> Save:
    def save(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
        return {"args": args, "cfg": None, "model": {k: v.to(dtype) for k, v in state.items()}}

    return save


def said(**changed: Any) -> Save:
    """With arguments that are not those that the model was built with."""

    def save(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
        return {"args": Namespace(**{**vars(args), **changed}), "model": state}

    return save


def with_optimizer(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
    moments = {i: {"exp_avg": torch.zeros_like(v)} for i, v in enumerate(state.values())}
    return {
        "args": args,
        "cfg": None,
        "model": state,
        "last_optimizer_state": {"state": moments, "param_groups": [{"lr": 1e-3}]},
    }


def without_w2v_args(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
    bare = Namespace(**{**vars(args), "w2v_args": None, "w2v_path": "/cluster/xlsr.pt"})
    return {"args": bare, "cfg": None, "model": state}
