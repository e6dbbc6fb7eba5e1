"""Answers from a recording in place of fairseq."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from toolkit.audio import Clip
from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.plain_files import open_plain, read_small
from toolkit.compare.blame import Record
from toolkit.core.errors import BadInput, NotRecorded
from toolkit.oracle.search import Search
from toolkit.replay.source import SourceFacts

if TYPE_CHECKING:
    from torch import Tensor

    from toolkit.oracle.hooks import Call, Calls
    from toolkit.oracle.reference import Forced, ScoredTokens

INDEX = "recording.json"
MAX_INDEX_BYTES = 1 << 28
MAX_NAME_CHARS = 200
NEAR = 1e-6
"""Relative error within which an input counts as the recorded one in a search: front ends that
compute the same round differently."""

_CHUNK_BYTES = 1 << 24
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


class RecordedReference:
    """A recording, asked like fairseq; see `toolkit.oracle.asking.AnyReference`.

    A tensor file is read, and held against its digest, when the first of its tensors is needed.
    """

    def __init__(self, folder: Path, said: Mapping[str, Any]) -> None:
        """Takes a folder and its index.

        Raises:
            BadInput: the index is not one that a recorder wrote.
        """
        self.folder = folder
        self._files: dict[str, Mapping[str, Tensor]] = {}
        try:
            self._read(said)
        except _BROKEN as error:
            _refuse_damaged(folder, f"`{INDEX}` does not say what it must: {error!r:.200}")

    def _read(self, said: Mapping[str, Any]) -> None:
        self.start_token = int(said["start_token"])
        self.environment = {str(k): str(v) for k, v in said["environment"].items()}
        self.assumed = frozenset(str(key) for key in said["assumed"])
        """Values that were assumed when it was made: it cannot testify to them."""
        self.facts = SourceFacts(
            paths=tuple(str(path) for path in said["paths"]),
            numbers={str(path): float(number) for path, number in said["numbers"].items()},
        )
        """fairseq's module paths, and the numbers that layouts ask for."""
        self.clips = tuple(_read_clip(clip) for clip in said["clips"])
        self._known_files = dict(_read_files(said["files"]))
        self._searches = tuple(_read_search(search) for search in said["searches"])
        self._passes = tuple(_read_pass(forced) for forced in said["passes"])
        self._encodings = {str(text): tuple(map(int, ids)) for text, ids in said["encodings"]}
        self._texts = {tuple(map(int, ids)): str(text) for ids, text in said["texts"]}

    def read_clips(self) -> tuple[Clip, ...]:
        """The clips as they were recorded."""
        return tuple(
            Clip(
                name=clip.name,
                waveform=self._vector(clip.waveform).numpy(),
                transcript=clip.transcript,
                lang=clip.lang,
                kind=clip.kind,
            )
            for clip in self.clips
        )

    def records(self, clips: Sequence[Clip]) -> tuple[Record, ...]:
        """Fairseq's float64 passes over some of the recorded clips."""
        sources = {clip.name: clip.source for clip in self.clips}
        exact = {known.inputs: known for known in self._passes if known.explicit and known.double}
        passes = {clip.name: exact[(sources[clip.name],)] for clip in clips}
        return tuple(
            Record(
                clip=name,
                source=self._vector(sources[name]),
                prefix=known.prefixes[0],
                calls=self._calls(known, None),
            )
            for name, known in passes.items()
        )

    def front_end(self, waveform: Tensor) -> Tensor:
        """The network's input for a recorded waveform, both of shape (L,)."""
        digest = hashlib.sha256(waveform.numpy().astype("<f4").tobytes()).hexdigest()
        for clip in self.clips:
            if clip.sha256 == digest:
                return self._vector(clip.source)
        names = ", ".join(clip.name for clip in self.clips)
        raise self._unknown(f"audio of {waveform.numel()} samples", f"these clips: {names}")

    def teacher_force(
        self,
        sources: Sequence[Tensor],
        prefixes: Sequence[Sequence[int]],
        *,
        double: bool = False,
        explicit: bool = False,
        only: Collection[str] | None = None,
    ) -> Forced:
        """The recorded pass over the same inputs, bit by bit, and the same prefixes."""
        from toolkit.oracle.reference import Forced

        wanted = tuple(tuple(prefix) for prefix in prefixes)
        for known in self._passes:
            alike = (known.explicit, known.double, known.prefixes) == (explicit, double, wanted)
            if alike and self._are(known.inputs, sources):
                mask = known.encoder_padding_mask
                return Forced(
                    logits=self._tensor(known.logits),
                    encoder_out=self._tensor(known.encoder_out),
                    encoder_padding_mask=None if mask is None else self._tensor(mask),
                    calls=self._calls(known, only),
                )
        kind = "float64" if double else "float32"
        raise self._unknown(
            f"a teacher-forced pass in {kind} over {len(sources)} inputs of "
            f"{', '.join(str(source.numel()) for source in sources)} samples",
            f"{len(self._passes)} passes over its own clips",
        )

    def search(self, source: Tensor, search: Search, tag: int | None = None) -> list[ScoredTokens]:
        """The hypotheses that fairseq found for this input, or for one that is nearly the same."""
        from toolkit.oracle.reference import ScoredTokens

        for known in self._searches:
            if (known.search, known.tag) == (search, tag) and self._is_near(known.input, source):
                return [
                    ScoredTokens(tokens=tokens, score=score) for tokens, score in known.hypotheses
                ]
        raise self._unknown(
            f"a search with beam {search.beam} and tag {tag} on an input of {source.numel()} "
            "samples",
            f"{len(self._searches)} searches on its own clips",
        )

    def text(self, tokens: Sequence[int]) -> str:
        """The recorded text of these tokens."""
        if tuple(tokens) not in self._texts:
            raise self._unknown(f"the text of the tokens {list(tokens)[:20]}", "other tokens")
        return self._texts[tuple(tokens)]

    def encode(self, text: str) -> tuple[int, ...]:
        """The recorded ids of this text."""
        if text not in self._encodings:
            raise self._unknown(f"the ids of {text[:80]!r}", f"{len(self._encodings)} other texts")
        return self._encodings[text]

    def _unknown(self, wanted: str, held: str) -> NotRecorded:
        return NotRecorded(
            f"`{self.folder}` must hold {wanted}, but holds {held}. Record again with these clips, "
            "or run fairseq itself with `--fairseq-python`."
        )

    def _are(self, places: Sequence[str], sources: Sequence[Tensor]) -> bool:
        if len(places) != len(sources):
            return False
        known = [self._tensor(place) for place in places]
        return all(a.equal(b) for a, b in zip(known, sources, strict=True))

    def _is_near(self, place: str, source: Tensor) -> bool:
        known = self._tensor(place)
        if known.shape != source.shape:
            return False
        difference = float((known.double() - source.double()).abs().max())
        return difference <= NEAR * float(known.abs().max())

    def _calls(self, known: _Pass, only: Collection[str] | None) -> Calls:
        made = {
            path: [self._call(entry) for entry in entries]
            for path, entries in known.calls.items()
            if only is None or path in only
        }
        return _RecordedCalls(self.folder, made)

    def _call(self, entry: _Call) -> Call:
        from toolkit.oracle.hooks import Call

        return Call(
            arguments={name: self._tensor(place) for name, place in entry.inputs},
            outputs={name: self._tensor(place) for name, place in entry.outputs},
        )

    def _vector(self, place: str) -> Tensor:
        """A tensor that must have shape (L,)."""
        tensor = self._tensor(place)
        if tensor.dim() != 1 or not tensor.is_floating_point():
            _refuse_damaged(self.folder, f"`{place}` has shape {tuple(tensor.shape)}, not (L,)")
        return tensor

    def _tensor(self, place: str) -> Tensor:
        file, _, name = place.partition(":")
        if file not in self._files:
            self._files[file] = self._load(f"{file}.safetensors")
        if name not in self._files[file]:
            _refuse_damaged(self.folder, f"`{file}.safetensors` holds no `{name}`")
        return self._files[file][name]

    def _load(self, name: str) -> Mapping[str, Tensor]:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        if name not in self._known_files:
            _refuse_damaged(self.folder, f"`{INDEX}` lists no file `{name}`")
        expected = self._known_files[name]
        try:
            found = _measure(self.folder / name, expected.num_bytes)
        except OSError as error:
            _refuse_damaged(self.folder, f"`{name}` cannot be read: {error.strerror or error}")
        if found != expected:
            what = f"{found.num_bytes} bytes with the sha256 {found.sha256}"
            _refuse_damaged(
                self.folder,
                f"`{name}` has {what}, where {expected.num_bytes} with {expected.sha256} were "
                "written",
            )
        try:
            tensors: Mapping[str, Tensor] = load_file(self.folder / name)
        except (SafetensorError, OSError) as error:
            _refuse_damaged(self.folder, f"`{name}` is no safetensors file: {error}")
        return tensors


