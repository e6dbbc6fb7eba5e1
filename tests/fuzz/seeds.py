"""What fuzzing starts from: small sound inputs of every kind, and the words of their languages."""

from __future__ import annotations

import argparse
import collections
import enum
import io
import pathlib
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Iterator, Mapping

DICTIONARY = b"a 3\nb 2\n<lang:de> 1\n"
SPM = b""

STORAGES = {"0": bytes(48), "1": bytes(24)}
"""Storages that every packed pickle may refer to, by key; of the sizes that `_contents` needs."""

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_CENTRAL_CRC = 16
_LOCAL_CRC = 14


class Color(enum.Enum):
    """Stands for the enums of a configuration."""

    RED = "red"


def pack(data: bytes) -> bytes:
    """A zip file with this pickle, without checksums, as torch can be told to write it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("m/data.pkl", data)
        for key, content in STORAGES.items():
            archive.writestr(f"m/data/{key}", content)
        archive.writestr("m/version", b"3\n")
    return _without_checksums(buffer.getvalue())


def _without_checksums(data: bytes) -> bytes:
    changed = bytearray(data)
    for signature, offset in ((b"PK\x01\x02", _CENTRAL_CRC), (b"PK\x03\x04", _LOCAL_CRC)):
        place = changed.find(signature)
        while place >= 0:
            changed[place + offset : place + offset + 4] = bytes(4)
            place = changed.find(signature, place + 4)
    return bytes(changed)


def seeds(target: str) -> list[bytes]:
    """The inputs that a target's fuzzing starts from."""
    return list(_SEEDS[target]())


def words(target: str) -> list[bytes]:
    """The words of a target's language."""
    return list(_WORDS.get(target, list)())


def _checkpoints() -> Iterator[bytes]:
    import torch

    torch.serialization.set_crc32_options(False)
    try:
        for legacy in (False, True):
            for protocol in (2, 4):
                for content in _contents():
                    buffer = io.BytesIO()
                    torch.save(
                        content,
                        buffer,
                        _use_new_zipfile_serialization=not legacy,
                        pickle_protocol=protocol,
                    )
                    yield _without_checksums(buffer.getvalue())
    finally:
        torch.serialization.set_crc32_options(True)
    yield from map(pack, _pickles())


def _contents() -> Iterator[Mapping[str, object]]:
    import torch

    base = torch.arange(12.0).reshape(3, 4)
    yield {"model": {"w": torch.ones(3, 4), "b": torch.zeros(12, dtype=torch.float16)}}
    yield {
        "model": collections.OrderedDict(w=base, t=base.t(), r=base[1], e=base[:0], p=base[0, 0]),
        "args": argparse.Namespace(arch="tiny", lr=[0.1], betas=(0.9, 0.98), flag=True),
        "extra_state": {"epoch": 3, "history": [1.5, None, b"x"]},
        "last_optimizer_state": {"state": {0: {"exp_avg": torch.ones(6)}}},
    }
    yield {
        "model": {"w": torch.nn.Parameter(torch.ones(12))},
        "cfg": {"path": pathlib.PurePosixPath("/a/b"), "color": Color.RED, "set": {1, 2}},
    }


def _pickles() -> Iterator[bytes]:
    for content in _contents():
        for protocol in (2, 4, 5):
            yield _pickle_like_torch(content, protocol)
    for value in ({"a": [1, (2, {3})]}, frozenset({1}), bytearray(b"x"), 1j, 2**70, "é", None):
        for protocol in range(6):
            yield pickle.dumps(value, protocol)


def _pickle_like_torch(content: object, protocol: int) -> bytes:
    import torch

    class Pickler(pickle.Pickler):
        keys: dict[int, int]

        def persistent_id(self, value: object) -> object:
            if not isinstance(value, torch.storage.TypedStorage):
                return None
            key = str(self.keys.setdefault(value._untyped_storage.data_ptr(), len(self.keys)))
            kind = getattr(torch, value.pickle_storage_type())
            return ("storage", kind, key, "cpu", value.size())

    Pickler.keys = {}
    buffer = io.BytesIO()
    Pickler(buffer, protocol).dump(content)
    return buffer.getvalue()


def _opcodes() -> list[bytes]:
    codes = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]
    names = [
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"ctorch\nFloatStorage\n",
        b"ccollections\nOrderedDict\n",
        b"cargparse\nNamespace\n",
        b"cos\nsystem\n",
        b"X\x07\x00\x00\x00storage",
        b"X\x05\x00\x00\x00model",
    ]
    numbers = [b"\x8a\x08" + struct.pack("<q", n) for n in (2**63 - 1, -1, 2**31)]
    return [*codes, *names, *numbers, b"\x80\x02", b"\x80\x04\x95"]


