"""Turns torch's persistent ids into storage references and keeps the list of them."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.checkpoint.values import Global, StorageRef, quote, type_name
from toolkit.core.spec import ITEM_BYTES

_STORAGE_DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "UntypedStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "QUInt8Storage": "quint8",
    "QInt8Storage": "qint8",
    "QInt32Storage": "qint32",
    "QUInt4x2Storage": "quint4x2",
    "QUInt2x4Storage": "quint2x4",
}

_RARE_ITEM_BYTES = {
    "complex64": 8,
    "complex128": 16,
    "quint8": 1,
    "qint8": 1,
    "qint32": 4,
    "quint4x2": 1,
    "quint2x4": 1,
}
"""Storages that may lie in the file beside the model's; no model tensor may use them."""


MAX_KEY_CHARS = 100
"""Keys are numbers of some ten digits. Equal long ones would be compared in full each time."""

_ID_SIZES = (5, 6)
"""Parts of a persistent id: the word, class, key, device, size, and in old files a view or None."""


@dataclass(frozen=True, kw_only=True)
class Region:
    """A stretch of the file."""

    offset_bytes: int
    """From the start of the file."""
    num_bytes: int


class StorageLedger:
    """The storages that a pickle refers to, by key."""

    def __init__(self) -> None:
        self.refs: dict[str, StorageRef] = {}

    def find(self, persistent_id: object) -> object:
        """Returns what a persistent id stands for.

        Raises:
            ValueError: The id is not one that torch writes, or contradicts an earlier one.
        """
        parts = persistent_id if isinstance(persistent_id, tuple) else ()
        match parts:
            case ("storage", kind, str() as key, *_) if len(key) <= MAX_KEY_CHARS:
                return self._enter(_make_ref(kind, key, parts))
            case ("module", Global() as module, *_):
                return module  # a class saved with its source text; the source is not needed
        raise ValueError(f"the reference is {quote(type_name(persistent_id))}, not a storage")

    def _enter(self, ref: StorageRef) -> StorageRef:
        known = self.refs.setdefault(ref.key, ref)
        if ref.numel < 0 or storage_bytes(known) != storage_bytes(ref):
            raise ValueError(
                f"storage `{quote(ref.key)}` is claimed with {quote(str(storage_bytes(known)))} "
                f"and with {quote(str(storage_bytes(ref)))} bytes"
            )
        return ref


def storage_bytes(ref: StorageRef) -> int:
    """Returns the size that a reference claims, in bytes."""
    return ref.numel * item_bytes(ref)


def item_bytes(ref: StorageRef) -> int:
    """Returns the bytes of one element."""
    return ITEM_BYTES.get(ref.dtype) or _RARE_ITEM_BYTES[ref.dtype]


def _make_ref(kind: object, key: str, persistent_id: tuple[object, ...]) -> StorageRef:
    dtype = _dtype_of(kind)
    # Its size is asked first: one tuple of a million parts may be referred to a million times.
    if len(persistent_id) not in _ID_SIZES or any(persistent_id[5:]):
        raise ValueError(f"storage `{quote(key)}` is a view or has no size")
    device, numel = persistent_id[3:5]
    if not isinstance(device, str) or type(numel) is not int:
        raise ValueError(f"storage `{quote(key)}` has no size or no device")
    return StorageRef(key=key, dtype=dtype, numel=numel)


def _dtype_of(kind: object) -> str:
    if not isinstance(kind, Global) or kind.module not in ("torch", "torch.cuda", "torch.storage"):
        raise ValueError(f"{type_name(kind)} is not a storage class of torch")
    if kind.name not in _STORAGE_DTYPES:
        raise ValueError(f"{type_name(kind)} is not a known storage class")
    return _STORAGE_DTYPES[kind.name]
