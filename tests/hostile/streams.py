"""Spells pickles by hand, as no pickler would write them."""

import io
import struct
import zipfile

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
VERSION = b"\x80\x02M\xe9\x03."
SYSTEM = b"\x80\x02}X\x0d\x00\x00\x00little_endian\x88s."
FLOATS = bytes(48)
"""The content of storage `0`, twelve zeros."""


def text(value, opcode=b"X"):
    raw = value.encode() if isinstance(value, str) else value
    return opcode + len(raw).to_bytes(4, "little") + raw


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def number(value):
    if 0 <= value < 256:
        return bytes((0x4B, value))
    size = value.bit_length() // 8 + 1
    return b"\x8a" + bytes((size,)) + value.to_bytes(size, "little", signed=True)


def numbers(*values):
    return b"(" + b"".join(map(number, values)) + b"t"


def call(module, attribute, args, opcode=b"R"):
    return name(module, attribute) + args + opcode


KEY = text("0")
DEVICE = text("cpu")
NUMEL = number(12)


def reference(*, kind=("torch", "FloatStorage"), key=KEY, device=DEVICE, numel=NUMEL, more=b""):
    return b"(" + text("storage") + name(*kind) + key + device + numel + more + b"tQ"


def tensor(*, offset=0, shape=(3, 4), stride=(4, 1), storage=None):
    sizes = number(offset) + numbers(*shape) + numbers(*stride)
    args = b"(" + (reference() if storage is None else storage) + sizes + b"\x89}t"
    return call("torch._utils", "_rebuild_tensor_v2", args)


def root(model=None, *, title="w", **entries):
    """A checkpoint with one tensor; each entry is the stream of its value."""
    model = b"}" + text(title) + tensor() + b"s" if model is None else model
    pairs = text("model") + model + b"".join(text(k) + v for k, v in entries.items())
    return b"\x80\x04}(" + pairs + b"u."


def zipped(data, *more, storages=(("0", FLOATS),)):
    """A sound zip with this pickle."""
    entries = [("m/data.pkl", data), *((f"m/data/{key}", raw) for key, raw in storages), *more]
    return zip_of(entries)


def zip_of(entries, *, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for title, content in entries:
            archive.writestr(title, content)
    return buffer.getvalue()


def legacy(
    data,
    *,
    keys=b"\x80\x02](X\x01\x00\x00\x000e.",
    count=12,
    content=FLOATS,
    version=VERSION,
    system=SYSTEM,
):
    return MAGIC + version + system + data + keys + struct.pack("<q", count) + content