def _zip_words() -> list[bytes]:
    signatures = [b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"]
    limits = [b"\xff" * 4, b"\xff" * 8, b"\x01\x00\x10\x00", b"../", b"/data.pkl", b"byteorder"]
    return [*signatures, *limits, pickle.dumps(_MAGIC_NUMBER, 2), *_opcodes()]


def _yaml_words() -> list[bytes]:
    return [
        *[b"&a ", b"*a", b"<<: ", b"!!python/object/apply:os.system ", b"!!binary ", b"? ", b"- "],
        *[b"---\n", b"...\n", b"%YAML 1.1\n", b"!!int ", b"!!timestamp ", b"|\n ", b">\n ", b"0x"],
    ]


def _mappings() -> list[bytes]:
    return [
        b'rename:\n  - {from: "a.", to: "b."}\n',
        b'drop:\n  - {source: "x.{i}.y", because: "no use"}\n',
        b'rules:\n  - {source: "a.{i}.w", target: "b.{i}.w", op: transpose, axes: [0, 1]}\n',
        b'rules:\n  - {source: "a.w", target: ["b.g", "b.v"], op: split_weight_norm}\n',
        b'fill:\n  - {target: "b", values: zeros, because: "none"}\n',
        b"tie:\n  - {source: a, source_twin: b, target: c, target_twin: d, because: e}\n",
    ]


def _configs() -> list[bytes]:
    return [
        b"vocab_filename: dict.txt\nbpe_tokenizer:\n  bpe: sentencepiece\n"
        b"  sentencepiece_model: spm.model\ninput_channels: 1\nuse_audio_input: true\n",
        b"{vocab_filename: dict.txt, bpe_tokenizer: null, pre_tokenizer: {tokenizer: null}}",
        b"a: &a {b: 1}\nc: *a\n<<: *a\n",
    ]


def _audio() -> Iterator[bytes]:
    import numpy as np
    import soundfile

    tone = np.sin(np.arange(800) / 10).astype(np.float32)
    for kind, rate in (("WAV", 16_000), ("FLAC", 8_000), ("OGG", 16_000)):
        buffer = io.BytesIO()
        soundfile.write(buffer, tone, rate, format=kind)
        yield buffer.getvalue()


def _manifests() -> list[bytes]:
    digest = b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    return [
        b"[[clip]]\nfile = 'a.wav'\nsha256 = '" + digest + b"'\ntranscript = 'x'\nlang = 'de'\n",
        b"[[clip]]\nfile = '../a.wav'\nsha256 = ''\n",
    ]


def _conv_layers() -> list[bytes]:
    return [
        b"[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]",
        b"[(512, 10, 5), (512, 8, 4)]",
    ]


def _weights() -> Iterator[bytes]:
    import torch
    from safetensors.torch import save

    yield save({"a": torch.ones(2, 3), "b": torch.ones(4, dtype=torch.float16)}, {"format": "pt"})
    yield save({})


def _tokenizers() -> list[bytes]:
    return [
        b'{"normalizer": {"type": "Replace", "pattern": {"Regex": "a+"}, "content": "b"}}',
        b'{"decoder": [{"type": "Prepend", "prepend": "b"}, 1.5e3, null, true, "\\u0061"]}',
    ]


def _patterns() -> list[bytes]:
    return [
        rb"'s|'t| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        rb"(?i:a|b)?[a-z]{1,3}(?:ab)+",
        rb"(?<!a)b*(?=c)",
    ]


_SEEDS = {
    "checkpoint": _checkpoints,
    "zip_pickle": _pickles,
    "pickle": _pickles,
    "dictionary": lambda: [DICTIONARY, b"a 1 #fairseq:overwrite\na 2 #fairseq:overwrite\n", b""],
    "conv_layers": _conv_layers,
    "mapping": _mappings,
    "yaml": lambda: [*_configs(), *_mappings()],
    "config_yaml": _configs,
    "manifest": _manifests,
    "audio": _audio,
    "weights": _weights,
    "folder_json": _tokenizers,
    "pattern": _patterns,
}
_WORDS = {
    "checkpoint": _zip_words,
    "zip_pickle": _opcodes,
    "pickle": _opcodes,
    "dictionary": lambda: [b"#fairseq:overwrite", b"<lang:", b" 1\n"],
    "conv_layers": lambda: [b"[(", b")]", b" * ", b" + ", b"9999999999", b"__import__('os')"],
    "mapping": lambda: [*_yaml_words(), b"{i}", b"{a|b}", b"because"],
    "yaml": _yaml_words,
    "config_yaml": lambda: [*_yaml_words(), b"vocab_filename", b"bpe_tokenizer"],
    "manifest": lambda: [b"[[clip]]", b"file", b"sha256", b"'''", b"= ", b"/dev/zero"],
    "audio": lambda: [b"RIFF", b"WAVEfmt ", b"data", b"fLaC", b"OggS"],
    "weights": lambda: [b'"shape":[', b'"data_offsets":[', b'"dtype":"F32"', b"__metadata__"],
    "folder_json": lambda: [b'"Regex":', b'"normalizer":', b"NaN", b"1e999", b"\\u0061", b"[[[["],
    "pattern": lambda: [b"(?:", b"(?=", b"(?<!", b"[^", b"{2,}", b"{,9}", b"\\p{L}", b"*?", b"a|a"],
}
