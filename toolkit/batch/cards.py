"""Verification cards of all checkpoints of a batch, for a catalogue that others read."""

from __future__ import annotations

import json
import shlex
import sqlite3
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

from toolkit.batch.database import opened
from toolkit.batch.rows import headline
from toolkit.core.batches import Catalogue
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict, JsonObject
from toolkit.folder.digest import VERIFICATION
from toolkit.folder.staging import staged_folder
from toolkit.pipeline.papers import without_folders
from toolkit.proof.cards import (
    FOLDER,
    INDEX,
    Card,
    CardJob,
    CardLevel,
    Status,
    card_path,
    read_document,
    seal_card,
    write_index,
)
from toolkit.proof.sealing import SEAL, read_sealed
from toolkit.report.files import write_files
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.cards import Cards

_ENDED = """
SELECT DISTINCT jobs.*, min(places.checkpoint) AS named
FROM places JOIN jobs ON jobs.id = places.job
WHERE jobs.state IN ('done', 'refused', 'died')
GROUP BY jobs.id ORDER BY jobs.checkpoint_sha256, jobs.kind, jobs.address
"""
_STATUS: Mapping[str, Status] = {
    "match": "verified",
    "mismatch": "deviating",
    "unverified": "unverified",
    "died": "unverified",
    "refused": "refused",
}
"""What an outcome is on a card; others, as that of a recording, judge nothing."""


@keywords_of(Cards)
def cards(request: Cards) -> Catalogue:
    """Writes a card for each checkpoint of a batch, and an index of all cards of the catalogue.

    A card of which nothing changed stays as it is, byte for byte; cards of other batches stay.

    Raises:
        BadInput: the results are none of a batch, or the catalogue is none, cannot be written, or
            holds a card that was changed since it was written.
    """
    with opened(request.results) as connection:
        found = connection.execute(_ENDED).fetchall()
    rows = [row for row in found if _outcome(row) in _STATUS]
    made = {card["checkpoint"]["sha256"]: card for card in _cards(rows)}
    unreadable = tuple(_name(row) for row in rows if row["checkpoint_sha256"] is None)
    if request.catalogue.exists():
        return _write(request.catalogue, request.catalogue, made, unreadable)
    with staged_folder(request.catalogue) as staged:
        written = _write(staged.path, request.catalogue, made, unreadable)
        staged.publish()
    return written


def _write(
    folder: Path, catalogue: Path, made: Mapping[str, JsonDict], unreadable: tuple[str, ...]
) -> Catalogue:
    """Writes what is new or another; `folder` is the catalogue, or is to become it."""
    before = dict(_read(folder))
    files = {card_path(sha256): seal_card(card) for sha256, card in made.items()}
    cards = {**before, **{path: read_sealed(content) for path, content in files.items()}}
    index = write_index(cards.values())
    (folder / FOLDER).mkdir(exist_ok=True)
    changed = [path for path in files if cards[path] != before.get(path)]
    written = [(folder / path, files[path]) for path in changed]
    if _is_another(folder / INDEX, index):
        written.append((folder / INDEX, index))
    write_files(written)
    return Catalogue(
        path=str(catalogue),
        counts=read_sealed(index)["counts"],
        new=sum(path not in before for path in changed),
        changed=sum(path in before for path in changed),
        unreadable=unreadable,
    )


def _read(folder: Path) -> Iterator[tuple[str, JsonDict]]:
    """The cards of a catalogue, each as it was written.

    Raises:
        BadInput: it is none, or one of its files was changed.
    """
    if not folder.is_dir() or (any(folder.iterdir()) and not (folder / INDEX).is_file()):
        raise BadInput(
            f"`{folder}` must be a new folder or one that `toolkit cards` wrote, but is another. "
            "Choose another path."
        )
    _expect_no_link(folder / FOLDER)
    _expect_no_link(folder / INDEX)
    if (folder / INDEX).is_file():
        read_document(folder / INDEX, "index")
    for path in sorted((folder / FOLDER).glob("*.json")):
        _expect_no_link(path)
        card = read_document(path, "card")
        if path.name != Path(card_path(card["checkpoint"]["sha256"])).name:
            raise BadInput(
                f"`{path}` must have the name of its checkpoint's sha256, but is the card of "
                f"{card['checkpoint']['sha256']}. Give it that name, or move it out of the way."
            )
        yield card_path(card["checkpoint"]["sha256"]), card


def _expect_no_link(path: Path) -> None:
    if path.is_symlink():
        raise BadInput(
            f"`{path}` must be as `toolkit cards` wrote it, but is a link. Put there what it leads "
            "to, or choose another catalogue."
        )


def _is_another(path: Path, content: bytes) -> bool:
    return not path.is_file() or path.read_bytes() != content


def _cards(rows: list[sqlite3.Row]) -> Iterator[JsonDict]:
    readable = (row for row in rows if row["checkpoint_sha256"] is not None)
    for sha256, jobs in groupby(readable, key=lambda row: str(row["checkpoint_sha256"])):
        yield _card(sha256, list(jobs))


def _card(sha256: str, rows: list[sqlite3.Row]) -> JsonDict:
    """A card in which no text says where on this machine something lies."""
    card = Card(
        name=min(_name(row) for row in rows),
        sha256=sha256,
        num_bytes=rows[0]["checkpoint_bytes"],
        task=next((row["task"] for row in rows if row["task"] is not None), None),
        jobs=tuple(_job(row) for row in rows),
    )
    places = [Path(row[key]) for row in rows for key in ("checkpoint", "target") if row[key]]
    named = [Path(row["named"]) for row in rows]
    return without_folders(card.to_dict(), [*places, *named])


def _job(row: sqlite3.Row) -> CardJob:
    result: JsonDict = json.loads(row["result"]) if row["result"] else {}
    outcome = _outcome(row)
    folder_sha256 = (result.get("target") or {}).get("sha256")
    return CardJob(
        job=row["address"],
        kind=row["kind"],
        status=_STATUS[outcome],
        because=row["because"] or (None if outcome == "match" else headline(result)),
        folder_sha256=folder_sha256,
        folder_seal=_maybe_seal(row["target"], folder_sha256),
        levels={n: _level(level) for n, level in (result.get("levels") or {}).items()},
        deviations=tuple(one["name"] for one in result.get("deviations") or ()),
        environment=result.get("environment") or {},
        command=_without_folders(result.get("reproduce") or ""),
        date=row["finished_at"],
    )


def _outcome(row: sqlite3.Row) -> str:
    """A job's verdict, or its state where it has none."""
    return str(row["verdict"] or row["state"])


def _level(level: JsonObject) -> CardLevel:
    worst = level["worst"] or {}
    return CardLevel(
        verdict=level["verdict"],
        where=worst.get("where"),
        error=worst.get("error"),
        tolerance=worst.get("tolerance"),
        clips=level["clips"],
    )


def _maybe_seal(target: str | None, sha256: str | None) -> str | None:
    """The seal of the folder that a job is about, as far as it is still that one."""
    try:
        said = read_sealed((Path(target or "") / VERIFICATION).read_bytes())
    except (OSError, ValueError):
        return None
    return str(said[SEAL]) if (said.get("folder") or {}).get("sha256") == sha256 else None


def _name(row: sqlite3.Row) -> str:
    """A checkpoint's folder and its own name; what is of the hub keeps its address."""
    path = Path(row["named"])
    return row["named"] if "hf:" in path.parts else "/".join(path.parts[-2:])


def _without_folders(command: str) -> str:
    """A command line in which each path is its name alone."""
    words = shlex.split(command)
    return shlex.join(Path(word).name if Path(word).is_absolute() else word for word in words)