def open_recorded(folder: Path, checkpoint: Checkpoint) -> RecordedReference:
    """The recording of a checkpoint that a folder holds.

    Raises:
        BadInput: it is no recording, of another version, of another checkpoint, or damaged.
    """
    from toolkit.oracle.job import VERSION

    said = _read_index(folder)
    if said.get("version") != VERSION:
        raise BadInput(
            f"`{folder}` must be a recording of version {VERSION}, but is of version "
            f"{said.get('version')!r:.40}. Record again with this version of the toolkit."
        )
    _expect_digest(folder, said)
    reference = RecordedReference(folder, said)
    found = _sha256_of(said)
    if found != checkpoint.sha256():
        raise BadInput(
            f"`{folder}` must be a recording of `{checkpoint.path}`, but is of a file with the "
            f"sha256 {found:.64}. Record this checkpoint."
        )
    return reference


def check_files(reference: RecordedReference) -> None:
    """Reads every file of a recording, so that damage shows at once.

    Raises:
        BadInput: one is missing or damaged.
    """
    for name in reference._known_files:
        reference._load(name)


@dataclass(frozen=True, kw_only=True)
class _File:
    num_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class _Search:
    input: str
    tag: int | None
    search: Search
    hypotheses: tuple[tuple[tuple[int, ...], float], ...]


