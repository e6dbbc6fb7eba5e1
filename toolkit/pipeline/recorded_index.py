"""The index of a recording: read, checked, and as data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from toolkit.audio.clips import lasting
from toolkit.checkpoint.plain_files import read_small
from toolkit.core.errors import BadInput, reason_of
from toolkit.core.json import JsonObject
from toolkit.examples.medium import AUDIO, MEDIA
from toolkit.oracle.search import Search
from toolkit.replay.source import SourceFacts

INDEX = "recording.json"
MAX_INDEX_BYTES = 1 << 28
MAX_NAME_CHARS = 200

EXAMPLES = {medium.name: medium.example for medium in MEDIA}
"""What holds a recorded example, by the name of what it is made of."""
_FILE = re.compile(r"[a-z0-9-]{1,40}\.safetensors")
_BROKEN = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)
"""What reading an index raises where it is not what a recorder wrote."""


@dataclass(frozen=True, kw_only=True)
class RecordedClip:
    """One clip of a recording."""

    name: str
    num_samples: int
    tag: int | None
    """Language tag that its hypotheses begin with."""
    transcript: str | None
    lang: str | None
    kind: str
    sha256: str
    """Of its samples as little-endian float32."""
    waveform: str
    source: str
    medium: str = AUDIO.name

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return lasting(self.num_samples, EXAMPLES[self.medium].samples_a_second)


@dataclass(frozen=True, kw_only=True)
class RecordedFile:
    """What a file of tensors must be."""

    num_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class RecordedSearch:
    """One search and what it found."""

    input: str
    tag: int | None
    search: Search
    hypotheses: tuple[tuple[tuple[int, ...], float], ...]
    """Tokens and score of each, best first."""


@dataclass(frozen=True, kw_only=True)
class RecordedCall:
    """One call of a module: names of its values and where they lie."""

    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class RecordedPass:
    """One forward pass over a batch."""

    inputs: tuple[str, ...]
    prefixes: tuple[tuple[int, ...], ...]
    explicit: bool
    double: bool
    outputs: Mapping[str, str]
    """What the pass gave, by name."""
    calls: Mapping[str, tuple[RecordedCall, ...]]


@dataclass(frozen=True, kw_only=True)
class RecordingIndex:
    """What a recording holds. Tensors are named by their place, `FILE:NAME`."""

    checkpoint_sha256: str
    start_token: int | None
    environment: Mapping[str, str]
    dtypes: frozenset[str]
    """Of the weights that fairseq computed with, which may be rounded ones of the checkpoint."""
    assumed: frozenset[str]
    """Values that were assumed when it was made: it cannot testify to them."""
    facts: SourceFacts
    """fairseq's module paths, and the numbers that layouts ask for."""
    clips: tuple[RecordedClip, ...]
    files: Mapping[str, RecordedFile]
    searches: tuple[RecordedSearch, ...]
    passes: tuple[RecordedPass, ...]
    encodings: Mapping[str, tuple[int, ...]]
    texts: Mapping[tuple[tuple[int, ...], int | None], str]
    """By tokens, and by the language where each has its own."""


