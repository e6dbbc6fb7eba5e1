"""Big random checkpoints: XLS-R encoders with an mBART decoder, as fairseq builds and saves them.

fairseq builds the model without storage, so that a billion parameters are made in seconds; each
tensor is then filled with noise. What stands beside the checkpoint comes from the golden one, with
as many pieces as the vocabulary has room for.
"""

from __future__ import annotations

import random
import shutil
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from toolkit.audio import golden_folder
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.tasks.base import register_models
from toolkit.oracle.tasks.speech_seq2seq.build import make_namespace

COMPANIONS = golden_folder() / "checkpoint"
CONVOLUTIONS = "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512, 2, 2)] * 2"
INITIAL_VALUES = "fairseq.models.wav2vec.wav2vec2.init_bert_params"
SPREAD = 0.02


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One size; named by its encoder."""

    name: str
    layers: int
    width: int
    inner: int
    heads: int
    vocabulary: int
    """Rows of the dictionary."""
    decoder_layers: int = 12
    decoder_width: int = 1024


SHAPES = {
    shape.name: shape
    for shape in (
        Shape(
            name="0.1B",
            layers=12,
            width=768,
            inner=3072,
            heads=12,
            vocabulary=10_000,
            decoder_layers=6,
            decoder_width=768,
        ),
        Shape(name="0.3B", layers=24, width=1024, inner=4096, heads=16, vocabulary=250_000),
        Shape(name="1B", layers=48, width=1280, inner=5120, heads=16, vocabulary=250_000),
        Shape(name="2B", layers=48, width=1920, inner=7680, heads=16, vocabulary=250_000),
    )
}


def build_checkpoint(shape: Shape, folder: Path) -> Path:
    """Writes a checkpoint of a shape with its companions, and returns its path."""
    from fairseq import tasks

    make_companions(folder, shape.vocabulary)
    encoder, model = _encoder(shape), _model(shape)
    register_models()
    with quiet_fairseq():
        built_with = make_namespace({**model, "w2v_args": encoder}, str(folder))
        task = tasks.setup_task(built_with)
        # Initial values take minutes, and are drawn on the CPU whatever the device.
        with patch(INITIAL_VALUES, lambda _: None), torch.device("meta"):
            empty = task.build_model(built_with)
    saved = Namespace(**{**model, "w2v_path": None, "w2v_args": Namespace(**encoder)})
    torch.save({"args": saved, "model": fill(empty)}, folder / "model.pt")
    return folder / "model.pt"


def fill(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A state dict of noise; what the model ties stays tied."""
    generator = torch.Generator().manual_seed(0)
    filled: dict[int, torch.Tensor] = {}
    state = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        if id(tensor) not in filled:
            noise = torch.empty(tensor.shape).uniform_(-SPREAD, SPREAD, generator=generator)
            filled[id(tensor)] = noise.to(tensor.dtype)
        state[name] = filled[id(tensor)]
    return state


def make_companions(folder: Path, vocabulary: int) -> None:
    """`dict.txt`, `spm.model` and `config.yaml`: the golden ones, with made-up pieces added."""
    from sentencepiece import sentencepiece_model_pb2

    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(COMPANIONS / "config.yaml", folder / "config.yaml")
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString((COMPANIONS / "spm.model").read_bytes())
    rows = (COMPANIONS / "dict.txt").read_text(encoding="utf-8").splitlines()
    first_tag = next(i for i, row in enumerate(rows) if row.startswith("<lang:"))
    pieces = _make_pieces(model, vocabulary - len(rows) - 4)
    lowest = min(piece.score for piece in model.pieces)
    draw = random.Random(1)
    for piece in pieces:
        # At random, as sums of regular scores would make two ways to cut a text equally good.
        model.pieces.add(piece=piece, score=lowest - 25 * draw.random(), type=1)
    rows[first_tag:first_tag] = [f"{piece} 1" for piece in pieces]
    (folder / "spm.model").write_bytes(model.SerializeToString())
    (folder / "dict.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _make_pieces(model: Any, count: int) -> list[str]:
    letters = [p.piece for p in model.pieces if len(p.piece) == 1 and p.type == 1]
    known, draw = {p.piece for p in model.pieces}, random.Random(0)
    made: dict[str, None] = {}
    while len(made) < count:
        piece = draw.choice(("\u2581", "")) + "".join(draw.choices(letters, k=draw.randint(2, 9)))
        if piece not in known:
            made[piece] = None
    return list(made)


def _encoder(shape: Shape) -> dict[str, Any]:
    return {
        "arch": "wav2vec2",
        "task": "audio_pretraining",
        "data": ".",
        "normalize": True,
        "extractor_mode": "layer_norm",
        "conv_feature_layers": CONVOLUTIONS,
        "conv_bias": True,
        "layer_norm_first": True,
        "encoder_layers": shape.layers,
        "encoder_embed_dim": shape.width,
        "encoder_ffn_embed_dim": shape.inner,
        "encoder_attention_heads": shape.heads,
        "activation_fn": "gelu",
        "conv_pos": 128,
        "conv_pos_groups": 16,
        "final_dim": 256,
        "latent_vars": 4,
        "latent_groups": 2,
        "quantize_targets": True,
    }


def _model(shape: Shape) -> dict[str, Any]:
    return {
        "arch": "xm_transformer",
        "task": "speech_to_text",
        "normalize": True,
        "encoder_embed_dim": shape.width,
        "adaptor_n_layers": 3,
        "adaptor_kernel_size": 3,
        "adaptor_stride": 2,
        "decoder_layers": shape.decoder_layers,
        "decoder_embed_dim": shape.decoder_width,
        "decoder_ffn_embed_dim": 4 * shape.decoder_width,
        "decoder_attention_heads": 16,
        "decoder_normalize_before": True,
        "decoder_learned_pos": True,
        "layernorm_embedding": True,
        "share_decoder_input_output_embed": True,
        "activation_fn": "gelu",
        "max_source_positions": 480_000,
        "max_target_positions": 1024,
        # About what a trained model says to a clip of a second; noise would never end.
        "max_len_b": 10,
        "beam": 5,
    }
