"""The allow-list: the few names that a pickle may call, each answered by a function of ours.

Names as torch writes them, see `torch/_utils.py`; the functions here only sort arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from toolkit.checkpoint.keys import Spend, check_key
from toolkit.checkpoint.values import (
    MAX_DIMENSIONS,
    Global,
    Opaque,
    StorageRef,
    TensorRef,
    quote,
    type_name,
)

Args = tuple[object, ...]
Constructor = Callable[[Args, Spend], object]

BYTES_PER_WORK = 64
"""Copying text is that much cheaper than copying references."""

MAX_DEVICE_CHARS = 100
"""Kinds of device are words such as `cuda`; their text is copied."""


def find_constructor(global_: Global) -> Constructor | None:
    """Returns our function for a name of the allow-list, or None for any other name.

    The function raises ValueError on arguments that the name does not take.
    """
    return _CONSTRUCTORS.get((global_.module, global_.name))


def _make_dict(args: Args, spend: Spend) -> object:
    source = _only_argument(args, default=())
    pairs = source.items() if isinstance(source, dict) else _members(source, spend)
    made: dict[object, object] = {}
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ValueError(f"a dict is made from pairs, not from {type_name(pair)}")
        check_key(pair[0], crowd=len(made), spend=spend)
        spend(1)
        made[pair[0]] = pair[1]
    return made


def _make_default_dict(args: Args, spend: Spend) -> object:
    # The default factory has no meaning for data that is only read.
    return _make_dict(args[1:], spend)


def _make_list(args: Args, spend: Spend) -> object:
    return list(_members(_only_argument(args, default=()), spend))


def _make_tuple(args: Args, spend: Spend) -> object:
    return tuple(_members(_only_argument(args, default=()), spend))


def _make_set(args: Args, spend: Spend) -> object:
    made: set[object] = set()
    for member in _members(_only_argument(args, default=()), spend):
        check_key(member, crowd=len(made), spend=spend)
        made.add(member)
    return made


def _make_frozenset(args: Args, spend: Spend) -> object:
    return frozenset(_members(_make_set(args, spend), spend))


def _make_bytes(args: Args, spend: Spend) -> object:
    # A number would ask for that many zeros: only bytes make bytes.
    source = _encode_text(args, spend) if len(args) == 2 else _only_argument(args, default=b"")
    if not isinstance(source, bytes | bytearray):
        raise ValueError(f"bytes are made from bytes, not from {type_name(source)}")
    spend(len(source) // BYTES_PER_WORK)
    return bytes(source)


def _make_bytearray(args: Args, spend: Spend) -> object:
    made = _make_bytes(args, spend)
    return bytearray(made) if isinstance(made, bytes) else made


def _encode_text(args: Args, spend: Spend) -> object:
    # How protocol 2 spells bytes: text of code points below 256.
    match args:
        case (str() as text, "latin1" | "latin-1"):
            spend(len(text) // BYTES_PER_WORK)
            return text.encode("latin-1")
    raise ValueError("only text and the encoding latin1 are expected")


def _make_complex(args: Args, _spend: Spend) -> object:
    match args:
        case (int() | float() as real, int() | float() as imaginary):
            return complex(real, imaginary)
    raise ValueError("two numbers are expected")


def _make_size(args: Args, _spend: Spend) -> object:
    return _sizes(_only_argument(args, default=()), what="size")


def _make_device(args: Args, _spend: Spend) -> object:
    match args:
        case (str() as kind,) if len(kind) <= MAX_DEVICE_CHARS:
            return kind
        case (str() as kind, int() as index) if len(kind) <= MAX_DEVICE_CHARS:
            return f"{kind}:{index}"
    raise ValueError("a device kind and an index are expected")


def _rebuild_tensor(args: Args, _spend: Spend) -> object:
    _expect_count(args, low=4, high=4)
    return _make_tensor(args, dtype=None)


def _rebuild_tensor_v2(args: Args, _spend: Spend) -> object:
    _expect_count(args, low=6, high=7)
    if len(args) == 7 and args[6]:
        # A conjugate or negative bit: the stored numbers are not the tensor's values.
        return Opaque(global_=Global("torch._utils", "_rebuild_tensor_v2"), args=args)
    return _make_tensor(args, dtype=None)


def _rebuild_tensor_v3(args: Args, _spend: Spend) -> object:
    _expect_count(args, low=7, high=8)
    dtype = args[6]
    if not isinstance(dtype, Global) or dtype.module != "torch":
        raise ValueError(f"a dtype is expected, not {type_name(dtype)}")
    if len(args) == 8 and args[7]:
        return Opaque(global_=Global("torch._utils", "_rebuild_tensor_v3"), args=args)
    return _make_tensor(args, dtype=dtype.name)


def _rebuild_parameter(args: Args, _spend: Spend) -> object:
    _expect_count(args, low=3, high=4)
    if not isinstance(args[0], TensorRef | Opaque):
        raise ValueError(f"a tensor is expected, not {type_name(args[0])}")
    return args[0]


def _rebuild_from_type(args: Args, spend: Spend) -> object:
    # A tensor with attributes of its own: (function, class, arguments, attributes).
    _expect_count(args, low=4, high=4)
    function, _, inner, _ = args
    if not isinstance(function, Global) or not isinstance(inner, tuple):
        raise ValueError("a function's name and its arguments are expected")
    rebuild = _TENSOR_CONSTRUCTORS.get((function.module, function.name))
    return rebuild(inner, spend) if rebuild else Opaque(global_=function, args=inner)


def _make_tensor(args: Args, *, dtype: str | None) -> TensorRef:
    storage, offset, shape, stride = args[:4]
    if not isinstance(storage, StorageRef):
        raise ValueError(f"a storage is expected, not {type_name(storage)}")
    return TensorRef(
        storage=storage,
        dtype=dtype or storage.dtype,
        offset=_sizes((offset,), what="offset")[0],
        shape=_sizes(shape, what="shape"),
        stride=_sizes(stride, what="stride"),
    )


def _sizes(value: object, *, what: str) -> tuple[int, ...]:
    if not isinstance(value, tuple | list):
        raise ValueError(f"the {what} must be whole numbers")
    if len(value) > MAX_DIMENSIONS:  # asked first: the numbers may be shared by a million tensors
        raise ValueError(f"the {what} must be at most {MAX_DIMENSIONS} numbers")
    if not all(type(size) is int for size in value):
        raise ValueError(f"the {what} must be whole numbers")
    return tuple(value)


def _members(source: object, spend: Spend) -> Iterable[object]:
    if not isinstance(source, tuple | list | set | frozenset | dict):
        raise ValueError(f"a container is expected, not {type_name(source)}")
    spend(len(source))
    return source


def _only_argument(args: Args, *, default: object) -> object:
    _expect_count(args, low=0, high=1)
    return args[0] if args else default


def _expect_count(args: Args, *, low: int, high: int) -> None:
    if not low <= len(args) <= high:
        found = quote(str(len(args)))
        raise ValueError(f"{low} to {high} arguments are expected, {found} were given")


_TENSOR_CONSTRUCTORS: dict[tuple[str, str], Constructor] = {
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor_v2,
    ("torch._utils", "_rebuild_tensor_v3"): _rebuild_tensor_v3,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _rebuild_parameter,
}

_CONSTRUCTORS: dict[tuple[str, str], Constructor] = {
    **_TENSOR_CONSTRUCTORS,
    ("torch._tensor", "_rebuild_from_type_v2"): _rebuild_from_type,
    ("torch", "Size"): _make_size,
    ("torch", "device"): _make_device,
    ("collections", "OrderedDict"): _make_dict,
    ("collections", "Counter"): _make_dict,
    ("collections", "defaultdict"): _make_default_dict,
    ("builtins", "dict"): _make_dict,
    ("builtins", "list"): _make_list,
    ("builtins", "tuple"): _make_tuple,
    ("builtins", "set"): _make_set,
    ("builtins", "frozenset"): _make_frozenset,
    ("builtins", "bytes"): _make_bytes,
    ("builtins", "bytearray"): _make_bytearray,
    ("builtins", "complex"): _make_complex,
    ("_codecs", "encode"): _encode_text,
}
