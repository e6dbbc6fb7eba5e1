"""Mends the conformer encoder that fairseq main cannot build."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator, Optional

from fairseq.models.wav2vec import wav2vec2
from torch import Tensor, nn


class MendedConformerEncoder(wav2vec2.ConformerEncoder):  # type: ignore[misc]
    """fairseq's conformer with the two parameters that its base class has come to pass.

    728b9470 (2023-05-21, "Mms release") made `TransformerEncoder` pass `layer_idx` when it builds
    a layer and `corpus_key` when it runs, and left both out of `ConformerEncoder`: TypeError.
    The conformer layer uses neither. fairseq 0.12.2 passes neither.
    """

    def build_encoder_layer(self, args: object, **_: Any) -> nn.Module:
        """One conformer layer; all are alike."""
        layer: nn.Module = super().build_encoder_layer(args)
        return layer

    def extract_features(
        self,
        x: Tensor,
        padding_mask: Optional[Tensor] = None,
        tgt_layer: Optional[int] = None,
        **_: Any,
    ) -> object:
        """The stack's output of shape (B, T, D), and what its layers gave if `tgt_layer` is set."""
        return super().extract_features(x, padding_mask, tgt_layer)


@contextmanager
def mended_conformer() -> Iterator[None]:
    """While the context lasts, a conformer that fairseq builds is a mended one."""
    before = wav2vec2.ConformerEncoder
    try:
        wav2vec2.ConformerEncoder = MendedConformerEncoder
        yield
    finally:
        wav2vec2.ConformerEncoder = before
