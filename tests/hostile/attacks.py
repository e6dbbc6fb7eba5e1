"""Every attack: a file, and the words of the error that names what was refused.

`REFUSED` holds pickles, as the zip format's main pickle; `FILES` whole files; `PLACES` paths that
are no files; `INERT` what is read, as data, and does nothing. What is large, or takes long to make,
is a function that makes it.
"""

import os
import struct
import zlib
from functools import cache, partial
from pathlib import Path

from tests.hostile.streams import (
    MAGIC,
    SYSTEM,
    call,
    legacy,
    name,
    number,
    numbers,
    reference,
    root,
    tensor,
    text,
    zip_of,
    zipped,
)

MARKER = "TOOLKIT_TEST_MARKER"
"""Stands in the streams for the path of a file that would be made if anything ran."""

TOUCH = b"(" + text(f"touch {MARKER}") + b"t"
WRITE = b"(" + text(f"open({MARKER!r}, 'w')") + b"t"
HUGE = 1 << 62
LONG_TEXT = text("x" * 1_000_000)


def remembered(value, index=0):
    return value + b"q" + bytes((index,)) + b"0"


def model_of(stream):
    return root(b"}" + text("w") + stream + b"s")


def with_reference(**options):
    return model_of(tensor(storage=reference(**options)))


def doubling(opening, times=60):
    """A value that holds the one before twice, again and again."""
    steps = b"".join(b"q%c0h%ch%c%s" % (i, i, i, opening) for i in range(times))
    return b"N" + steps


def doubling_lists(times=60):
    steps = b"".join(b"q%c0(h%ch%cl" % (i, i, i) for i in range(times))
    return b"N" + steps


def repeat(stream, times):
    return b"(" + stream * times + b"l"


def nested_configs(depth):
    """`DictConfig` nodes inside each other, as omegaconf pickles them."""
    before = (name("omegaconf.dictconfig", "DictConfig") + b")\x81}" + text("_content")) * depth
    return before + b"N" + b"sb" * depth


def colliding(times):
    numbers_ = (k * (2**61 - 1) * 2**64 for k in range(1, times))
    return b"}(" + b"".join(b"\x8a\x1e" + n.to_bytes(30, "little") + b"N" for n in numbers_) + b"u"


