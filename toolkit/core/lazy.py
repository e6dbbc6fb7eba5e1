"""A mapping of tensors that are read when asked for, so that a file need not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

SMALL_BYTES = 1 << 20
"""What is not larger is kept once it was read."""


class LazyTensors(Mapping[str, "Tensor"]):
    """Tensors by name, in a given order."""

    def __init__(self, loaders: Mapping[str, Callable[[], Tensor]]) -> None:
        self._loaders = loaders
        self._kept: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        if name in self._kept:
            return self._kept[name]
        tensor = self._loaders[name]()
        if tensor.numel() * tensor.element_size() <= SMALL_BYTES:
            self._kept[name] = tensor
        return tensor

    def __contains__(self, name: object) -> bool:
        return name in self._loaders

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)
