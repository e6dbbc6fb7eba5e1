"""What a job depends on, and the address that follows from it: what is there is not done again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.audio.clips import AUDIO_SUFFIXES, MANIFEST, golden_folder
from toolkit.batch.hashes import Hashes
from toolkit.batch.jobs import Job
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict
from toolkit.examples.sentences import GOLDEN
from toolkit.examples.units import GOLDEN as GOLDEN_UNITS
from toolkit.families.sidecars import companions
from toolkit.pipeline.basics import environment
from toolkit.session.hub import fetch_named
from toolkit.session.options import Item, Role, typed_items

AUDIO, CHECKPOINT, RECORDING = "audio", "checkpoint", "recording"
TEXT, UNITS = "text", "units"
PROGRAMS = ("fairseq_python",)
"""Paths of what runs: another file of the same name is no other question."""
SPOKEN_OF = ("platform",)
"""What an environment says that no number depends on."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A job with all that it depends on."""

    job: Job
    depends: JsonDict
    """As plain data."""
    checkpoint_sha256: str | None
    """None where it cannot be read."""
    checkpoint_bytes: int

    @property
    def text(self) -> str:
        """What it depends on, always in the same words."""
        return json.dumps(self.depends, sort_keys=True, ensure_ascii=True)

    @property
    def address(self) -> str:
        """The sha256 of those."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def identify(job: Job, hashes: Hashes) -> Identity:
    """All that a job depends on: every byte that it reads, its options, the versions that run it.

    Raises:
        BadInput: something that it reads cannot be read.
    """
    request = fetch_named(job.request)
    checkpoint: Path = vars(request)[CHECKPOINT]
    if not checkpoint.is_file():
        raise BadInput(
            f"`{checkpoint}` must be a fairseq checkpoint, but is no file. Correct the pattern."
        )
    digest = hashes.of_file(checkpoint)
    return Identity(
        job=job,
        depends={
            "kind": job.kind,
            "options": {
                item.name: _value(item, getattr(request, item.name), hashes)
                for item in typed_items(type(request))
                if item.name not in (CHECKPOINT, AUDIO, TEXT, UNITS)
            },
            "checkpoint": digest,
            "beside": {path.name: hashes.of_file(path) for path in sorted(companions(checkpoint))},
            "clips": dict(_clips(vars(request), hashes)),
            "versions": {k: v for k, v in environment().items() if k not in SPOKEN_OF},
        },
        checkpoint_sha256=digest,
        checkpoint_bytes=checkpoint.stat().st_size,
    )


def unreadable(job: Job, because: str) -> Identity:
    """What is known of a job that cannot be identified: what it was asked, and why not."""
    depends = {"kind": job.kind, "asked": asked_in_words(job), "because": because}
    return Identity(job=job, depends=depends, checkpoint_sha256=None, checkpoint_bytes=0)


def asked_in_words(job: Job) -> str:
    """A job as JOBS.toml has it, whatever lies at its paths: the sha256 of kind and values."""
    values = {
        item.name: str(getattr(job.request, item.name)) for item in typed_items(type(job.request))
    }
    words = json.dumps([job.kind, values], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(words.encode()).hexdigest()


def _value(item: Item, value: object, hashes: Hashes) -> object:
    if not isinstance(value, Path) or item.name in PROGRAMS:
        return dict(value) if isinstance(value, Mapping) else _spelled(value)
    return str(value.absolute()) if item.named.role is Role.FOLDER else hashes.of(value)


def _spelled(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _clips(request: Mapping[str, object], hashes: Hashes) -> Iterator[tuple[str, str]]:
    """Names and hashes of all examples; none where a recording has its own, or nothing is asked.

    Those that come with the toolkit count where none is named, whatever the model is asked about.
    """
    if AUDIO not in request or request.get(RECORDING) is not None:
        return
    named = [path for name in (AUDIO, TEXT, UNITS) for path in _paths(request.get(name, ()))]
    for path in named or (golden_folder(),):
        for file in _audio_in(path):
            yield str(file.relative_to(path.parent)), hashes.of_file(file)


def _paths(named: object) -> Sequence[Path]:
    assert isinstance(named, Sequence)
    return named


def _audio_in(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for file in sorted(path.iterdir()):
        if file.name in (MANIFEST, GOLDEN, GOLDEN_UNITS) or file.suffix.lower() in AUDIO_SUFFIXES:
            yield file