REFUSED = {
    # Code
    "reduce of os.system": (call("os", "system", TOUCH) + b".", "an object of `os.system`"),
    "reduce of builtins.eval": (call("builtins", "eval", WRITE) + b".", "of `builtins.eval`"),
    "reduce of exec of Python 2": (call("__builtin__", "eval", WRITE) + b".", "`builtins.eval`"),
    "reduce of torch.load": (
        call("torch", "load", b"(" + text("weights.pt") + b"t") + b".",
        "an object of `torch.load`",
    ),
    "reduce of the result of getattr": (
        call("builtins", "getattr", name("os", "path") + text("system") + b"\x86") + TOUCH + b"R.",
        "calls an object of `builtins.getattr`",
    ),
    "reduce of the result of __import__": (
        call("builtins", "__import__", text("os") + b"\x85") + TOUCH + b"R.",
        "calls an object of `builtins.__import__`",
    ),
    "reduce of a text": (text("os.system") + TOUCH + b"R.", "calls a value of type str"),
    "reduce with arguments that are no tuple": (
        name("os", "system") + text("touch x") + b"R.",
        "`os.system` a value of type str as arguments",
    ),
    "newobj of subprocess.Popen": (
        call("subprocess", "Popen", b"(" + text("touch") + b"t", b"\x81") + b".",
        "an object of `subprocess.Popen`",
    ),
    "newobj_ex of subprocess.Popen": (
        b"\x80\x04"
        + call("subprocess", "Popen", TOUCH + b"}" + text("shell") + b"\x88s", b"\x92")
        + b".",
        "an object of `subprocess.Popen`",
    ),
    "newobj_ex of a harmless name": (
        b"\x80\x04" + call("collections", "OrderedDict", b")}" + text("k") + b"Ns", b"\x92") + b".",
        "an object of `collections.OrderedDict`",
    ),
    "inst of os.system": (b"(" + text("touch x") + b"ios\nsystem\n.", "calls `os.system`"),
    "obj of os.system": (b"(" + name("os", "system") + text("x") + b"o.", "opcode OBJ"),
    "build on os.environ": (name("os", "environ") + b"}b.", "the name `os.environ`"),
    "build on a list": (b"]}b.", "sets attributes of a value of type list"),
    "build twice": (call("argparse", "Namespace", b")") + b"}" + text("a") + b"Nsb}b.", "second"),
    "ext1": (b"\x82\x01.", "opcode EXT1"),
    "ext2": (b"\x83\x01\x00.", "opcode EXT2"),
    "ext4": (b"\x84\x01\x00\x00\x00.", "opcode EXT4"),
    "persistent id as text": (b"Pstorage\n.", "opcode PERSID"),
    "out-of-band buffer": (b"\x80\x05\x97.", "opcode NEXT_BUFFER"),
    "read-only buffer": (b"\x80\x05N\x98.", "opcode READONLY_BUFFER"),
    "protocol 6": (b"\x80\x06N.", "protocol 6"),
    # Names
    "name of numbers": (b"\x80\x04K\x01K\x02\x93.", "by a value of type int"),
    "name of a list": (b"\x80\x04" + text("os") + b"]\x93.", "and a value of type list"),
    "name from a name": (b"\x80\x04" + name("os", "a") + text("b") + b"\x93.", "`os.a`"),
    "dotted name": (
        b"\x80\x04" + text("os") + text("path.os.system") + b"\x93" + TOUCH + b"R.",
        "an object of `os.path.os.system`",
    ),
    "name of a million characters": (
        b"\x80\x04" + text("os") + LONG_TEXT + b"\x93.",
        "more than 1000 characters",
    ),
    "name with control characters": (
        b"\x80\x04" + text("m\x1b[2J\u202e") + text("C") + b"\x93}b.",
        r"`m\x1b[2J\u202e.C`",
    ),
    "class that is only called OrderedDict": (
        call("evil", "OrderedDict", b")") + b".",
        "an object of `evil.OrderedDict`",
    ),
    # Arguments of harmless names
    "ordered dict of no pairs": (
        call("collections", "OrderedDict", b"]K\x01a\x85") + b".",
        "a dict is made from pairs",
    ),
    "ordered dict of an object": (
        call("collections", "OrderedDict", call("os", "system", TOUCH) + b"\x85") + b".",
        "a container is expected, not an object of `os.system`",
    ),
    "rebuild without arguments": (
        call("torch._utils", "_rebuild_tensor_v2", b")") + b".",
        "`torch._utils._rebuild_tensor_v2` arguments that it does not take",
    ),
    "rebuild of no storage": (
        call("torch._utils", "_rebuild_tensor_v2", b"(NK\x00))\x89}t") + b".",
        "a storage is expected, not None",
    ),
    "rebuild with a truth value as size": (
        model_of(tensor().replace(numbers(3, 4), b"(\x88K\x04t")),
        "the shape must be whole numbers",
    ),
    "parameter of an attack on torch": (
        call("torch._utils", "_rebuild_parameter", name("os", "system") + b"\x88}\x87") + b".",
        "a tensor is expected, not the name `os.system`",
    ),
    "bytes of two billion zeros": (
        call("builtins", "bytes", b"J\xff\xff\xff\x7f\x85") + b".",
        "bytes are made from bytes",
    ),
    "encode with another codec": (
        call("_codecs", "encode", text("a") + text("rot13") + b"\x86") + b".",
        "the encoding latin1",
    ),
    "device with a long name": (
        call("torch", "device", LONG_TEXT + b"\x85") + b".",
        "a device kind",
    ),
    # Persistent ids that lie
    "storage of a number": (with_reference(kind=("torch", "float32")), "not a known storage"),
    "storage of os.system": (with_reference(kind=("os", "system")), "not a storage class"),
    "storage of -1 elements": (with_reference(numel=number(-1)), "-4"),
    "storage of 2**63 elements": (with_reference(numel=number(2**63)), "36893488147419103232"),
    "storage of 2**1000 elements": (with_reference(numel=number(2**1000)), "must have 4286"),
    "storage of too few elements": (with_reference(numel=number(11)), "44 bytes and has 48"),
    "storage of True elements": (with_reference(numel=b"\x88"), "has no size"),
    "storage of half an element": (with_reference(numel=b"G" + bytes(8)), "has no size"),
    "storage of no size": (with_reference(numel=b"N"), "has no size"),
    "storage on a number": (with_reference(device=b"K\x01"), "no device"),
    "storage whose key is a number": (with_reference(key=b"K\x00"), "not a storage"),
    "storage whose key is a path": (
        with_reference(key=text("../../../etc/passwd")),
        "missing: `../../../etc/passwd`",
    ),
    "storage whose key is a million characters": (with_reference(key=LONG_TEXT), "not a storage"),
    "storage that is a view": (with_reference(more=b"(K\x00K\x01K\x02t"), "is a view"),
    "storage of a million parts": (
        remembered(
            b"("
            + text("storage")
            + name("torch", "FloatStorage")
            + text("0")
            + b"N" * 900_000
            + b"t"
        )
        + b"h\x00Q0" * 400_000
        + b"N.",
        "is a view or has no size",
    ),
    "storage of two sizes": (
        root(
            b"}("
            + text("a")
            + tensor()
            + text("b")
            + tensor(storage=reference(numel=number(13)))
            + b"u"
        ),
        "48 and with 52 bytes",
    ),
    "reference in a list": (b"\x80\x02](" + text("storage") + b"eQ.", "not a storage"),
    # Tensors that reach outside
    "offset beyond": (model_of(tensor(offset=1)), "reaches to element 13"),
    "offset far beyond": (model_of(tensor(offset=HUGE)), "reaches to element 4611"),
    "offset below": (model_of(tensor(offset=-1)), "negative size, stride or offset"),
    "size below": (model_of(tensor(shape=(-3, 4))), "negative size"),
    "size beyond": (model_of(tensor(shape=(3, 5), stride=(4, 1))), "reaches to element 13"),
    "stride below": (model_of(tensor(offset=11, stride=(-4, 1))), "negative size, stride"),
    "stride beyond": (model_of(tensor(stride=(5, 1))), "reaches to element 14"),
    "stride far beyond": (model_of(tensor(stride=(2**63, 1))), "reaches to element 1844"),
    "stride of 2**63 that is not taken": (
        model_of(tensor(shape=(1, 4), stride=(2**63, 1))),
        "torch cannot hold",
    ),
    "more elements than 2**63": (
        model_of(tensor(shape=(2**32, 2**32), stride=(0, 0))),
        "claims 18446744073709551616 elements",
    ),
    "none of 2**80 elements": (
        model_of(tensor(shape=(0, 2**40, 2**40), stride=(1, 1, 1))),
        "torch cannot hold",
    ),
    "terabytes from a stride of zero": (
        model_of(tensor(shape=(1 << 40,), stride=(0,))),
        "claims 1099511627776 elements",
    ),
    "scalar beyond": (model_of(tensor(offset=12, shape=(), stride=())), "reaches to element 13"),
    "more sizes than strides": (model_of(tensor(stride=(1,))), "2 sizes and 1 strides"),
    "65 dimensions": (model_of(tensor(shape=(1,) * 65, stride=(1,) * 65)), "at most 64 numbers"),
    "complex numbers": (
        with_reference(kind=("torch", "ComplexFloatStorage"), numel=number(6)),
        "`w` has dtype complex64",
    ),
    "dtype from elsewhere": (
        model_of(
            call(
                "torch._utils",
                "_rebuild_tensor_v3",
                b"("
                + reference()
                + number(0)
                + numbers(3)
                + numbers(1)
                + b"\x89}"
                + name("os", "system")
                + b"t",
            )
        ),
        "a dtype is expected, not the name `os.system`",
    ),
    "tensor without a name": (root(title=""), "`` has a name that cannot be printed"),
    "tensor with a line break": (root(title="a\nb"), r"`a\nb` has a name that cannot be printed"),
    "tensor that turns the line": (root(title="a\u202eb"), r"`a\u202eb` has a name that cannot"),
    "tensor with a long name": (root(title="x" * 501), "a name of 501 characters"),
    "tensor called by a number": (root(b"}K\x01" + tensor() + b"s"), "name its tensors by text"),
    # Values that are never done
    "three million memo puts": (b"N" + b"\x94" * 3_000_000 + b".", "remembers more than 2000000"),
    "memo under a huge number": (b"Np" + b"9" * 4000 + b"\n.", "which is no index"),
    "memo under colliding numbers": (
        lambda: b"N" + b"".join(b"p%d\n" % (k * (2**61 - 1)) for k in range(1, 100_000)) + b".",
        "which is no index",
    ),
    "memo under a negative number": (b"Np-1\n.", "under -1, which is no index"),
    "memo that was never written": (b"j\xff\xff\xff\xff.", "recalls memo entry 4294967295"),
    "million marks": (b"(" * 1_100_000, "more than 1000000 values on the stack"),
    "million lists in lists": (b"]" * 900_000 + b"a" * 899_999 + b".", "nest containers at most"),
    "million tuples in tuples": (b")" + b"\x85" * 900_000 + b".", "nest containers at most"),
    "dicts in dicts": (b"}K\x01" * 400_000 + b"N" + b"s" * 400_000 + b".", "nest containers"),
    "configurations in configurations": (
        root(cfg=nested_configs(100_000)),
        "settings of at most 100 levels",
    ),
    "list that doubles": (root(args=doubling_lists()), "args` must be settings of at most"),
    "tuple that doubles": (root(args=doubling(b"\x86")), "args` must be settings of at most"),
    "list in itself": (b"]q\x00h\x00a.", "contains itself"),
    "dict in itself": (b"}q\x00K\x01h\x00s.", "contains itself"),
    "object whose arguments hold themselves": (
        b"]q\x00h\x00a0" + name("m", "C") + b"h\x00\x85R.",
        "contains itself",
    ),
    "key that doubles": (b"}" + doubling(b"\x86", 80) + b"Ns.", "more than 8 parts"),
    "keys that collide": (lambda: colliding(30_000) + b".", "amount of work"),
    "long equal keys": (
        lambda: (
            b"}"
            + remembered(text("a" * 20_000_000))
            + remembered(text("a" * 20_000_000), 1)
            + b"h\x00Ns"
            + b"h\x01Ns" * 1000
            + b"."
        ),
        "amount of work",
    ),
    "millions of sets": (b"](" + b"\x8f" * 900_000 + b"e.", "amount of work"),
    "millions of objects": (
        remembered(name("m", "C")) + b"](" + b"h\x00)R" * 700_000 + b"e.",
        "amount of work",
    ),
    "list copied again and again": (
        remembered(repeat(b"N", 100_000)) + call("builtins", "list", b"h\x00\x85") * 1000 + b".",
        "amount of work",
    ),
    "endless opcodes": (b"N0" * 3_000_000 + b"N.", "amount of work"),
    "long text shared a thousand times": (
        remembered(LONG_TEXT) + root(args=repeat(b"h\x00", 1000))[2:],
        "characters, but is larger",
    ),
    "long list shared by a thousand entries": (
        remembered(repeat(b"N", 100_000))
        + root(**{f"entry{i}": b"h\x00" for i in range(1000)})[2:],
        "200000 values",
    ),
    "wide object shared a thousand times": (
        remembered(b"(" + b"N" * 900_000 + b"t")
        + remembered(call("pathlib", "PosixPath", b"h\x00"), 1)
        + root(args=repeat(b"h\x01", 200_000))[2:],
        "is larger or contains itself",
    ),
    # Sizes that lie
    "text that claims 4 GB": (b"\x80\x04\x8d" + struct.pack("<Q", 1 << 32) + b"x.", "expected"),
    "text that claims 2**64 bytes": (b"\x80\x04\x8d" + b"\xff" * 8 + b"x.", "cannot be decoded"),
    "bytes that claim 2**63 - 1": (b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7fx.", "cannot be decoded"),
    "byte array that claims 4 GB": (b"\x80\x05\x96" + struct.pack("<Q", 1 << 32) + b".", "cannot"),
    "frame that claims 2**63": (b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f", "cannot be decoded"),
    "integer that claims 2 GB": (b"\x8b\xff\xff\xff\x7f.", "cannot be decoded"),
    "integer of -1 bytes": (b"\x8b\xff\xff\xff\xff.", "cannot be decoded"),
    "integer of 10 MB": (
        lambda: b"\x8b" + text(b"\x7f" * 10_000_000, b"") + b".",
        "more than 1024 bits",
    ),
    "integer of 10 million digits": (
        lambda: b"I" + b"9" * 10_000_000 + b"\n.",
        "cannot be decoded",
    ),
    "long of 4000 digits": (b"L" + b"9" * 4000 + b"L\n.", "more than 1024 bits"),
    "text of 40 MB": (lambda: text(b"a" * 40_000_000) + b".", "at most 33554432 bytes"),
    "texts of 110 MB together": (
        lambda: text(b"a" * 11_000_000) * 10 + b".",
        "of at most 100663296 bytes",
    ),
    "text of wide characters": (
        lambda: text("\U0001f600".encode() + b"a" * 33_000_000) * 3 + b".",
        "found a value of type str",
    ),
    "nothing": (b"", "cannot be decoded"),
    "no end": (b"\x80\x04N", "cannot be decoded"),
}


# Whole files

SOUND = zipped(root())
DIRECTORY = SOUND.index(b"PK\x01\x02")
LEGACY = legacy(root())


def patched(data, place, raw):
    return data[:place] + raw + data[place + len(raw) :]


def in_directory(field, raw):
    return patched(SOUND, DIRECTORY + field, raw)


def in_end(field, raw):
    return patched(SOUND, len(SOUND) - 22 + field, raw)


def with_zip64(*, count=2, size=None, start=None, locator=None, small=None):
    """The sound file with the two records that large archives have."""
    body, end = SOUND[:-22], SOUND[-22:]
    size = len(body) - DIRECTORY if size is None else size
    start = DIRECTORY if start is None else start
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
    place = len(body) if locator is None else locator
    limits = struct.pack("<HHII", 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    end = patched(end, 8, limits if small is None else small)
    return body + record + struct.pack("<4sIQI", b"PK\6\7", 0, place, 1) + end


def repacked(*names):
    """The sound file with more entries, under names that are put in afterwards."""
    plain = [f"m/{number:0{max(1, len(n) - 2)}d}"[: len(n)] for number, n in enumerate(names)]
    data = zipped(root(), *((short, b"") for short in plain))
    for short, title in zip(plain, names, strict=True):
        data = data.replace(short.encode(), title.encode())
    return data


def compressed(num_bytes=100_000_000):
    content = bytes(num_bytes)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush()
    local = struct.pack(
        "<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(packed), len(content), 10, 0
    )
    entry = struct.pack(
        "<4sHHHHHHIIIHHHHHII",
        b"PK\1\2",
        20,
        20,
        0,
        8,
        0,
        0,
        0,
        len(packed),
        len(content),
        10,
        0,
        0,
        0,
        0,
        0,
        0,
    )
    body = local + b"m/data.pkl" + packed
    directory = entry + b"m/data.pkl"
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(directory), len(body), 0)
    return body + directory + end


def overlapping():
    """The second entry begins inside of the first."""
    inner = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, 8, 0) + b"m/data/0"
    data = zip_of([("m/data.pkl", b"N" + inner + b"."), ("m/data/0", b"")])
    entry = data.rindex(b"PK\x01\x02")
    return patched(data, entry + 42, struct.pack("<I", data.index(inner)))


@cache
def many(count, folder="m"):
    return zipped(root(), *((f"{folder}/{number:x}", b"") for number in range(count)))


def with_second_end():
    """An archive in the comment of another, so that two readers see two archives."""
    inner = zip_of([("m/data.pkl", b"N.")])
    return SOUND[:-2] + struct.pack("<H", len(inner)) + inner


def lying(key, raw):
    """The sound file; one entry's local header says something else than the list."""
    place = SOUND.index(b"m/data/0") - 30
    return patched(SOUND, place + key, raw)


FILES = {
    "empty file": (b"", "an empty file"),
    "one byte": (b"\x80", "1 bytes that begin with"),
    "pickle alone": (call("os", "system", TOUCH) + b".", "is not a checkpoint"),
    "web page": (b"<!DOCTYPE html><script>alert(1)</script>", "a web page"),
    "gzip bomb": (b"\x1f\x8b\x08\x00" + bytes(1000), "a gzip archive"),
    # Zip
    "zip of nothing": (zip_of([]), "one entry `*/data.pkl`, found 0"),
    "zip bomb of 1000:1": (compressed, "these are compressed: `m/data.pkl`"),
    "compressed size that lies": (in_directory(20, b"\x01\0\0\0"), "are compressed: `m/data.pkl`"),
    "size beyond the file": (
        in_directory(20, struct.pack("<II", 1 << 31, 1 << 31)),
        "`m/data.pkl` where its list of entries says",
    ),
    "encrypted": (in_directory(8, b"\x01\0"), "not encrypted, but these are: `m/data.pkl`"),
    "strongly encrypted": (in_directory(8, b"\x41\0"), "not encrypted, but these are"),
    "encrypted in the local header alone": (lying(6, b"\x01\0"), "entry `m/data/0` where"),
    "another method in the local header": (lying(8, b"\x08\0"), "entry `m/data/0` where"),
    "another name in the local header": (lying(30, b"m/data/9"), "entry `m/data/0` where"),
    "no local header": (lying(0, b"XXXX"), "entry `m/data/0` where"),
    "offset out of the file": (in_directory(42, b"\xff\xff\xff\x7f"), "entry `m/data.pkl` where"),
    "offset into the list": (
        in_directory(42, struct.pack("<I", DIRECTORY)),
        "entry `m/data.pkl` where",
    ),
    "entries that overlap": (overlapping(), "`m/data.pkl` and `m/data/0` overlap"),
    "entry that reaches into the list": (
        patched(SOUND, SOUND.rindex(b"PK\x01\x02") + 20, struct.pack("<II", 80, 80)),
        "entry `m/data/0` where",
    ),
    "name that occurs twice": (repacked("m/data.pkl"), "twice: `m/data.pkl`"),
    "name that occurs twice but for its case": (repacked("m/DATA.PKL"), "twice: `m/data.pkl`"),
    "name that leaves the folder": (repacked("m/../../../../x"), "holds: `m/../../../../x`"),
    "name that begins with a parent": (repacked("../../etc/x"), "holds: `../../etc/x`"),
    "absolute name": (repacked("/etc/passwd"), "holds: `/etc/passwd`"),
    "name of a drive": (repacked("c:/windows"), "holds: `c:/windows`"),
    "name with backslashes": (repacked("m\\..\\..\\x"), "plain relative names"),
    "name with a null byte": (repacked("m/data.pkl\0x"), r"holds: `m/data.pkl\x00x`"),
    "name of an entry with control characters": (repacked("m/\x1b[2Jx"), r"holds: `m/\x1b[2Jx`"),
    "two checkpoints in one": (repacked("n/data.pkl"), "found 2 of them"),
    "program": (repacked("m/constants.pkl"), "a TorchScript program"),
    "comment": (SOUND[:-2] + b"\x05\0hello", "with its end record"),
    "archive in the comment": (with_second_end(), "does not end where the end record begins"),
    "bytes after the end": (SOUND + b"\0", "with its end record"),
    "bytes before the beginning": (b"PK\3\4" + bytes(100) + SOUND, "does not end where"),
    "list of other length": (in_end(12, b"\x10\0\0\0"), "does not end where"),
    "list of 4 GB": (in_end(12, b"\xff\xff\xff\xff"), "does not end where"),
    "list of 65535 entries": (in_end(8, b"\xff\xff\xff\xff"), "at least 46 for each entry"),
    "list of fewer entries": (in_end(8, b"\x01\0\x01\0"), "more bytes than its entries take"),
    "several disks": (in_end(4, b"\x01\0"), "several disks"),
    "zip64 count of 2**63": (with_zip64(count=1 << 63), "at least 46 for each entry"),
    "zip64 size of 2**63": (with_zip64(size=1 << 63), "does not end where"),
    "zip64 start of 2**63": (with_zip64(start=1 << 63), "does not end where"),
    "zip64 record elsewhere": (with_zip64(locator=0), "zip64 locator does not lead"),
    "zip64 that contradicts": (
        with_zip64(small=struct.pack("<HHII", 1, 1, 1, 1)),
        "contradict each other",
    ),
    "zip64 sizes that are missing": (in_directory(20, b"\xff" * 8), "cannot be read"),
    "200,000 entries": (partial(many, 200_000), "it must have at most 4194304 bytes"),
    "wrong checksum": (patched(SOUND, SOUND.index(b"model"), b"modem"), "checksum"),
    "big-endian numbers": (zipped(root(), ("m/byteorder", b"big")), "little-endian numbers"),
    # Legacy
    "legacy of another version": (legacy(root(), version=b"\x80\x02M\xea\x03."), "gives 1002"),
    "legacy of an attack as version": (
        legacy(root(), version=call("os", "system", TOUCH) + b"."),
        "gives an object of `os.system`",
    ),
    "legacy of big-endian numbers": (
        legacy(root(), system=SYSTEM.replace(b"\x88", b"\x89")),
        "little-endian numbers",
    ),
    "legacy with an attack": (
        legacy(b"\x80\x02" + call("os", "system", TOUCH) + b".", keys=b"]."),
        "an object of `os.system`",
    ),
    "legacy list of no keys": (legacy(root(), keys=b"]."), "on one side only: `0`"),
    "legacy list of other keys": (legacy(root(), keys=b"](" + text("1") + b"e."), "`0`, `1`"),
    "legacy list of a key twice": (
        legacy(root(), keys=b"](" + text("0") * 2 + b"e."),
        "list each storage once",
    ),
    "legacy list of numbers": (legacy(root(), keys=b"](K\x00e."), "list each storage once"),
    "legacy list of an attack": (
        legacy(root(), keys=call("os", "system", TOUCH) + b"."),
        "list each storage once",
    ),
    "legacy list without end": (legacy(root(), keys=b"N0" * 100_000), "amount of work"),
    "legacy storage of fewer elements": (legacy(root(), count=11), "but the file holds 11"),
    "legacy storage of -1 elements": (legacy(root(), count=-1), "but the file holds -1"),
    "legacy storage of 2**63 - 1": (legacy(root(), count=2**63 - 1), "but the file holds 9223"),
    "legacy storage that both claim": (
        legacy(with_reference(numel=number(2**60)), count=2**60),
        "bytes of storage `0`",
    ),
    "legacy that is cut off": (LEGACY[:-1], "must hold 48 bytes of storage `0`"),
    "legacy magic behind a bomb": (b"\x80\x02" + b"N0" * 100_000 + MAGIC, "is not a checkpoint"),
}


# Paths that are no files, or no ordinary ones


def sparse(path, *, start=b"", end=b"", num_bytes):
    """A file of any size that takes no room."""
    with path.open("wb") as file:
        file.write(start)
        file.seek(num_bytes - len(end))
        file.write(end)
        file.truncate(num_bytes)


def huge_pickle(path):
    """A sound list of one entry of 1 TB, which is a hole."""
    size = 1 << 40
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 45, 0, 0, 0, 0, 0, 0, 0, 10, 0) + b"m/data.pkl"
    extra = struct.pack("<HHQQ", 1, 16, size, size)
    entry = struct.pack(
        "<4sHHHHHHIIIHHHHHII",
        b"PK\1\2",
        45,
        45,
        0,
        0,
        0,
        0,
        1,
        0xFFFFFFFF,
        0xFFFFFFFF,
        10,
        len(extra),
        0,
        0,
        0,
        0,
        0,
    )
    directory = entry + b"m/data.pkl" + extra
    start = len(local) + size
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(directory), start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, start + len(directory), 1)
    limits = (0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    end = directory + record + locator + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, *limits, 0)
    sparse(path, start=local, end=end, num_bytes=start + len(end))


