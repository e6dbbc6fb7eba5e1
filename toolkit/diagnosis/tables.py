"""Tables that earlier releases of transformers saved, and today's classes compute."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from toolkit.folder.view import FolderView
from toolkit.mapping import Sinusoids

if TYPE_CHECKING:
    from torch import Tensor

ROUNDING = 1e-3
"""How far two releases may be apart in the sine of a position of some thousands, in float32."""


def computed_tables(view: FolderView, places: Collection[str]) -> tuple[str, ...]:
    """Tensors of a folder that nothing reads, as the classes compute what they hold.

    Source: `Speech2TextSinusoidalPositionalEmbedding`, whose table was a parameter until
    transformers 4.

    Args:
        view: The folder.
        places: Names that the model has a place for.
    """
    left = (name for name in view.tensors if name not in places)
    return tuple(name for name in left if _is_table(view.tensors[name]))


def _is_table(tensor: Tensor) -> bool:
    if tensor.dim() != 2 or tensor.shape[0] < 2 or tensor.shape[1] < 4:
        return False
    expected = Sinusoids().make((tensor.shape[0], tensor.shape[1]))
    return bool((tensor.float() - expected).abs().max() < ROUNDING)
