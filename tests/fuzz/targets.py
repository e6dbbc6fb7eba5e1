"""What is fuzzed: each target takes any bytes, and must return or raise BadInput."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.fuzz.seeds import DICTIONARY, SPM, pack
from toolkit.audio.clips import MANIFEST, read_clips
from toolkit.blocks.arguments import parse_conv_layers
from toolkit.checkpoint import open_checkpoint
from toolkit.checkpoint.dictionary import read_dictionary
from toolkit.checkpoint.pickle_vm import read_pickle
from toolkit.checkpoint.plain_yaml import load_yaml
from toolkit.checkpoint.settings import to_plain
from toolkit.checkpoint.storages import StorageLedger
from toolkit.checkpoint.window import Window
from toolkit.core.errors import BadInput
from toolkit.families.languages import find_languages
from toolkit.families.sidecars import find_sidecars
from toolkit.folder.plain_json import parse_json
from toolkit.folder.safetensors_header import read_names
from toolkit.folder.tokenizer_patterns import find_objections, is_tame
from toolkit.mapping.file import read_mapping

Target = Callable[[bytes], None]

ROOMY = "/dev/shm"
"""Files are written there, where there is such a place, as millions of them would wear a disk."""


def run(target: Target, data: bytes) -> None:
    """Runs a target on some bytes; any exception but BadInput comes through."""
    with contextlib.suppress(BadInput):
        target(data)


def fuzz_checkpoint(data: bytes) -> None:
    """A whole file, zip or legacy."""
    with _file(data) as path:
        checkpoint = open_checkpoint(path)
        checkpoint.aliases()
        checkpoint.sha256()
        json.dumps([str(checkpoint.settings), str(checkpoint.extras), checkpoint.non_tensors])
        for name in checkpoint.tensors:
            place = checkpoint.location(name)
            assert place.offset_bytes + place.num_bytes <= len(data), "outside of the file"


def fuzz_zip_pickle(data: bytes) -> None:
    """The pickle in a sound zip file, so that no checksum stands in the way."""
    fuzz_checkpoint(pack(data))


def fuzz_pickle(data: bytes) -> None:
    """The pickle machine alone, and what it makes written out as plain data."""
    window = Window(io.BytesIO(data), start=0, end=len(data), label="fuzz")
    value = read_pickle(window, label="fuzz", find_persistent=StorageLedger().find)
    str(to_plain(value, subject="fuzz"))


def fuzz_dictionary(data: bytes) -> None:
    """A `dict.txt`."""
    with _file(data) as path:
        dictionary = read_dictionary(path)
        assert len(find_languages(dictionary)) <= len(dictionary)
        assert len(dictionary.shadowed) <= len(dictionary)


def fuzz_conv_layers(data: bytes) -> None:
    """The `conv_feature_layers` of a checkpoint, which fairseq evaluates."""
    parse_conv_layers(data.decode("utf-8", "backslashreplace"))


def fuzz_mapping(data: bytes) -> None:
    """A mapping file of the user."""
    with _file(data) as path:
        read_mapping(path)


def fuzz_yaml(data: bytes) -> None:
    """YAML as plain data."""
    with contextlib.suppress(ValueError):
        str(load_yaml(data))


def fuzz_config_yaml(data: bytes) -> None:
    """The `config.yaml` beside a checkpoint."""
    with _folder({"config.yaml": data, "dict.txt": DICTIONARY, "spm.model": SPM}) as folder:
        find_sidecars(folder / "model.pt")


def fuzz_manifest(data: bytes) -> None:
    """The manifest of a folder of clips."""
    with _folder({MANIFEST: data, "a.wav": b""}) as folder:
        read_clips([folder])


def fuzz_audio(data: bytes) -> None:
    """An audio file."""
    with _file(data) as path:
        read_clips([path])


def fuzz_weights(data: bytes) -> None:
    """A safetensors file; what is accepted must be accepted by the library too."""
    from safetensors import safe_open

    with _file(data) as path:
        try:
            names = read_names(path)
        except (OSError, ValueError):
            return
        with safe_open(path, framework="numpy") as opened:
            assert set(opened.keys()) == set(names)


def fuzz_folder_json(data: bytes) -> None:
    """Any JSON of a folder, taken for that of a tokenizer."""
    with contextlib.suppress(ValueError):
        str(list(find_objections(parse_json(data))))


def fuzz_pattern(data: bytes) -> None:
    """A pattern of a tokenizer; what is tame must not keep the library busy."""
    from tokenizers import Regex, Tokenizer, models, normalizers

    pattern = data.decode("utf-8", "replace")
    if not is_tame(pattern):
        return
    tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0)], 0, False))
    try:
        tokenizer.normalizer = normalizers.Replace(Regex(pattern), "x")
    except Exception as error:
        if "Oniguruma" in str(error):
            return
        raise
    tokenizer.encode("aab a1b, (bab) aaa\n\n 'sab'" + 20 * "a")


TARGETS: Mapping[str, Target] = {
    "checkpoint": fuzz_checkpoint,
    "zip_pickle": fuzz_zip_pickle,
    "pickle": fuzz_pickle,
    "dictionary": fuzz_dictionary,
    "conv_layers": fuzz_conv_layers,
    "mapping": fuzz_mapping,
    "yaml": fuzz_yaml,
    "config_yaml": fuzz_config_yaml,
    "manifest": fuzz_manifest,
    "audio": fuzz_audio,
    "weights": fuzz_weights,
    "folder_json": fuzz_folder_json,
    "pattern": fuzz_pattern,
}


@contextmanager
def _file(data: bytes) -> Iterator[Path]:
    with _folder({"file": data}) as folder:
        yield folder / "file"


@contextmanager
def _folder(files: Mapping[str, bytes]) -> Iterator[Path]:
    roomy = ROOMY if os.path.isdir(ROOMY) else None
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=roomy) as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        yield Path(folder)
