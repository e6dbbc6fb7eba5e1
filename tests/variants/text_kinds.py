"""Models of texts of every flag, each by what differs from the plainest of its form."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tests.variants.states import Save, as_cfg, in_half
from toolkit.audio import golden_folder

SIZES: Mapping[str, Any] = {
    "encoder_layers": 2,
    "encoder_embed_dim": 16,
    "encoder_ffn_embed_dim": 32,
    "encoder_attention_heads": 4,
    "decoder_layers": 2,
    "decoder_embed_dim": 16,
    "decoder_ffn_embed_dim": 48,
    "decoder_attention_heads": 2,
    "max_source_positions": 256,
    "max_target_positions": 256,
    "max_len_b": 12,
    "beam": 5,
    "share_all_embeddings": True,
}
MBART: Mapping[str, Any] = {
    **SIZES,
    "arch": "mbart_large",
    "task": "translation_from_pretrained_bart",
    "source_lang": "en_XX",
    "target_lang": "de_DE",
    "langs": "ar_AR,de_DE,en_XX",
    "encoder_normalize_before": True,
    "decoder_normalize_before": True,
    "encoder_learned_pos": True,
    "decoder_learned_pos": True,
    "layernorm_embedding": True,
    "activation_fn": "gelu",
}
"""mBART-25, fine-tuned for one pair."""
PAIRS: Mapping[str, Any] = {
    "task": "translation_multi_simple_epoch",
    "source_lang": None,
    "target_lang": None,
    "lang_pairs": "en_XX-de_DE,en_XX-ar_AR",
    "encoder_langtok": "src",
    "decoder_langtok": True,
    "lang_tok_style": "mbart",
}
MBART_50: Mapping[str, Any] = {**MBART, **PAIRS}
M2M: Mapping[str, Any] = {
    **MBART_50,
    "arch": "transformer_wmt_en_de_big",
    "lang_pairs": "en-de,en-ar",
    "langs": "ar,de,en",
    "lang_tok_style": "multilingual",
    "encoder_learned_pos": False,
    "decoder_learned_pos": False,
    "layernorm_embedding": False,
    "activation_fn": "relu",
}
BART: Mapping[str, Any] = {
    **MBART,
    "arch": "bart_large",
    "task": "translation",
    "langs": None,
    "encoder_normalize_before": False,
    "decoder_normalize_before": False,
    "no_scale_embedding": True,
}
NATIVE = "native exact"


@dataclass(frozen=True, kw_only=True)
class TextVariant:
    """One kind of checkpoint: what differs from the plainest one of its form."""

    name: str
    form: Mapping[str, Any] = field(default_factory=lambda: MBART)
    model: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the user has to say."""
    save: Save | None = None
    companions: Callable[[Path], None] | None = None
    ends: str = NATIVE


def _refused(name: str, reason: str, **model: Any) -> TextVariant:
    return TextVariant(name=name, model=model, ends=f"refused: {reason}")


def _madeup(folder: Path) -> None:
    """Words that no text has, as M2M-100's dictionary ends with."""
    path = folder / "dict.txt"
    path.write_text(path.read_text() + "".join(f"madeupword{i:04} 0\n" for i in range(8)))


def _pruned(folder: Path) -> None:
    path = folder / "dict.txt"
    rows = path.read_text().splitlines(keepends=True)
    path.write_text("".join((*rows[:60:2], *rows[60:])))


def _normalized(folder: Path) -> None:
    """Pieces of a sentencepiece model that brings texts into a normal form."""
    golden = golden_folder() / "checkpoint"
    shutil.copyfile(golden / "spm.model", folder / "spm.model")
    rows = (golden / "dict.txt").read_text().splitlines(keepends=True)
    (folder / "dict.txt").write_text("".join(r for r in rows if not r.startswith("<lang:")))


TO_GERMAN: Mapping[str, Any] = {"target_lang": "de_DE"}
TEXT_VARIANTS = (
    TextVariant(name="mBART-25"),
    TextVariant(name="mBART-25, relu", model={"activation_fn": "relu"}),
    TextVariant(name="mBART-25, gelu_accurate", model={"activation_fn": "gelu_accurate"}),
    TextVariant(name="mBART-25, no_scale_embedding", model={"no_scale_embedding": True}),
    TextVariant(name="mBART-25, cfg instead of args", save=as_cfg),
    TextVariant(name="mBART-25, float16 weights", save=in_half(torch.float16)),
    TextVariant(name="mBART-25, texts in a normal form", companions=_normalized),
    TextVariant(name="mBART-25, madeup words", companions=_madeup),
    TextVariant(
        name="mBART-25, pruned dict with the original spm",
        companions=_pruned,
        ends="native exact, bundled tokenizer",
    ),
    TextVariant(name="mBART-50", form=MBART_50, options=TO_GERMAN),
    TextVariant(
        name="mBART-50, many to one",
        form=MBART_50,
        model={"lang_pairs": "ar_AR-en_XX,de_DE-en_XX"},
        options={"source_lang": "de_DE"},
    ),
    TextVariant(name="M2M-100", form=M2M, options={"target_lang": "de"}),
    TextVariant(
        name="M2M-100, madeup words", form=M2M, options={"target_lang": "ar"}, companions=_madeup
    ),
    TextVariant(name="M2M-100, one pair", form=M2M, model={"lang_pairs": "en-de"}),
    TextVariant(
        name="NLLB",
        form=M2M,
        model={"langs": "arb_Arab,deu_Latn,eng_Latn", "lang_pairs": "eng_Latn-deu_Latn"},
    ),
    TextVariant(
        name="M2M-100, no source tag",
        form=M2M,
        model={"lang_pairs": "en-de", "encoder_langtok": None},
    ),
    TextVariant(name="BART with sentencepiece", form=BART),
    TextVariant(name="BART, scaled", form=BART, model={"no_scale_embedding": False}),
    _refused("max_len_a", "generation.max_len_a", max_len_a=0.5),
    _refused("swish", "args.activation_fn", activation_fn="swish"),
    _refused(
        "sinusoidal positions under an embedding norm",
        "encoder.embed_positions",
        encoder_learned_pos=False,
        decoder_learned_pos=False,
    ),
    _refused("no embedding norm", "decoder.layernorm_embedding", layernorm_embedding=False),
    _refused(
        "positions of two lengths", "encoder.embed_positions.weight", max_source_positions=128
    ),
    _refused("embeddings of their own", "args.share_all_embeddings", share_all_embeddings=False),
)
