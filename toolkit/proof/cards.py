"""Verification cards: what is known of a checkpoint, as catalogues of models keep it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from toolkit.checkpoint.plain_files import read_small
from toolkit.core.errors import BadInput, InternalError, reason_of
from toolkit.core.json import JsonDict, JsonObject, plain
from toolkit.folder.plain_json import MAX_BYTES
from toolkit.proof.schema import maybe_breach
from toolkit.proof.sealing import SEAL, read_sealed, write_sealed

SCHEMA_VERSION = 1
INDEX = "index.json"
FOLDER = "cards"
"""Where the cards of a catalogue lie."""

Status = Literal["deviating", "verified", "unverified", "refused"]
STATUSES: tuple[Status, ...] = ("deviating", "verified", "unverified", "refused")
"""A checkpoint has the first of these that one of its jobs has."""


@dataclass(frozen=True, kw_only=True)
class CardLevel:
    """What a level came to."""

    verdict: str
    where: str | None
    """Of the worst measure: tensor, module, key or clip."""
    error: float | str | None
    tolerance: float | str | None
    clips: int | None


@dataclass(frozen=True, kw_only=True)
class CardJob:
    """One thing that was done with a checkpoint."""

    job: str
    """sha256 of all that it depends on."""
    kind: str
    status: Status
    because: str | None
    """Why it came to no match, in a sentence or two."""
    folder_sha256: str | None
    folder_seal: str | None
    """Of the folder's `verification.json`, for `toolkit audit --seal`; None where the folder is not
    at hand, or is not as it was written."""
    levels: Mapping[str, CardLevel]
    deviations: tuple[str, ...]
    """Names of declared differences."""
    environment: Mapping[str, str]
    command: str
    """What gives the result again; empty where nothing came of it."""
    date: str | None


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is known of a checkpoint."""

    name: str
    """Its folder and its own name."""
    sha256: str
    num_bytes: int
    task: str | None
    jobs: tuple[CardJob, ...]

    @property
    def status(self) -> Status:
        """That of the job which says most, a mismatch first."""
        return min((job.status for job in self.jobs), key=STATUSES.index)

    def to_dict(self) -> JsonDict:
        """The card without its seal."""
        said: JsonDict = plain(
            {
                "schema_version": SCHEMA_VERSION,
                "document": "card",
                "checkpoint": {
                    "name": self.name,
                    "sha256": self.sha256,
                    "num_bytes": self.num_bytes,
                },
                "status": self.status,
                "task": self.task,
                "jobs": [asdict(job) for job in self.jobs],
            }
        )
        return said


def card_path(sha256: str) -> str:
    """Where the card of a checkpoint lies in a catalogue."""
    return f"{FOLDER}/{sha256}.json"


def seal_card(card: JsonObject) -> bytes:
    """The card as a file holds it.

    Raises:
        InternalError: it does not follow its schema.
    """
    return _sealed("card", card)


def write_index(cards: Iterable[JsonObject]) -> bytes:
    """The index of a catalogue as a file holds it, sorted by the names of checkpoints.

    Args:
        cards: All its cards, sealed.

    Raises:
        InternalError: it does not follow its schema.
    """
    rows = sorted((_row(card) for card in cards), key=lambda row: (row["name"], row["sha256"]))
    counts = Counter(row["status"] for row in rows)
    said = {
        "schema_version": SCHEMA_VERSION,
        "document": "index",
        "counts": {status: counts[status] for status in STATUSES},
        "cards": rows,
    }
    return _sealed("index", said)


def read_document(path: Path, kind: str) -> JsonDict:
    """A card or an index that a file holds, seal included.

    Args:
        path: The file.
        kind: `card` or `index`.

    Raises:
        BadInput: it holds none as it was written.
    """
    try:
        said = read_sealed(read_small(path, max_bytes=MAX_BYTES))
        breach = maybe_breach(kind, said)
    except (OSError, ValueError) as error:
        said, breach = {}, reason_of(error)
    if breach is not None:
        raise BadInput(
            f"`{path}` must be as `toolkit cards` wrote it, but {breach}. Put it back as it was, "
            "or move it out of the way: nothing that somebody else wrote is written over."
        )
    return said


def _sealed(kind: str, said: JsonObject) -> bytes:
    content = write_sealed(said)
    breach = maybe_breach(kind, read_sealed(content))
    if breach is not None:
        raise InternalError(f"`{kind}` must follow its schema, but {breach}.")
    return content


def _row(card: JsonObject) -> JsonDict:
    checkpoint = card["checkpoint"]
    dates = [job["date"] for job in card["jobs"] if job["date"] is not None]
    return {
        "name": checkpoint["name"],
        "sha256": checkpoint["sha256"],
        "status": card["status"],
        "task": card["task"],
        "date": max(dates, default=None),
        "file": card_path(checkpoint["sha256"]),
        SEAL: card[SEAL],
    }