def huge_list(path):
    """A list of entries of 3 GB, which is a hole."""
    size = 3 << 30
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 65535, 65535, size, 4, 0)
    sparse(path, start=b"PK\3\4", end=end, num_bytes=4 + size + len(end))


def huge_text(path):
    """A legacy file whose pickle is one text of 1 TB, which is a hole."""
    start = MAGIC + b"\x80\x02M\xe9\x03." + SYSTEM + b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40)
    sparse(path, start=start, num_bytes=(1 << 40) + 1000)


PLACES = {
    "missing file": (Path.exists, "is no file"),
    "folder": (Path.mkdir, "is no file"),
    "pipe": (os.mkfifo, "is no file"),
    "link to /dev/zero": (lambda path: path.symlink_to("/dev/zero"), "is no file"),
    "link to /dev/stdin": (lambda path: path.symlink_to("/dev/stdin"), "is no"),
    "link to itself": (lambda path: path.symlink_to(path), "levels of symbolic links"),
    "link to nothing": (lambda path: path.symlink_to("gone"), "is no file"),
    "link to a folder": (lambda path: path.symlink_to("/"), "is no file"),
    "link to the memory of the process": (
        lambda path: path.symlink_to("/proc/self/mem"),
        "must be readable",
    ),
    "hole of 1 TB": (lambda path: sparse(path, num_bytes=1 << 40), "1099511627776 bytes that"),
    "zip pickle of 1 TB": (huge_pickle, "of at most 100663296 bytes"),
    "zip list of 3 GB": (huge_list, "it must have at most 33554432 bytes"),
    "legacy text of 1 TB": (huge_text, "takes 1099511627776"),
}


