"""Turns the records of a pickle into plain data: dicts, lists, tuples, numbers and texts."""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath

from toolkit.checkpoint.values import Opaque, StorageRef, TensorRef
from toolkit.core.errors import BadInput

MAX_DEPTH = 100
"""Levels of a settings tree; a real one has about ten, and Python stops at 1000 calls."""

MAX_NODES = 200_000
"""Values of a settings tree when shared ones are written out; a real one has some 500. A file of
some bytes can share a list so often that writing it out never ends."""

MAX_CHARS = 1 << 24
"""Characters of a settings tree when shared texts are written out; a real one has some 10,000."""

_NAMESPACES = {("argparse", "Namespace"), ("types", "SimpleNamespace")}
_NUMPY_MODULES = {"numpy.core.multiarray", "numpy._core.multiarray"}
_NUMPY_FORMATS = {
    "f2": "e", "f4": "f", "f8": "d", "b1": "?",
    "i1": "b", "i2": "h", "i4": "i", "i8": "q",
    "u1": "B", "u2": "H", "u4": "I", "u8": "Q",
}  # fmt: skip
_NUMPY_ORDERS = {"<": "<", "|": "<", "=": "<", ">": ">"}
_NEVER_ENUMS = frozenset({*sys.stdlib_module_names, "torch", "numpy"})
_MAX_PATH_PARTS = 100
_MAX_CODE_CHARS = 10
_MAX_ITEM_BYTES = 8


@dataclass(kw_only=True, slots=True)
class Budget:
    """How much may still be written out. Trees that belong to one file share one."""

    nodes: int = MAX_NODES
    chars: int = MAX_CHARS


def to_plain(value: object, *, subject: str, budget: Budget | None = None) -> object:
    """Returns a value as plain data.

    Namespaces and omegaconf nodes become dicts, lists and values, enum members their value, paths
    text, numpy scalars numbers. A missing omegaconf value stays "???", an interpolation stays text.
    Anything else becomes `"<module.name>"`, so that it is seen.

    Args:
        value: What the pickle machine returned.
        subject: What the messages call the value.
        budget: What may still be written, lowered by what was; without it, a full one.

    Raises:
        BadInput: The value contains itself, or is outsized when written out.
    """
    return _Plainer(subject, budget or Budget()).convert(value, depth=0)


class _Plainer:
    """One conversion."""

    def __init__(self, subject: str, budget: Budget) -> None:
        self._subject = subject
        self._left = budget

    def convert(self, value: object, *, depth: int) -> object:
        self._charge(depth)
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return self._write(value)
        if isinstance(value, Opaque):
            return self._convert_opaque(value, depth=depth)
        return self._convert_container(value, depth=depth)

    def _charge(self, depth: int, *, nodes: int = 1, chars: int = 0) -> None:
        self._left.nodes -= nodes
        self._left.chars -= chars
        if depth > MAX_DEPTH or self._left.nodes < 0 or self._left.chars < 0:
            raise BadInput(
                f"`{self._subject}` must be settings of at most {MAX_DEPTH} levels, {MAX_NODES} "
                f"values and {MAX_CHARS} characters, but is larger or contains itself. Get the "
                f"checkpoint again from its origin."
            )

    def _write(self, text: str) -> str:
        # Charged before it is copied: a long text may be shared by all values.
        self._charge(0, nodes=0, chars=len(text))
        return _clean(text)

    def _convert_container(self, value: object, *, depth: int) -> object:
        if isinstance(value, dict):
            return self._convert_dict(value, depth=depth)
        if isinstance(value, list | tuple):
            members = [self.convert(member, depth=depth + 1) for member in value]
            return members if isinstance(value, list) else tuple(members)
        if isinstance(value, set | frozenset):
            return sorted((self.convert(m, depth=depth + 1) for m in value), key=repr)
        return self._write(_describe(value))

    def _convert_dict(self, value: dict[object, object], *, depth: int) -> dict[object, object]:
        return {
            _plain_key(self.convert(key, depth=depth + 1)): self.convert(item, depth=depth + 1)
            for key, item in value.items()
        }

    def _convert_opaque(self, value: Opaque, *, depth: int) -> object:
        module, name = value.global_.module, value.global_.name
        if (module, name) in _NAMESPACES:
            return self._convert_attributes(value, depth=depth)
        if module.partition(".")[0] == "omegaconf":
            for attribute in ("_content", "_val"):
                for attributes in _attributes(value):
                    if attribute in attributes:
                        return self.convert(attributes[attribute], depth=depth + 1)
        if _is_enum_member(value):
            return self.convert(value.args[0], depth=depth + 1)
        parts = _maybe_path_parts(value)
        if parts is not None:
            self._charge(0, nodes=0, chars=sum(len(part) for part in parts))
            return _maybe_path(name, parts) or self._write(_describe(value))
        plain = _describe_numpy(value)
        return self._write(plain) if isinstance(plain, str) else plain

    def _convert_attributes(self, value: Opaque, *, depth: int) -> object:
        merged: dict[object, object] = {}
        for attributes in reversed(_attributes(value)):
            self._charge(0, nodes=len(attributes))  # before the copy, which may be asked for often
            merged.update(attributes)
        return self.convert(merged, depth=depth + 1)


