"""The adaptors that XMTransformer has had, each with the forward of its own time.

fairseq's `xm_transformer.py` knows only the adaptor of its own version. The weights of a checkpoint
say which adaptor it has; whether padded frames were zeroed they do not say.
"""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Tuple

import torch
from fairseq.data.data_utils import lengths_to_padding_mask
from fairseq.models.speech_to_text.xm_transformer import Conv1dAdaptor
from torch import Tensor, nn

CONV = "encoder.adaptor.layers.{}.weight"
NORM = "encoder.adaptor.layernorms.{}.weight"


class NormedAdaptor(nn.Module):
    """The adaptor of July 2021: each convolution may be followed by a norm, padding stays.

    The first convolution may change the width. Source: fairseq 7a6706f5 (2021-07-29),
    `xm_transformer.py`; 75f8fa29 (2021-12-30) replaced it.
    """

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        n_layers: int = 3,
        kernel_size: int = 3,
        stride: int = 2,
        layernorms: bool = False,
    ) -> None:
        super().__init__()
        widths = [in_dim] + [out_dim] * (n_layers - 1)
        self.layers = nn.ModuleList(
            nn.Conv1d(width, 2 * out_dim, kernel_size, stride, kernel_size // 2) for width in widths
        )
        norms = nn.ModuleList(nn.LayerNorm(out_dim) for _ in widths)
        self.layernorms = norms if layernorms else None
        self.out_dim = out_dim
        self.stride = stride

    def forward(self, x: Tensor, padding_mask: Optional[Tensor]) -> Tuple[Tensor, Optional[Tensor]]:
        """Shortened frames and their mask.

        Args:
            x: Shape (T, B, D).
            padding_mask: Shape (B, T), True where there is no frame; None where all are real.
        """
        x = x.permute(1, 2, 0)  # (T, B, D) -> (B, D, T)
        for index, conv in enumerate(self.layers):
            x = nn.functional.glu(conv(x), dim=1)
            if self.layernorms is not None:
                x = self.layernorms[index](x.transpose(1, 2)).transpose(1, 2)
        return x.permute(2, 0, 1), shorten(padding_mask, len(self.layers), self.stride)


class UnmaskedAdaptor(Conv1dAdaptor):  # type: ignore[misc]
    """The adaptor from December 2021 to July 2022: padded frames go in and come out as they are.

    The mask that comes out is right all the same. Source: fairseq before 4fe85833 (PR 4613).
    """

    def forward(self, x: Tensor, padding_mask: Optional[Tensor]) -> Tuple[Tensor, Optional[Tensor]]:
        """Shortened frames and their mask; shapes as in `NormedAdaptor.forward`."""
        x, _ = super().forward(x, None)
        return x, shorten(padding_mask, len(self.layers), self.stride)


class MaskedAdaptor(Conv1dAdaptor):  # type: ignore[misc]
    """The adaptor since 2022-07-29: padded frames are zeroed before the convolutions and after.

    For a fairseq without that change, such as 0.12.2. Source: fairseq 4fe85833 (PR 4613).
    """

    def forward(self, x: Tensor, padding_mask: Optional[Tensor]) -> Tuple[Tensor, Optional[Tensor]]:
        """Shortened frames and their mask; shapes as in `NormedAdaptor.forward`."""
        if padding_mask is None:
            return super().forward(x, None)  # type: ignore[no-any-return]
        handle = self.layers[0].register_forward_pre_hook(_zeroing(padding_mask))
        try:
            x, _ = super().forward(x, None)
        finally:
            handle.remove()
        shortened = shorten(padding_mask, len(self.layers), self.stride)
        assert shortened is not None
        return x.masked_fill(shortened.T.unsqueeze(-1), 0.0), shortened


def shorten(padding_mask: Optional[Tensor], n_layers: int, stride: int) -> Optional[Tensor]:
    """The padding mask behind `n_layers` strided convolutions.

    Args:
        padding_mask: Shape (B, T).
        n_layers: How many convolutions.
        stride: Stride of each.

    Returns:
        Shape (B, T'); None for None.
    """
    if padding_mask is None:
        return None
    lengths = (~padding_mask).sum(1).float()
    for _ in range(n_layers):
        lengths = ((lengths - 1) / stride + 1).floor()
    mask: Tensor = lengths_to_padding_mask(lengths.long())
    return mask


def maybe_normed_adaptor(state_dict: Mapping[str, Any], stride: int) -> Optional[NormedAdaptor]:
    """The adaptor of July 2021 in the shape of the given weights; None where they are no such."""
    first = state_dict.get(CONV.format(0))
    if first is None:
        return None
    out_dim, in_dim, kernel_size = first.shape[0] // 2, first.shape[1], first.shape[2]
    layernorms = NORM.format(0) in state_dict
    if in_dim == out_dim and not layernorms:
        return None
    n_layers = len(_numbered(CONV, state_dict))
    return NormedAdaptor(in_dim, out_dim, n_layers, kernel_size, stride, layernorms)


def choose_padding(adaptor: nn.Module, masked: bool) -> None:
    """Makes fairseq's adaptor zero padded frames, or not, whatever the installed fairseq does."""
    if "index_put" in Conv1dAdaptor.forward.__code__.co_names and masked:
        return
    adaptor.__class__ = MaskedAdaptor if masked else UnmaskedAdaptor


def _numbered(pattern: str, names: Mapping[str, Any]) -> List[str]:
    candidates = [pattern.format(index) for index in range(len(names))]
    return [name for name in candidates if name in names]


def _zeroing(padding_mask: Tensor) -> object:
    def before(_: nn.Module, args: Tuple[Tensor]) -> Tensor:
        return torch.masked_fill(args[0], padding_mask.unsqueeze(1), 0.0)

    return before