INERT = {
    "attack in the settings": root(args=call("os", "system", TOUCH)),
    "attack in the model": root(
        b"}(" + text("w") + tensor() + text("x") + call("builtins", "eval", WRITE) + b"u"
    ),
    "attack in the optimizer state": root(last_optimizer_state=call("os", "system", TOUCH)),
    "namespace with a payload as state": root(
        args=call("argparse", "Namespace", b")")
        + b"}("
        + text("__setstate__")
        + name("os", "system")
        + text("__class__")
        + name("subprocess", "Popen")
        + b"ub"
    ),
    "ordered dict with attributes": root(
        b"\x80\x02"
        + call("collections", "OrderedDict", b")")
        + text("w")
        + tensor()
        + b"s}"
        + text("__reduce__")
        + name("os", "system")
        + b"sb"
    ),
    "class with its source text": root(
        args=b"("
        + text("module")
        + name("os", "system")
        + text("a.py")
        + text(f"open({MARKER!r}, 'w')")
        + b"tQ"
    ),
    "enum of an attack": root(args=call("evil", "Enum", call("os", "system", TOUCH) + b"\x85")),
    "omegaconf node of an attack": root(
        cfg=call("omegaconf.dictconfig", "DictConfig", b")")
        + b"}"
        + text("_content")
        + text("${oc.env:HOME}")
        + b"sb"
    ),
    "tensor that claims to be a parameter of another": root(
        b"}("
        + text("w")
        + tensor()
        + text("x")
        + call(
            "torch._tensor",
            "_rebuild_from_type_v2",
            b"(" + name("os", "system") + name("evil", "Tensor") + TOUCH + b"}t",
        )
        + b"u"
    ),
    "tensors that share their storage": root(
        b"}("
        + text("a")
        + tensor()
        + text("b")
        + tensor()
        + text("c")
        + tensor(offset=1, shape=(11,), stride=(1,))
        + b"u"
    ),
    "frame that lies": b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f" + root()[2:],
    "memo far away": b"Nr\xff\xff\xff\xff0" + root(),
    "key twice": root(args=b"}(" + text("a") + b"K\x01" + text("a") + b"K\x02u"),
}

INERT_FILES = {"60,000 entries": partial(many, 60_000)}
