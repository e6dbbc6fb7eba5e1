"""Stores fairseq's side of a comparison in a folder, so that a diff needs no fairseq."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.audio import read_clips
from toolkit.checkpoint import Checkpoint
from toolkit.compare.blame import Record
from toolkit.compare.pictures import shortest
from toolkit.core.errors import BadInput
from toolkit.core.settled import unproven
from toolkit.folder.staging import staged_folder
from toolkit.oracle.hooks import Call
from toolkit.pipeline.basics import Progress, environment, silent
from toolkit.pipeline.difference import ClipFacts, Session, open_session
from toolkit.pipeline.prepare import Inputs, Material, Prepared, prepare
from toolkit.pipeline.resources import fitting_resources
from toolkit.pipeline.truth import Encodings, make_truth
from toolkit.pipeline.verification import shortest_input
from toolkit.replay.source import SourceFacts

if TYPE_CHECKING:
    from torch import Tensor
    from typing_extensions import Unpack

VERSION = 1
"""Of the layout of a recording; another one is refused."""
INDEX = "recording.json"


def record(
    checkpoint: Path,
    rec_dir: Path,
    *,
    audio: Sequence[Path] = (),
    progress: Progress | None = None,
    **material: Unpack[Material],
) -> Path:
    """Runs fairseq once and stores what `diff` needs of it.

    Args:
        checkpoint: The fairseq file.
        rec_dir: The folder to write; must not exist. Appears whole or not at all.
        audio: Clips to record; by default the shortest two of the golden audio.
        progress: Called before every step.
        material: What else is named; see `toolkit.pipeline.prepare.Material`.

    Returns:
        The folder.

    Raises:
        BadInput: a file or folder cannot be used, or fairseq is not installed.
    """
    report = progress or silent
    inputs = Inputs(checkpoint=checkpoint, **material)
    with staged_folder(rec_dir) as staged:
        report("reading the checkpoint", 0, 3)
        prepared = prepare(inputs)
        clips = read_clips(audio, min_samples=shortest_input(prepared))
        report("recording fairseq", 1, 3)
        with (
            fitting_resources(prepared.plan),
            open_session(prepared, clips if audio else shortest(clips)) as session,
        ):
            report("storing", 2, 3)
            save_session(session, staged.path)
        staged.publish()
    return rec_dir


def save_session(session: Session, folder: Path) -> None:
    """Writes a session into an existing folder: one index, one safetensors file per clip."""
    said = {
        "version": VERSION,
        "checkpoint_sha256": session.prepared.checkpoint.sha256(),
        "environment": environment(),
        "assumed": [reason.name for reason in unproven(session.prepared.assumptions)],
        "paths": list(session.source.paths),
        "numbers": {**session.source.numbers},
        "encodings": [[text, list(ids)] for text, ids in session.truth.encodings.items()],
        "decodings": [[list(ids), text] for ids, text in session.truth.decodings.items()],
        "clips": [
            _save_clip(folder, number, record, facts)
            for number, (record, facts) in enumerate(
                zip(session.records, session.clips, strict=True)
            )
        ],
    }
    (folder / INDEX).write_text(json.dumps(said) + "\n", encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What a recording holds."""

    source: SourceFacts
    records: tuple[Record, ...]
    clips: tuple[ClipFacts, ...]
    encodings: Encodings
    assumed: frozenset[str]
    """Values that were assumed when it was made: it cannot testify to them."""


def load_recorded(checkpoint: Checkpoint, folder: Path) -> Recorded:
    """What a recording of this checkpoint holds.

    Raises:
        BadInput: it is no recording, of another layout, of another checkpoint, or damaged.
    """
    said = read_index(checkpoint, folder)
    return Recorded(
        source=SourceFacts(paths=tuple(said["paths"]), numbers=said["numbers"]),
        records=tuple(_load_clip(folder, clip) for clip in said["clips"]),
        clips=tuple(
            ClipFacts(name=clip["name"], duration_s=clip["duration_s"]) for clip in said["clips"]
        ),
        encodings=Encodings(
            ids={text: tuple(ids) for text, ids in said["encodings"]},
            texts={tuple(ids): text for ids, text in said["decodings"]},
        ),
        assumed=frozenset(said.get("assumed", ())),
    )


