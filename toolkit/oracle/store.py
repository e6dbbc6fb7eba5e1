"""Writes tensors into safetensors files with numpy alone, each distinct one once.

Format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from typing import Dict, Tuple

import torch

from toolkit.oracle.old_torch import to_bytes

DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_ALIGNMENT = 8


class Store:
    """Tensors on their way into one file."""

    def __init__(self) -> None:
        self._names: Dict[object, str] = {}
        self._tensors: Dict[str, torch.Tensor] = {}
        self._seen: Dict[int, Tuple[torch.Tensor, str]] = {}

    @property
    def num_bytes(self) -> int:
        """Size of all values."""
        return sum(t.numel() * t.element_size() for t in self._tensors.values())

    def put(self, name: str, tensor: torch.Tensor) -> str:
        """Takes a tensor; returns the name it is found under: that of the first equal one."""
        seen = self._seen.get(id(tensor))
        if seen is not None:
            return seen[1]
        digest = hashlib.blake2b(to_bytes(tensor).data, digest_size=20).digest()
        key = (digest, tuple(tensor.shape), tensor.dtype)
        found = self._names.setdefault(key, name)
        self._tensors.setdefault(found, tensor)
        self._seen[id(tensor)] = (tensor, found)
        return found

    def write(self, path: str) -> Dict[str, object]:
        """Writes the file and returns its size and sha256."""
        names = sorted(self._tensors, key=lambda n: (-self._tensors[n].element_size(), n))
        header, end = {}, 0
        for name in names:
            tensor = self._tensors[name]
            start, end = end, end + tensor.numel() * tensor.element_size()
            header[name] = {
                "dtype": DTYPES[tensor.dtype],
                "shape": list(tensor.shape),
                "data_offsets": [start, end],
            }
        said = json.dumps(header, separators=(",", ":")).encode()
        said += b" " * (-len(said) % _ALIGNMENT)
        digest = hashlib.sha256()
        with open(path, "wb") as file:
            for part in (struct.pack("<Q", len(said)), said):
                digest.update(part)
                file.write(part)
            for name in names:
                values = to_bytes(self._tensors[name]).data
                digest.update(values)
                file.write(values)
        return {"num_bytes": os.stat(path).st_size, "sha256": digest.hexdigest()}
