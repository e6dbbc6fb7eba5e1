"""Every attack by a Hugging Face folder, and the words of the error that names what was refused.

Each changes a right folder. `WEIGHTS`, `INDICES`, `JSON`, `TOKENIZERS` and `PLACES` are refused by
every command before anything is loaded; `CODE` would run if it were trusted.
"""

import json
import os
import socket
import struct

MARKER = "was-here"
"""What foreign code would make, beside the folder."""
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"


def entry(*, dtype="F32", shape=(2,), offsets=(0, 8), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


def weights(header, *, body=bytes(8), length=None):
    """A safetensors file with this header, which may be text, bytes or data."""
    raw = json.dumps(header).encode() if not isinstance(header, bytes) else header
    return struct.pack("<Q", len(raw) if length is None else length) + raw + body


def sparse(path, num_bytes, *, start=b""):
    with path.open("wb") as file:
        file.write(start)
        file.truncate(num_bytes)


def huge_weights(folder):
    """A sound header and 1 TB of weights, which are a hole."""
    size = 1 << 40
    start = weights({"w": entry(shape=(size // 4,), offsets=(0, size))}, body=b"")
    sparse(folder / WEIGHTS_FILE, len(start) + size, start=start)


SOUND = weights({"w": entry()})

WEIGHTS = {
    "empty weights": (b"", "but it has 0 bytes"),
    "weights of seven bytes": (bytes(7), "but it has 7 bytes"),
    "header of 2**64 - 1 bytes": (weights({}, length=2**64 - 1), "claims 18446744073709551615"),
    "header of 2**63 bytes": (weights({}, length=2**63), "claims 9223372036854775808 bytes"),
    "header beyond the file": (weights({}, length=11, body=b""), "claims 11 bytes of 2"),
    "header of nothing": (weights(b""), "Expecting value"),
    "header that is a list": (weights([]), "holds no object"),
    "header that is not UTF-8": (weights(b'{"\xff": 1}'), "can't decode"),
    "header cut off": (weights(b'{"w": {"dtype"'), "must be a safetensors file, but"),
    "header that nests": (weights(b'{"w": ' + b"[" * 99_999), "it nests too deep"),
    "header of a number that is none": (weights(b'{"w": NaN}'), "the number NaN"),
    "header of an endless number": (weights(b'{"w": 1e999}'), "the number 1e999"),
    "header of a number of 5000 digits": (weights(b'{"w": ' + b"9" * 5000 + b"}"), "Exceeds"),
    "tensor that stands twice": (
        weights(b'{"w": 1, "w": %s}' % json.dumps(entry()).encode()),
        "says `w` more than once",
    ),
    "tensor of another kind": (weights({"w": [1, 2]}), "`w` in its header has other keys"),
    "tensor without a shape": (weights({"w": {"dtype": "F32"}}), "has other keys"),
    "tensor with more": (weights({"w": entry(code="x")}), "has other keys"),
    "tensor of unknown dtype": (weights({"w": entry(dtype="O")}), "the dtype `O`"),
    "tensor of a list as dtype": (weights({"w": entry(dtype=["F32"])}), "the dtype `['F32']`"),
    "size below": (weights({"w": entry(shape=(-2,))}), "the shape [-2]"),
    "sizes below that cancel out": (weights({"w": entry(shape=(-1, -2))}), "the shape [-1, -2]"),
    "size of half": (weights({"w": entry(shape=(2.0,))}), "the shape [2.0]"),
    "size that is a truth value": (weights({"w": entry(shape=(True, 2))}), "the shape [True, 2]"),
    "size of 2**64": (weights({"w": entry(shape=(2**64, 0))}), "the shape [18446744073709551616"),
    "sizes that overflow": (weights({"w": entry(shape=(2**32, 2**32))}), "of F32, but lies from"),
    "65 dimensions": (weights({"w": entry(shape=(1,) * 65)}), "has the shape"),
    "offset below": (weights({"w": entry(offsets=(-8, 0))}), "the offsets [-8, 0]"),
    "offsets that run backwards": (weights({"w": entry(offsets=(8, 0))}), "from byte 8 to 0"),
    "one offset": (weights({"w": entry(offsets=(8,))}), "the offsets [8]"),
    "offsets beyond the file": (weights({"w": entry(offsets=(8, 16))}), "`w` begins at 8"),
    "offsets far beyond": (
        weights({"w": entry(offsets=(2**62, 2**62 + 8))}),
        "begins at 4611686018427387904",
    ),
    "tensor larger than the file": (
        weights({"w": entry(shape=(4,), offsets=(0, 16))}),
        "ends at byte 16 of 8",
    ),
    "tensors that overlap": (
        weights({"a": entry(), "b": entry(offsets=(4, 12))}, body=bytes(12)),
        "the one before `b` ends at byte 8",
    ),
    "tensors in the same place": (
        weights({"a": entry(), "b": entry()}),
        "the one before `b` ends at byte 8 of 8, and `b` begins at 0",
    ),
    "tensors with a gap": (
        weights({"a": entry(), "b": entry(offsets=(12, 20))}, body=bytes(20)),
        "`b` begins at 12",
    ),
    "bytes behind the tensors": (SOUND + b"\0", "ends at byte 8 of 9"),
    "metadata that is none": (weights({"__metadata__": [], "w": entry()}), "`__metadata__`"),
    "metadata of numbers": (weights({"__metadata__": {"a": 1}, "w": entry()}), "`__metadata__`"),
    "name that clears the screen": (weights({"\x1b[2J\u202e": 1}), r"`\x1b[2J\u202e` in its"),
    "pickle as weights": (b"\x80\x04cos\nsystem\n.", "claims"),
}
"""The content of `model.safetensors`."""


def index(name):
    return {"weight_map": {"w": name}}


INDICES = {
    "index of a parent": (index("../../x.safetensors"), "but names `../../x.safetensors`"),
    "index of an absolute path": (index("/etc/x.safetensors"), "but names `/etc/x.safetensors`"),
    "index of a pickle": (index("pytorch_model.bin"), "but names `pytorch_model.bin`"),
    "index of a device": (index("/dev/zero"), "but names `/dev/zero`"),
    "index with backslashes": (index("..\\x.safetensors"), "but names `..\\x.safetensors`"),
    "index of a subfolder": (index("a/x.safetensors"), "but names `a/x.safetensors`"),
    "index of a number": (index(3), "must name `*.safetensors` files"),
    "index of nothing": ({"weight_map": {}}, "beside it, but names none"),
    "index that is none": ([], "must name `*.safetensors` files"),
    "index of what is not there": (index("x.safetensors"), "must hold `x.safetensors`, as `"),
    "index of a list": ({"weight_map": ["w"]}, "must name `*.safetensors` files"),
    "index with control characters": (index("\x1b[2J.safetensors"), r"`\x1b[2J.safetensors`"),
}
"""What `model.safetensors.index.json` says, with the weights in one file gone."""


def nested(depth):
    return b'{"a": ' + b"[" * depth + b"]" * depth + b"}"


JSON = {
    "key twice": (b'{"model_type": "a", "model_type": "b"}', "`model_type` more than once"),
    "key twice, spelled otherwise": (b'{"a": 1, "\\u0061": 2}', "`a` more than once"),
    "key twice far inside": (b'{"a": [{"b": {"c": 1, "c": 2}}]}', "`c` more than once"),
    "101 levels": (nested(100), "nests more than 100 levels"),
    "100,000 levels": (nested(100_000), "it nests too deep"),
    "levels that never end": (b"[" * 1_000_000, "it nests too deep"),
    "no number": (b'{"a": NaN}', "the number NaN"),
    "infinity": (b'{"a": -Infinity}', "the number -Infinity"),
    "number beyond all": (b'{"a": 1e400}', "the number 1e400"),
    "key with control characters": (b'{"\\u001b": 1, "\\u001b": 2}', r"`\x1b` more than once"),
    "million layers": (
        b'{"encoder": {"num_hidden_layers": 1000000}}',
        "`num_hidden_layers` in `",
    ),
    "million convolutions": (
        b'{"encoder": {"conv_kernel": [%s1]}}' % (b"1, " * 999_999),
        "but asks for 1000000 of its kind",
    ),
    "kernel from elsewhere": (
        b'{"attn_implementation": "somebody/kernel"}',
        "`attn_implementation` in `",
    ),
    "kernel of one part": (
        b'{"encoder": {"_attn_implementation": {"": "paged|somebody/kernel:f"}}}',
        "`_attn_implementation` in `",
    ),
    "weights elsewhere": (b'{"transformers_weights": "../x.safetensors"}', "no pickle, but is ../"),
    "weights in a pickle": (b'{"transformers_weights": "x.bin"}', "and no pickle, but is x.bin"),
}
"""The content of `config.json`."""


def with_normalizer(step):
    return lambda content: {**content, "normalizer": step}


def replace(pattern, by="x"):
    return {"type": "Replace", "pattern": pattern, "content": by}


def regex(pattern):
    return with_normalizer(replace({"Regex": pattern}))


def split(pattern):
    step = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return lambda content: {**content, "pre_tokenizer": step}


def doubling(times):
    steps = [replace({"String": "a"}, "aa")] * times
    return with_normalizer({"type": "Sequence", "normalizers": steps})


def template(times):
    step = {
        "type": "TemplateProcessing",
        "single": [{"Sequence": {"id": "A", "type_id": 0}}] * times,
        "pair": [],
        "special_tokens": {},
    }
    return lambda content: {**content, "post_processor": step}


ANY_TIME = "which may take any time"
TOKENIZERS = {
    "repetition in a repetition": (regex(r"(a+)+$"), ANY_TIME),
    "alternatives in a repetition": (regex(r"(a|a)*$"), ANY_TIME),
    "counts in counts": (regex(r"(a{1,900}){1,900}$"), ANY_TIME),
    "count without end": (regex(r"(a{0,}b?){2,}"), ANY_TIME),
    "count of a million": (regex(r"a{1000000}"), ANY_TIME),
    "reference back": (regex(r"(a*)\1$"), ANY_TIME),
    "reference by name": (regex(r"(?<n>a)\g<n>"), ANY_TIME),
    "thirty that may be": (regex("a?" * 30 + "a" * 30), ANY_TIME),
    "thirty alternatives": (regex("(a|a)" * 30 + "b"), ANY_TIME),
    "repetitions after each other": (regex(r"\s*\s*\s*\s*\s*x"), ANY_TIME),
    "pattern that splits": (split(r"((a)*)*b"), ANY_TIME),
    "pattern of a megabyte": (split("a" * 1_000_000), ANY_TIME),
    "replacements that double": (doubling(60), "times as long"),
    "replacement of a megabyte": (
        with_normalizer(replace({"String": "a"}, "b" * 2_000_000)),
        "times as long",
    ),
    "character map that is none": (
        with_normalizer({"type": "Precompiled", "precompiled_charsmap": "AAAAAAAA"}),
        "the library of tokenizers panics over it",
    ),
    "template that multiplies": (template(300_000), "takes more than"),
    "tokenizer that says a thing twice": (
        lambda content: '{"version": "1.0", ' + json.dumps(content)[1:],
        "`version` more than once",
    ),
}
"""What becomes of `tokenizer.json`."""


def instead(name, make):
    """Puts something else in the place of a file."""

    def act(folder):
        (folder / name).unlink(missing_ok=True)
        make(folder / name)

    return act


def listen(path):
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(os.path.relpath(path))


def link_to(target):
    return lambda path: path.symlink_to(target)


def outside(name):
    """A link to a file that lies beside the folder, with what the folder's own file held."""

    def act(folder):
        (folder / name).rename(folder.parent / name)
        (folder / name).symlink_to(f"../{name}")

    return act


def many(folder):
    for number in range(10_001):
        (folder / f"{number:x}").touch()


PLACES = {
    "pipe as configuration": (instead("config.json", os.mkfifo), "but is a pipe"),
    "pipe as weights": (instead(WEIGHTS_FILE, os.mkfifo), "but is a pipe"),
    "pipe as index": (instead(INDEX_FILE, os.mkfifo), "but is a pipe"),
    "pipe as tokenizer": (instead("tokenizer.json", os.mkfifo), "but is a pipe"),
    "pipe as code": (instead("more.py", os.mkfifo), "but is a pipe"),
    "pipe far inside": (instead("custom_generate/x", os.mkfifo), "but is a pipe"),
    "device as configuration": (instead("config.json", link_to("/dev/zero")), "is a device"),
    "device as weights": (instead(WEIGHTS_FILE, link_to("/dev/zero")), "but is a device"),
    "folder as configuration": (instead("config.json", link_to("/etc")), "a link to a folder"),
    "linked folder": (instead("more", link_to("/usr")), "but is a link to a folder"),
    "link to itself": (instead("config.json", link_to("config.json")), "symbolic links"),
    "link to nothing": (instead("config.json", link_to("gone")), "No such file"),
    "link to a file of the system": (
        instead("config.json", link_to("/etc/passwd")),
        "is a link to `/etc/passwd`",
    ),
    "link to weights outside": (outside(WEIGHTS_FILE), "must lie in the folder, but is a link"),
    "link to a tokenizer outside": (outside("tokenizer.json"), "must lie in the folder"),
    "link to a card outside": (outside("README.md"), "must lie in the folder"),
    "configuration of 1 GB": (
        lambda folder: sparse(folder / "config.json", 1 << 30, start=b"{"),
        "at most 33554432 bytes, but has 1073741824",
    ),
    "tokenizer of 1 TB": (
        lambda folder: sparse(folder / "tokenizer.json", 1 << 40),
        "but has 1099511627776",
    ),
    "index of 1 GB": (lambda folder: sparse(folder / INDEX_FILE, 1 << 30), "at most 33554432"),
    "code of 1 GB": (lambda folder: sparse(folder / "more.py", 1 << 30), "at most 33554432"),
    "template of 1 GB": (
        lambda folder: sparse(folder / "chat_template.jinja", 1 << 30),
        "at most 33554432",
    ),
    "weights of 1 TB": (huge_weights, "10000 files of at most 137438953472 bytes together"),
    "something of 1 TB": (lambda folder: sparse(folder / "x.bin", 1 << 40), "at most 137438953472"),
    "10,001 files": (many, "at most 10000 files"),
    "name that is no UTF-8": (
        lambda folder: open(os.fsencode(folder) + b"/\xff", "w").close(),
        "its name is no UTF-8",
    ),
    "name that clears the screen": (instead("\x1b[2J\u202e", os.mkfifo), r"\x1b[2J\u202e` must"),
    "adapter of another model": (
        lambda folder: (folder / "adapter_config.json").write_text("{}"),
        "is an adapter of another",
    ),
    "no pickle in its place": (
        lambda folder: (folder / WEIGHTS_FILE).rename(folder / "pytorch_model.bin"),
        "expected a file written by `torch.save`",
    ),
    "shards of a distributed checkpoint": (
        lambda folder: (folder / "shard-00001-model-00001-of-00001.safetensors").touch(),
        "shards of a distributed checkpoint",
    ),
    "weights under another name beside a pickle": (
        lambda folder: [
            (folder / WEIGHTS_FILE).rename(folder / "x.safetensors"),
            (folder / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n."),
        ],
        "expected a file written by `torch.save`",
    ),
}
if hasattr(socket, "AF_UNIX"):
    PLACES["socket"] = (instead("more", listen), "but is a socket")