def read_index(folder: Path) -> RecordingIndex:
    """The index of a folder.

    Raises:
        BadInput: the folder is no recording, or one of another version, or its index is damaged.
    """
    try:
        status = (folder / INDEX).stat()
    except OSError:
        return _read_index(folder, None)
    # A comparison opens its recording several times.
    return _read_index(folder, (status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=2)
def _read_index(folder: Path, _stamp: tuple[int, int, int] | None) -> RecordingIndex:
    from toolkit.oracle.job import VERSION

    said = _load(folder)
    if said.get("version") != VERSION:
        raise BadInput(
            f"`{folder}` must be a recording of version {VERSION}, but is of version "
            f"{said.get('version')!r:.40}. Record again with this version of the toolkit."
        )
    _expect_digest(folder, said)
    try:
        return _read(said)
    except _BROKEN as error:
        refuse_damaged(folder, f"`{INDEX}` does not say what it must: {error!r:.200}")


def refuse_damaged(folder: Path, found: str) -> NoReturn:
    """Refuses a recording that is not as it was written.

    Args:
        folder: The recording.
        found: What is wrong with it.

    Raises:
        BadInput: always.
    """
    raise BadInput(
        f"`{folder}` must be a whole recording, but is damaged: {found}. Copy it again from its "
        "origin, or record again."
    )


def _load(folder: Path) -> JsonObject:
    try:
        said = json.loads(read_small(folder / INDEX, max_bytes=MAX_INDEX_BYTES))
        if not isinstance(said, dict):
            raise ValueError("it is no mapping")
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(
            f"`{folder}` must be a recording with a readable `{INDEX}`, but is none: "
            f"{reason_of(error):.200}. Make one with `toolkit record`."
        ) from error
    return said


def _expect_digest(folder: Path, said: JsonObject) -> None:
    from toolkit.oracle.answers import index_digest

    try:
        intact = said.get("digest") == index_digest(said)
    except (ValueError, RecursionError):
        intact = False
    if not intact:
        refuse_damaged(folder, f"`{INDEX}` does not have the digest that it names")


def _read(said: JsonObject) -> RecordingIndex:
    return RecordingIndex(
        checkpoint_sha256=str(said["checkpoint"]["sha256"]),
        start_token=None if said["start_token"] is None else int(said["start_token"]),
        environment={str(k): str(v) for k, v in said["environment"].items()},
        dtypes=frozenset(str(dtype) for dtype in said["dtypes"]),
        assumed=frozenset(str(key) for key in said["assumed"]),
        facts=SourceFacts(
            paths=tuple(str(path) for path in said["paths"]),
            numbers={str(path): float(number) for path, number in said["numbers"].items()},
        ),
        clips=tuple(_read_clip(clip) for clip in said["clips"]),
        files=dict(_read_files(said["files"])),
        searches=tuple(_read_search(search) for search in said["searches"]),
        passes=tuple(_read_pass(forced) for forced in said["passes"]),
        encodings={str(text): tuple(map(int, ids)) for text, ids in said["encodings"]},
        texts={
            (tuple(map(int, ids)), int(tag[0]) if tag else None): str(text)
            for ids, text, *tag in said["texts"]
        },
    )


def _read_clip(said: JsonObject) -> RecordedClip:
    name = str(said["name"])
    if not name.isprintable() or len(name) > MAX_NAME_CHARS:
        raise ValueError(f"a clip has the name {name!r:.80}")
    return RecordedClip(
        name=name,
        num_samples=int(said["num_samples"]),
        tag=_maybe_int(said["tag"]),
        transcript=_maybe_text(said["transcript"]),
        lang=_maybe_text(said["lang"]),
        kind=str(said["kind"]),
        sha256=str(said["sha256"]),
        waveform=str(said["waveform"]),
        source=str(said["source"]),
        medium=_known_medium(said.get("medium", AUDIO.name)),
    )


def _read_files(said: JsonObject) -> Iterator[tuple[str, RecordedFile]]:
    for name, entry in said.items():
        if not _FILE.fullmatch(name):
            raise ValueError(f"a file has the name {name!r:.80}")
        yield name, RecordedFile(num_bytes=int(entry["num_bytes"]), sha256=str(entry["sha256"]))


def _read_search(said: JsonObject) -> RecordedSearch:
    return RecordedSearch(
        input=str(said["input"]),
        tag=_maybe_int(said["tag"]),
        search=Search(**said["search"]),
        hypotheses=tuple(
            (tuple(map(int, found["tokens"])), float(found["score"]))
            for found in said["hypotheses"]
        ),
    )


def _read_pass(said: JsonObject) -> RecordedPass:
    return RecordedPass(
        inputs=tuple(map(str, said["inputs"])),
        prefixes=tuple(tuple(map(int, prefix)) for prefix in said["prefixes"]),
        explicit=bool(said["explicit"]),
        double=bool(said["double"]),
        outputs={str(name): str(place) for name, place in said["outputs"].items()},
        calls={
            str(path): tuple(_read_call(call) for call in made)
            for path, made in said["calls"].items()
        },
    )


def _read_call(said: JsonObject) -> RecordedCall:
    return RecordedCall(
        inputs=tuple((str(name), str(place)) for name, place in said["inputs"]),
        outputs=tuple((str(name), str(place)) for name, place in said["outputs"]),
    )


def _known_medium(value: object) -> str:
    if value not in EXAMPLES:
        raise ValueError(f"a clip is made of {value!r:.80}")
    return str(value)


def _maybe_int(value: Any) -> int | None:
    return None if value is None else int(value)


def _maybe_text(value: Any) -> str | None:
    return None if value is None else str(value)