def _attributes(value: Opaque) -> list[dict[object, object]]:
    """Returns where the attributes of an object stand, those that count more first."""
    match value.state:
        case dict() as plain:
            return [plain]
        case (None, dict() as slots):
            return [slots]
        case (dict() as plain, dict() as slots):
            return [slots, plain]
    return []


def _plain_key(key: object) -> object:
    if isinstance(key, int) and key.bit_length() >= 64:
        return str(key)  # large ones can be chosen so that all of them collide
    return key if key is None or isinstance(key, str | int | float) else str(key)


def _clean(text: str) -> str:
    # Half of a surrogate pair cannot be printed or written to a file.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _is_enum_member(value: Opaque) -> bool:
    """Returns whether a record looks like `Class(value)`, as enums are written.

    The class cannot be looked at, so: one plain argument, nothing else, a class-like name, and not
    a part of Python itself, whose names must stay visible.
    """
    if len(value.args) != 1 or value.kwargs or value.items or value.members:
        return False
    if value.state is not None or not isinstance(value.args[0], str | int | float | tuple):
        return False
    owner = value.global_.module.partition(".")[0]
    last_name = value.global_.name.rpartition(".")[2]
    return last_name[:1].isupper() and owner not in _NEVER_ENUMS


def _maybe_path_parts(value: Opaque) -> list[str] | None:
    if value.global_.module.partition(".")[0] != "pathlib" or len(value.args) > _MAX_PATH_PARTS:
        return None
    parts = [part for part in value.args if isinstance(part, str)]
    return parts if len(parts) == len(value.args) else None


def _maybe_path(name: str, parts: list[str]) -> str | None:
    if name in ("PosixPath", "PurePosixPath", "Path", "PurePath"):
        return _clean(str(PurePosixPath(*parts)))
    if name in ("WindowsPath", "PureWindowsPath"):
        return _clean(str(PureWindowsPath(*parts)))
    return None


def _describe_numpy(value: Opaque) -> object:
    """Returns the number in a numpy scalar, or a description of anything else."""
    if value.global_.module not in _NUMPY_MODULES or value.global_.name != "scalar":
        return _describe(value)
    match value.args:
        case (Opaque(args=(str() as code, *_)) as dtype, bytes() | str() as content):
            return _decode_scalar(code, dtype.state, content)
    return _describe(value)


def _decode_scalar(code: str, dtype_state: object, content: bytes | str) -> object:
    order = dtype_state[1] if isinstance(dtype_state, tuple) and len(dtype_state) > 1 else "<"
    if code not in _NUMPY_FORMATS or not isinstance(order, str) or order not in _NUMPY_ORDERS:
        return f"<numpy scalar of dtype {_clean(code[:_MAX_CODE_CHARS])}>"
    if len(content) > _MAX_ITEM_BYTES:
        return f"<numpy scalar of dtype {_clean(code)}>"
    raw = content.encode("latin-1", "replace") if isinstance(content, str) else content
    try:
        return struct.unpack(_NUMPY_ORDERS[order] + _NUMPY_FORMATS[code], raw)[0]
    except struct.error:
        return f"<numpy scalar of dtype {_clean(code)}>"


def _describe(value: object) -> str:
    if isinstance(value, TensorRef):
        return f"<tensor {_clean(value.dtype)} {value.shape}>"
    if isinstance(value, StorageRef):
        return f"<storage {value.dtype} {value.numel}>"
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes>"
    if isinstance(value, Opaque):
        return _clean(f"<{value.global_.module}.{value.global_.name}>")
    return _clean(f"<{value}>")
