"""The layout of a safetensors file: where each tensor's bytes go, and the header that says so.

Byte for byte what `safetensors.torch.save_file` writes, so that tensors can be copied to their
places one by one. Format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from toolkit.core.spec import TensorSpec

METADATA = {"format": "pt"}
"""What transformers asks for."""

DTYPES = {
    "int64": "I64",
    "float64": "F64",
    "float32": "F32",
    "int32": "I32",
    "bfloat16": "BF16",
    "float16": "F16",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}
"""The format's names, in the order in which a file holds tensors: widest first, so that each
begins at a multiple of its element's size."""

_ALIGNMENT = 8
_ORDER = {dtype: rank for rank, dtype in enumerate(DTYPES)}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A safetensors file before its values."""

    header: bytes
    """Everything in front of the values, the header's own length included."""
    specs: tuple[TensorSpec, ...]
    """The tensors in the order of their values, which follow each other without gaps."""

    @property
    def num_bytes(self) -> int:
        """Size of the whole file."""
        return len(self.header) + sum(spec.num_bytes for spec in self.specs)


def lay_out(specs: Iterable[TensorSpec]) -> Layout:
    """The file that holds these tensors."""
    ordered = tuple(sorted(specs, key=lambda spec: (_ORDER[spec.dtype], spec.name)))
    entries: dict[str, object] = {"__metadata__": METADATA}
    start = 0
    for spec in ordered:
        end = start + spec.num_bytes
        entries[spec.name] = {
            "dtype": DTYPES[spec.dtype],
            "shape": list(spec.shape),
            "data_offsets": [start, end],
        }
        start = end
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return Layout(header=struct.pack("<Q", len(text)) + text, specs=ordered)
