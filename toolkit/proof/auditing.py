"""Holds a folder against what its own file says of it, by the hash of every file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from toolkit.checkpoint.plain_files import read_small
from toolkit.core.artifact import FileDigest
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput, reason_of
from toolkit.core.json import JsonDict
from toolkit.folder.digest import (
    ABOUT_THE_REST,
    VERIFICATION,
    Hashed,
    combine,
    digest_files,
)
from toolkit.folder.plain_json import MAX_BYTES
from toolkit.proof.audited import Audited, Change
from toolkit.proof.document import SCHEMA_VERSION, Verification, read_verification
from toolkit.proof.entries import Entries, list_entries
from toolkit.proof.schema import maybe_breach
from toolkit.proof.sealing import SEAL, NotAsWrittenError, read_sealed

BOOKKEEPING = "the hub keeps its books in it, and no model reads it"


def audit_folder(
    folder: Path, name: str, seal: str | None = None, hashed: Hashed = lambda _: None
) -> Audited:
    """Whether a folder is the one that its own file speaks of.

    Every file that the file lists is read once, unless its size says already that it changed.

    Args:
        folder: The folder.
        name: What it is called.
        seal: That its author published; None where nobody knows it.
        hashed: Called with the size of every chunk that was read.

    Raises:
        BadInput: it is no folder, has no such file, or one of a later version of the toolkit; or a
            file or folder in it cannot be read, as somebody takes it away, say.
    """
    try:
        return _audit(folder, name, seal, hashed)
    except OSError as error:
        raise BadInput(
            f"`{name}` must be a folder that can be read and stays as it is meanwhile, but "
            f"{reason_of(error)}. See to the rights, and audit it again."
        ) from error


def _audit(folder: Path, name: str, seal: str | None, hashed: Hashed) -> Audited:
    entries = _entries_of(folder, name)
    beside = tuple(Reason(name=own, because=BOOKKEEPING) for own in entries.bookkeeping)
    try:
        verification, found = _read(folder, name)
    except NotAsWrittenError as error:
        return Audited(
            folder=name,
            verification=None,
            seal=None,
            is_sealed=False,
            changes=(_unusable(error),),
            beside=beside,
            num_files=0,
            num_bytes=0,
        )
    expected = verification.files
    digests = digest_files(_worth_reading(entries, expected), hashed)
    return Audited(
        folder=name,
        verification=verification,
        seal=found,
        is_sealed=seal == found,
        changes=(*_another_seal(found, seal), *_compare(entries, expected, digests)),
        beside=beside,
        num_files=len(expected),
        num_bytes=sum(digest.num_bytes for digest in digests.values()),
    )


def _entries_of(folder: Path, name: str) -> Entries:
    if not folder.is_dir():
        raise BadInput(
            f"`{name}` must be a folder that `toolkit convert` wrote, but is no folder. Check the "
            "path."
        )
    entries = list_entries(folder)
    if VERIFICATION not in entries.files and VERIFICATION not in entries.others:
        raise BadInput(
            f"`{name}` must hold `{VERIFICATION}`, which says what was proven of it, but does not: "
            "it was taken away, or another program wrote the folder. Convert the checkpoint again, "
            "or prove the folder with `toolkit verify`."
        )
    return entries


def _read(folder: Path, name: str) -> tuple[Verification, str]:
    """What the folder's own file says, and its seal.

    Raises:
        NotAsWrittenError: it is not as it was written.
        BadInput: it is, by a later version of the toolkit.
    """
    try:
        said = read_sealed(read_small(folder / VERIFICATION, max_bytes=MAX_BYTES))
    except NotAsWrittenError:
        raise
    except (OSError, ValueError) as error:
        raise NotAsWrittenError(reason_of(error)) from error
    _expect_version(said, name)
    breach = maybe_breach("verification", said)
    if breach is not None:
        raise NotAsWrittenError(breach)
    try:
        verification = read_verification(said)
    except OverflowError as error:  # a whole number beyond all others, which a schema lets pass
        raise NotAsWrittenError(reason_of(error)) from error
    _expect_sense(verification, said["verdict"])
    return verification, said[SEAL]


def _expect_version(said: JsonDict, name: str) -> None:
    version = said.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise BadInput(
            f"`{VERIFICATION}` of `{name}` must be of version {SCHEMA_VERSION}, but is of version "
            f"{version}. Take a later version of the toolkit."
        )


def _expect_sense(verification: Verification, verdict: str) -> None:
    """Holds that the one hash of the folder, and the verdict, follow from the rest."""
    result = verification.result
    files = {n: one for n, one in verification.files.items() if n not in ABOUT_THE_REST}
    if result.target.sha256 != combine(files):
        raise NotAsWrittenError("the sha256 of the folder is not that of the files that it lists")
    if result.verdict != verdict:
        raise NotAsWrittenError(f"its levels come to {result.verdict}, but it says {verdict}")


def _unusable(error: NotAsWrittenError) -> Change:
    return Change(
        kind="document",
        file=VERIFICATION,
        summary=f"It must be as it was written, but {error}. No file was held against it.",
    )


def _another_seal(found: str, named: str | None) -> Iterator[Change]:
    if named is not None and found != named:
        summary = f"It must have the seal that was named, but has {found}."
        yield Change(kind="seal", file=VERIFICATION, summary=summary)


def _worth_reading(entries: Entries, expected: Mapping[str, FileDigest]) -> dict[str, Path]:
    """Files whose size is that of one that is listed, under its name or under a new one."""
    sizes = {digest.num_bytes for name, digest in expected.items() if name not in entries.files}
    chosen: dict[str, Path] = {}
    for name, path in entries.files.items():
        size = path.stat().st_size
        if size == expected[name].num_bytes if name in expected else size in sizes:
            chosen[name] = path
    return chosen


def _compare(
    entries: Entries, expected: Mapping[str, FileDigest], digests: Mapping[str, FileDigest]
) -> Iterator[Change]:
    added = [name for name in entries.files if name not in expected and name != VERIFICATION]
    moved = {digests[name].sha256: name for name in added if name in digests}
    for name, digest in expected.items():
        if name in entries.others:
            continue
        if name not in entries.files:
            yield _gone(name, moved.get(digest.sha256))
        elif digests.get(name) != digest:
            yield _changed(name, entries.files[name], digest)
    renamed = {moved.get(d.sha256) for name, d in expected.items() if name not in entries.files}
    for name in added:
        if name not in renamed:
            yield Change(kind="added", file=name, summary="It was not there, but is.")
    for name, what in entries.others.items():
        kept = "It must be a file" if name in expected else "It must not be there"
        yield Change(kind="no file", file=name, summary=f"{kept}, but is {what}.")


def _gone(name: str, now: str | None) -> Change:
    if now is None:
        return Change(kind="missing", file=name, summary="It was there, but is not any more.")
    return Change(kind="renamed", file=name, summary=f"It must be there, but is called `{now}`.")


def _changed(name: str, path: Path, expected: FileDigest) -> Change:
    size = path.stat().st_size
    how = (
        f"It must have the sha256 {expected.sha256}, but has other bytes, as many as it had."
        if size == expected.num_bytes
        else f"It must have {expected.num_bytes} bytes, but has {size}."
    )
    return Change(kind="changed", file=name, summary=how)
