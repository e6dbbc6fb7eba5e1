"""What a recorder is to record: everything but the checkpoint's own values.

A job is plain data in a zip archive: JSON, raw float32 arrays, and the companions of a checkpoint.
The toolkit has read the checkpoint and says where its tensors lie.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np

from toolkit.oracle.mapped import Place
from toolkit.oracle.refusal import Refusal
from toolkit.oracle.search import Search

VERSION = 6
"""Of jobs and recordings alike; another one is refused."""
FOLDER = "job/"
INDEX = FOLDER + "job.json"

Array = Any
"""Of numpy, shape (L,), float32."""


@dataclass(frozen=True)
class JobClip:
    """One clip to record."""

    name: str
    waveform: Array
    """16 kHz mono, full scale 1.0."""
    tag: Optional[int] = None
    """Language tag to decode with; None where the task prepends none."""
    transcript: Optional[str] = None
    lang: Optional[str] = None
    kind: str = "speech"
    medium: str = "audio"
    """What it is made of; what is no audio has no duration."""
    inputs: Tuple[Array, ...] = ()
    """What front ends of converted folders make of the waveform: to be searched greedily as
    well."""

    @property
    def num_samples(self) -> int:
        """Length at 16 kHz."""
        return len(self.waveform)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.num_samples / 16000.0 if self.medium == "audio" else 0.0


@dataclass(frozen=True)
class Batch:
    """How the padded batch is to be recorded."""

    alone: bool
    """Each row by itself, as fairseq cannot run this adaptor on padded batches."""
    parameters: Tuple[Tuple[str, ...], ...] = ()
    """The modules whose calls are wanted, each by the names of all parameters it holds."""
    used: Tuple[str, ...] = ()
    """The parameters that count in this."""


@dataclass(frozen=True)
class Job:
    """Everything that a recorder needs beside fairseq and the checkpoint."""

    task: str
    """Which module of `toolkit.oracle.tasks` builds the model and asks it."""
    toolkit: str
    """Version of the toolkit that made it."""
    checkpoint_name: str
    checkpoint_sha256: str
    checkpoint_bytes: int
    places: Mapping[str, Place] = field(repr=False)
    """Where the tensors lie, by name."""
    settings: Mapping[str, Any] = field(repr=False)
    """The arguments that fairseq builds its task and model from."""
    data: Mapping[str, bytes] = field(repr=False)
    """Content of `config.yaml`, `dict.txt` and the like, by file name."""
    dropped: Tuple[str, ...]
    padding: str
    tags: Tuple[int, ...]
    search: Search
    beams: Tuple[int, ...]
    """Beams to search with; the first hypothesis of the first one is teacher-forced."""
    numbers: Tuple[str, ...]
    """Paths of numbers of the model, such as `decoder.embed_scale`."""
    clips: Tuple[JobClip, ...] = field(repr=False)
    texts: Tuple[str, ...] = field(repr=False)
    """To encode, and to decode again."""
    batch: Batch = field(repr=False)
    assumed: Tuple[str, ...] = ()
    """Settings that were assumed: what is recorded cannot testify to them."""


def digest(content: bytes) -> str:
    """The sha256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def as_samples(array: Array) -> bytes:
    """The bytes of an array as they are hashed and stored: float32, little-endian."""
    return np.ascontiguousarray(array, dtype="<f4").tobytes()


def pack_job(job: Job) -> Dict[str, bytes]:
    """The members of an archive that holds the job, by name."""
    members: Dict[str, bytes] = {}

    def put(name: str, content: bytes) -> Dict[str, str]:
        members[FOLDER + name] = content
        return {"file": name, "sha256": digest(content)}

    said = {
        **{key: getattr(job, key) for key in _PLAIN},
        "version": VERSION,
        "places": {name: asdict(place) for name, place in job.places.items()},
        "search": asdict(job.search),
        "batch": asdict(job.batch),
        "data": {name: put("data/" + name, content) for name, content in job.data.items()},
        "clips": [
            {
                **{key: getattr(clip, key) for key in _CLIP},
                "waveform": put("audio/{:03}.f32".format(number), as_samples(clip.waveform)),
                "inputs": [
                    put("audio/{:03}-{}.f32".format(number, i), as_samples(array))
                    for i, array in enumerate(clip.inputs)
                ],
            }
            for number, clip in enumerate(job.clips)
        ],
    }
    return {INDEX: json.dumps(said, sort_keys=True).encode(), **members}


def unpack_job(path: str) -> Job:
    """The job that an archive holds.

    Raises:
        Refusal: it holds none, one of another version, or a damaged one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            said = json.loads(archive.read(INDEX).decode())
            if said["version"] != VERSION:
                raise Refusal(
                    f"`{path}` must hold a job of version {VERSION}, but holds one of version "
                    f"{said['version']}. Make the recorder again with `toolkit recorder`."
                )
            return _read_job(archive, said)
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise Refusal(
            f"`{path}` must be a recorder with a job inside, but {type(error).__name__}: {error}. "
            "Make it again with `toolkit recorder`."
        ) from error


_PLAIN = (
    *("task", "toolkit", "checkpoint_name", "checkpoint_sha256", "checkpoint_bytes", "settings"),
    *("dropped", "padding", "tags", "beams", "numbers", "texts", "assumed"),
)
_CLIP = ("name", "tag", "transcript", "lang", "kind", "medium")


def _read_job(archive: zipfile.ZipFile, said: Mapping[str, Any]) -> Job:
    plain = {key: _tupled(said[key]) for key in _PLAIN if key != "settings"}
    batch = said["batch"]
    return Job(
        **plain,
        settings=said["settings"],
        places={name: _read_place(place) for name, place in said["places"].items()},
        data={name: _get(archive, entry) for name, entry in said["data"].items()},
        search=Search(**said["search"]),
        clips=tuple(_read_clip(archive, clip) for clip in said["clips"]),
        batch=Batch(
            alone=batch["alone"],
            parameters=tuple(tuple(names) for names in batch["parameters"]),
            used=tuple(batch["used"]),
        ),
    )


def _read_place(said: Mapping[str, Any]) -> Place:
    return Place(**{key: _tupled(value) for key, value in said.items()})


def _read_clip(archive: zipfile.ZipFile, said: Mapping[str, Any]) -> JobClip:
    arrays: List[Array] = [
        np.frombuffer(_get(archive, entry), dtype="<f4")
        for entry in (said["waveform"], *said["inputs"])
    ]
    named = {key: said[key] for key in _CLIP}
    return JobClip(**named, waveform=arrays[0], inputs=tuple(arrays[1:]))


def _get(archive: zipfile.ZipFile, entry: Mapping[str, str]) -> bytes:
    content = archive.read(FOLDER + entry["file"])
    if digest(content) != entry["sha256"]:
        raise ValueError("`{}` is not what it was".format(entry["file"]))
    return content


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
