"""Hypothesis builds checkpoints that are sound but for some lies, and streams that are nearly so.

A hundred of each here; `make fuzz` runs 20,000 with `--hypothesis-profile=fuzz`.
"""

import math
import pickletools
import struct

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, run
from tests.hostile.streams import call, legacy, name, number, reference, root, tensor, text
from toolkit.checkpoint.values import MAX_DIMENSIONS
from toolkit.core.errors import BadInput

SIZES = st.one_of(st.integers(0, 8), st.sampled_from([-1, 12, 13, 2**31, 2**63 - 1, 2**63, 2**70]))
SHAPES = st.lists(SIZES, max_size=MAX_DIMENSIONS + 1)
KEYS = st.sampled_from(["0", "1", "2", "", "../0", "\u202e", "x" * 200])
NAMES = st.sampled_from(
    [
        ("torch", "FloatStorage"),
        ("torch", "HalfStorage"),
        ("torch", "ComplexDoubleStorage"),
        ("torch.cuda", "ByteStorage"),
        ("torch._utils", "_rebuild_tensor_v2"),
        ("torch._utils", "_rebuild_parameter"),
        ("torch._tensor", "_rebuild_from_type_v2"),
        ("collections", "OrderedDict"),
        ("collections", "defaultdict"),
        ("argparse", "Namespace"),
        ("omegaconf.dictconfig", "DictConfig"),
        ("numpy.core.multiarray", "scalar"),
        ("pathlib", "PosixPath"),
        ("builtins", "bytes"),
        ("builtins", "set"),
        ("_codecs", "encode"),
        ("os", "system"),
        ("evil", "Enum"),
    ]
)
LEAVES = st.one_of(
    st.sampled_from([b"N", b"\x88", b"]", b"}", b")", b"\x8f", b"G" + bytes(8)]),
    st.integers(-(2**80), 2**80).map(number),
    st.text(max_size=20).map(lambda value: text(value.encode("utf-8", "surrogatepass"))),
    NAMES.map(lambda pair: name(*pair)),
    st.binary(max_size=10).map(lambda value: text(value, b"B")),
)


@st.composite
def references(draw):
    return reference(
        kind=draw(NAMES),
        key=text(draw(KEYS)),
        numel=draw(SIZES.map(number)),
        more=draw(st.sampled_from([b"", b"N", b"(tK\x01"])),
    )


@st.composite
def tensors(draw):
    storage = draw(st.none() | references())
    shape = draw(SHAPES)
    stride = draw(st.lists(SIZES, min_size=len(shape), max_size=len(shape)) | SHAPES)
    return tensor(offset=draw(SIZES), shape=shape, stride=stride, storage=storage)


def containers(inner):
    parts = st.lists(inner, max_size=5).map(b"".join)
    return st.one_of(
        parts.map(lambda part: b"(" + part + b"l"),
        parts.map(lambda part: b"(" + part + b"t"),
        parts.map(lambda part: b"](" + part + b"e"),
        parts.map(lambda part: b"\x8f(" + part + b"\x90"),
        parts.map(lambda part: b"(" + part + b"\x91"),
        st.lists(st.tuples(inner, inner), max_size=4).map(
            lambda pairs: b"}(" + b"".join(a + b for a, b in pairs) + b"u"
        ),
        st.tuples(NAMES, parts, st.sampled_from([b"R", b"\x81"])).map(
            lambda args: call(*args[0], b"(" + args[1] + b"t", args[2])
        ),
        st.tuples(inner, inner).map(lambda pair: pair[0] + pair[1] + b"b"),
        inner.map(lambda value: value + b"\x94" + b"h\x00\x86"),
    )


VALUES = st.recursive(LEAVES | tensors() | references(), containers, max_leaves=12)
MODELS = st.lists(st.tuples(st.text(max_size=8), tensors()), max_size=3).map(
    lambda pairs: (
        b"}(" + b"".join(text(key) + value for key, value in pairs) + b"u"
        if all(_is_text(key) for key, _ in pairs)
        else b"}"
    )
)
OPCODES = st.lists(
    st.one_of(
        st.sampled_from([opcode.code.encode("latin-1") for opcode in pickletools.opcodes]), LEAVES
    ),
    max_size=60,
).map(b"".join)


def _is_accepted(stream):
    try:
        TARGETS["zip_pickle"](stream)
    except BadInput:
        return False
    return True


def _is_text(key):
    return key.encode("utf-8", "ignore").decode() == key


@given(model=st.none() | MODELS, args=VALUES, extra=VALUES)
def test_a_checkpoint_that_lies_is_read_or_refused(model, args, extra):
    run(TARGETS["zip_pickle"], root(model, args=args, extra=extra))


@given(
    model=MODELS,
    keys=st.lists(KEYS, max_size=3),
    count=st.integers(-(2**63), 2**63 - 1) | st.just(12),
    content=st.binary(max_size=60),
)
def test_a_legacy_file_that_lies_is_read_or_refused(model, keys, count, content):
    listed = b"](" + b"".join(map(text, keys)) + b"e."
    run(TARGETS["checkpoint"], legacy(root(model), keys=listed, count=count, content=content))


@given(stream=OPCODES)
def test_a_row_of_opcodes_is_read_or_refused(stream):
    run(TARGETS["pickle"], stream + b".")


@given(offset=st.integers(0, 12), shape=st.lists(st.integers(0, 5), max_size=4), data=st.data())
def test_whether_a_tensor_fits_is_decided_as_torch_decides(offset, shape, data):
    stride = data.draw(st.lists(st.integers(0, 5), min_size=len(shape), max_size=len(shape)))
    last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
    # An empty tensor may begin anywhere up to the end.
    fits = offset <= 12 if math.prod(shape) == 0 else last < 12
    stream = root(b"}" + text("w") + tensor(offset=offset, shape=shape, stride=stride) + b"s")
    assert _is_accepted(stream) == fits


@given(
    entries=st.lists(
        st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)), min_size=1, max_size=3
    ),
    end=st.tuples(*[st.integers(0, 3)] * 4, *[st.integers(0, 400)] * 2, st.just(0)),
)
def test_a_list_of_entries_that_lies_is_read_or_refused(entries, end):
    local = b"PK\x03\x04" + bytes(22) + struct.pack("<HH", 1, 0) + b"a"
    listed = b"".join(
        b"PK\x01\x02"
        + bytes(16)
        + struct.pack("<IIHHH", size, size, 1, 0, 0)
        + bytes(8)
        + struct.pack("<I", start)
        + b"a"
        for size, start in entries
    )
    run(TARGETS["checkpoint"], local + listed + struct.pack("<4sHHHHIIH", b"PK\x05\x06", *end))
