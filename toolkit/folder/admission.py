"""What a Hugging Face folder from anywhere must be before its files are read.

transformers trusts a folder: it follows links, reads files of any size, and maps weights whose
header says anything. This is asked before, of every file that it or the toolkit may read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from toolkit.bundled import PEFT
from toolkit.checkpoint.lookalikes import see_path
from toolkit.checkpoint.plain_files import read_small
from toolkit.checkpoint.values import quote
from toolkit.core.errors import BadInput
from toolkit.folder.plain_json import MAX_BYTES, Refused, read_json
from toolkit.folder.tokenizer_patterns import find_objections
from toolkit.folder.tokenizer_trial import maybe_misbehaviour
from toolkit.folder.weight_files import CONFIG, place_tensors

MAX_FILES = 10_000
MAX_FOLDER_BYTES = 1 << 37
"""128 GiB: a model of 16 billion parameters in float64. Every byte of a folder is hashed."""
MAX_LAYERS = 1000
"""Where the weights have fewer tensors; a million would take hours to build."""
TOKENIZER = "tokenizer.json"

_READ_WHOLE = {".json", ".jinja", ".model", ".py", ".spm", ".tiktoken", ".txt", ".vocab"}
_IMPLEMENTATIONS = ("attn_implementation", "experts_implementation")
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISDIR, "a link to a folder"),
    (stat.S_ISREG, "a plain file"),
)

_FILE = "a file that may be a checkpoint"
_INSTEAD = "Name the folder that `toolkit convert` makes of it."


def check_folder(folder: Path) -> dict[str, Path]:
    """Returns the file of every tensor; reads nothing that is not bounded.

    JSON that is none is left to whoever reads it: it does no harm, and the rest can be told.

    Raises:
        BadInput: it is no folder, or holds no weights.
        BadInput: a file is a pipe or a device, lies elsewhere, or is outsized.
        BadInput: JSON nests too deep, repeats a key, or has numbers that are none.
        BadInput: the header of weights does not fit them, or an index leads out of the folder.
        BadInput: a tokenizer takes any time or room, or a configuration asks for foreign code or
            for many more layers than the weights have.
    """
    if not folder.is_dir():
        seen = see_path(folder)
        what, then = (seen.what, seen.then) if seen else (_FILE, _INSTEAD)
        raise BadInput(
            f"`{folder}` must be a Hugging Face folder, but is no folder: it is {what}. {then}"
        )
    _check_tree(folder)
    said = dict(_read_all_json(folder))
    _check_configurations(folder, said)
    _check_tokenizer(folder / TOKENIZER, said.get(TOKENIZER))
    places = place_tensors(folder)
    _check_extent(folder / CONFIG, said.get(CONFIG), len(places))
    return places


# Files


def _check_tree(folder: Path) -> None:
    root = Path(os.path.realpath(folder))
    num_bytes = 0
    for num_files, path in enumerate(_walk(root), start=1):
        num_bytes += _check_entry(root, path).st_size
        if num_files > MAX_FILES or num_bytes > MAX_FOLDER_BYTES:
            raise BadInput(
                f"`{folder}` must hold at most {MAX_FILES} files of at most {MAX_FOLDER_BYTES} "
                "bytes together, but holds more. Name the folder of one model."
            )


def _walk(root: Path) -> Iterator[Path]:
    """Every entry but plain folders; links are not followed."""
    for place, folders, files in os.walk(root):
        for name in (*files, *(n for n in folders if Path(place, n).is_symlink())):
            yield Path(place, name)


def _check_entry(root: Path, path: Path) -> os.stat_result:
    shown = quote(str(path))
    try:
        os.fsencode(path).decode("utf-8")
        target = Path(os.path.realpath(path, strict=True))
        status = target.stat()
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name is no UTF-8"
        raise BadInput(
            f"`{shown}` must be a file that can be read, but {reason}. Remove it."
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise BadInput(
            f"`{shown}` must be a plain file, but is {_kind(status)}. Remove it, or copy what it "
            "stands for."
        )
    if path.is_symlink() and not any(target.is_relative_to(p) for p in _allowed(root)):
        raise BadInput(
            f"`{shown}` must lie in the folder, but is a link to `{quote(str(target))}`. Copy the "
            "file there."
        )
    if path.suffix in _READ_WHOLE and status.st_size > MAX_BYTES:
        raise BadInput(
            f"`{shown}` must have at most {MAX_BYTES} bytes, but has {status.st_size}. Get the "
            "folder again from its origin."
        )
    return status


def _allowed(root: Path) -> Iterator[Path]:
    yield root
    # The cache of Hugging Face: snapshots/REVISION/.../FILE are links to blobs/HASH.
    for folder in (root, *root.parents):
        if folder.parent.name == "snapshots":
            yield folder.parents[1] / "blobs"


def _kind(status: os.stat_result) -> str:
    return next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), "a device")


# JSON


def _read_all_json(folder: Path) -> Iterator[tuple[str, object]]:
    for path in sorted(folder.glob("*.json")):
        try:
            yield path.name, read_json(path)
        except Refused as error:
            raise BadInput(
                f"`{quote(str(path))}` must be JSON with one meaning, but {error}. Save the model "
                "again."
            ) from error
        except (OSError, ValueError):
            continue


def _check_configurations(folder: Path, said: Mapping[str, object]) -> None:
    """Refuses what makes transformers load another model, other weights or foreign kernels."""
    if (folder / PEFT).exists():
        raise BadInput(
            f"`{folder}` must hold a whole model, but `{PEFT}` says that it is an adapter of "
            "another. Merge the two and save the result."
        )
    for name, values in said.items():
        for key, value in _pairs(values):
            foreign = key.strip("_").startswith(_IMPLEMENTATIONS) and any(
                "/" in text for text in _texts(value)
            )
            if foreign:
                raise BadInput(
                    f"`{key}` in `{folder / name}` must name nothing outside of the folder, but is "
                    f"{quote(value)}. Remove the key."
                )


def _pairs(root: object) -> Iterator[tuple[str, Any]]:
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from value.items()
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for _, inner in _pairs(value):
        if isinstance(inner, str):
            yield inner


def _check_extent(path: Path, said: object, num_tensors: int) -> None:
    """Refuses a model that takes any time to build: every layer has at least one tensor."""
    most = max(MAX_LAYERS, num_tensors)
    for key, value in _pairs(said):
        is_count = type(value) is int and key.endswith("layers")
        claimed = value if is_count else len(value) if isinstance(value, list) else 0
        if claimed > most:
            raise BadInput(
                f"`{quote(key)}` in `{path}` must describe the weights beside it, which hold "
                f"{num_tensors} tensors, but asks for {claimed} of its kind. Save the model again."
            )


def _check_tokenizer(path: Path, said: object) -> None:
    if not path.is_file():
        return
    found = next(find_objections(said), None) or maybe_misbehaviour(
        read_small(path, max_bytes=MAX_BYTES)
    )
    if found:
        raise BadInput(
            f"`{path}` must be a tokenizer of bounded cost, but {found}. Save the tokenizer again."
        )
