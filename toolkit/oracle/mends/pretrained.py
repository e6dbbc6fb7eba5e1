"""Spares fairseq a file of the machine that trained the checkpoint."""

from __future__ import annotations

from argparse import Namespace
from contextlib import contextmanager
from typing import Any, Dict, Iterator


@contextmanager
def described_encoder(embed_dim: int) -> Iterator[None]:
    """While the context lasts, the pretrained encoder's checkpoint holds its width alone.

    fairseq 0.12.2 opens `w2v_path` for every model without projections to learn the encoder's
    width, also where `w2v_args` says it. fairseq main does not.
    """
    from fairseq import checkpoint_utils

    def describe(*_: Any, **__: Any) -> Dict[str, Any]:
        return {"args": Namespace(encoder_embed_dim=embed_dim)}

    before = checkpoint_utils.load_checkpoint_to_cpu
    try:
        checkpoint_utils.load_checkpoint_to_cpu = describe
        yield
    finally:
        checkpoint_utils.load_checkpoint_to_cpu = before