@dataclass(frozen=True, kw_only=True)
class _Call:
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class _Pass:
    inputs: tuple[str, ...]
    prefixes: tuple[tuple[int, ...], ...]
    explicit: bool
    double: bool
    logits: str
    encoder_out: str
    encoder_padding_mask: str | None
    calls: Mapping[str, tuple[_Call, ...]]


class _RecordedCalls(dict[str, "list[Call]"]):
    """The recorded calls; to ask for a module that was not recorded is an error."""

    def __init__(self, folder: Path, calls: Mapping[str, list[Call]]) -> None:
        super().__init__(calls)
        self.folder = folder

    def __missing__(self, path: str) -> list[Call]:
        raise NotRecorded(
            f"`{self.folder}` must hold the calls of `{path}`, but holds those of {len(self)} "
            "others. Record again with this version of the toolkit."
        )


def _read_index(folder: Path) -> Mapping[str, Any]:
    try:
        said = json.loads(read_small(folder / INDEX, max_bytes=MAX_INDEX_BYTES))
        if not isinstance(said, dict):
            raise ValueError("it is no mapping")
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(
            f"`{folder}` must be a recording with a readable `{INDEX}`, but is none: "
            f"{error!s:.200}. Make one with `toolkit record`."
        ) from error
    return said


def _expect_digest(folder: Path, said: Mapping[str, Any]) -> None:
    from toolkit.oracle.answers import index_digest

    try:
        intact = said.get("digest") == index_digest(said)
    except (ValueError, RecursionError):
        intact = False
    if not intact:
        _refuse_damaged(folder, f"`{INDEX}` does not have the digest that it names")


def _sha256_of(said: Mapping[str, Any]) -> str:
    try:
        return str(said["checkpoint"]["sha256"])
    except _BROKEN:
        return "unknown"


def _refuse_damaged(folder: Path, found: str) -> NoReturn:
    raise BadInput(
        f"`{folder}` must be a whole recording, but is damaged: {found}. Copy it again from its "
        "origin, or record again."
    )


def _read_clip(said: Mapping[str, Any]) -> RecordedClip:
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
    )


def _read_files(said: Mapping[str, Any]) -> Iterator[tuple[str, _File]]:
    for name, entry in said.items():
        if not _FILE.fullmatch(name):
            raise ValueError(f"a file has the name {name!r:.80}")
        yield name, _File(num_bytes=int(entry["num_bytes"]), sha256=str(entry["sha256"]))


def _read_search(said: Mapping[str, Any]) -> _Search:
    return _Search(
        input=str(said["input"]),
        tag=_maybe_int(said["tag"]),
        search=Search(**said["search"]),
        hypotheses=tuple(
            (tuple(map(int, found["tokens"])), float(found["score"]))
            for found in said["hypotheses"]
        ),
    )


def _read_pass(said: Mapping[str, Any]) -> _Pass:
    return _Pass(
        inputs=tuple(map(str, said["inputs"])),
        prefixes=tuple(tuple(map(int, prefix)) for prefix in said["prefixes"]),
        explicit=bool(said["explicit"]),
        double=bool(said["double"]),
        logits=str(said["logits"]),
        encoder_out=str(said["encoder_out"]),
        encoder_padding_mask=_maybe_text(said["encoder_padding_mask"]),
        calls={
            str(path): tuple(_read_call(call) for call in made)
            for path, made in said["calls"].items()
        },
    )


def _read_call(said: Mapping[str, Any]) -> _Call:
    return _Call(
        inputs=tuple((str(name), str(place)) for name, place in said["inputs"]),
        outputs=tuple((str(name), str(place)) for name, place in said["outputs"]),
    )


def _maybe_int(value: Any) -> int | None:
    return None if value is None else int(value)


def _maybe_text(value: Any) -> str | None:
    return None if value is None else str(value)


def _measure(path: Path, max_bytes: int) -> _File:
    """Size and digest of a file, as far as it should reach and one byte more."""
    digest, done = hashlib.sha256(), 0
    with open_plain(path) as file:
        while done <= max_bytes and (chunk := file.read(min(_CHUNK_BYTES, max_bytes + 1 - done))):
            digest.update(chunk)
            done += len(chunk)
    return _File(num_bytes=done, sha256=digest.hexdigest())