def read_index(checkpoint: Checkpoint, folder: Path) -> Mapping[str, Any]:
    """The index of a recording of this checkpoint; no tensors are read.

    Raises:
        BadInput: it is no recording, of another layout, or of another checkpoint.
    """
    said = _read_index(folder)
    if said.get("version") != VERSION:
        raise BadInput(
            f"`{folder}` must be a recording of version {VERSION}, but is of version "
            f"{said.get('version')}. Record again with `toolkit record`."
        )
    if said["checkpoint_sha256"] != checkpoint.sha256():
        raise BadInput(
            f"`{folder}` must be a recording of `{checkpoint.path}`, but is of a file "
            f"with the sha256 {said['checkpoint_sha256']}. Record this checkpoint."
        )
    return said


def load_session(prepared: Prepared, folder: Path) -> Session:
    """The session that a folder holds.

    Raises:
        BadInput: it is no recording, of another layout, of another checkpoint, or damaged.
    """
    recorded = load_recorded(prepared.checkpoint, folder)
    return Session(
        prepared=prepared,
        source=recorded.source,
        truth=make_truth(prepared, recorded.encodings),
        records=recorded.records,
        clips=recorded.clips,
        reference=None,
    )


def _read_index(folder: Path) -> Mapping[str, Any]:
    try:
        said = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        assert isinstance(said, Mapping)
    except (OSError, ValueError, AssertionError) as error:
        raise BadInput(
            f"`{folder}` must be a recording with a readable `{INDEX}`, but is none. Make one with "
            "`toolkit record`."
        ) from error
    return said


def _save_clip(folder: Path, number: int, record: Record, facts: ClipFacts) -> dict[str, Any]:
    """Stores each distinct tensor once: a module's output is often the next one's input."""
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}

    def keep(tensor: Tensor) -> str:
        values = tensor.contiguous()
        digest = hashlib.sha1(values.numpy().tobytes(), usedforsecurity=False)
        digest.update(f"{tuple(values.shape)} {values.dtype}".encode())
        tensors.setdefault(digest.hexdigest(), values.clone())
        return digest.hexdigest()

    calls = {
        path: [
            {
                "inputs": [[name, keep(tensor)] for name, tensor in call.inputs.items()],
                "outputs": [[name, keep(tensor)] for name, tensor in call.outputs.items()],
            }
            for call in made
        ]
        for path, made in record.calls.items()
    }
    said = {
        "name": record.clip,
        "duration_s": facts.duration_s,
        "prefix": list(record.prefix),
        "source": keep(record.source),
        "calls": calls,
        "file": f"clip-{number:03}.safetensors",
    }
    save_file(tensors, folder / str(said["file"]))
    return said


def _load_clip(folder: Path, said: Mapping[str, Any]) -> Record:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(folder / said["file"])
        return Record(
            clip=said["name"],
            source=tensors[said["source"]],
            prefix=tuple(said["prefix"]),
            calls=dict(_load_calls(said["calls"], tensors)),
        )
    except (OSError, SafetensorError, KeyError) as error:
        raise BadInput(
            f"`{folder}` must hold the tensors that its `{INDEX}` names, but {error!r}. Record "
            "again with `toolkit record`."
        ) from error


def _load_calls(
    said: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> Iterator[tuple[str, list[Call]]]:
    for path, made in said.items():
        yield (
            path,
            [
                Call(
                    arguments={name: tensors[key] for name, key in call["inputs"]},
                    outputs={name: tensors[key] for name, key in call["outputs"]},
                )
                for call in made
            ],
        )
