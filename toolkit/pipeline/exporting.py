"""Writes a fairseq checkpoint of a Hugging Face folder; it appears only when it is proven."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from toolkit.checkpoint.saving import save_checkpoint
from toolkit.compare.keys import key_faults
from toolkit.core.artifact import Artifact
from toolkit.core.errors import BadInput
from toolkit.core.origin import spelled
from toolkit.core.planned import PlannedExport
from toolkit.core.progress import silent
from toolkit.core.result import Exported, Result
from toolkit.folder.admission import check_folder
from toolkit.folder.digest import folder_digests
from toolkit.folder.staged_file import StagedFile, expect_free, staged_file
from toolkit.folder.view import view_folder
from toolkit.pipeline.likelihood import choose_by_likelihood
from toolkit.pipeline.origin import Origin
from toolkit.pipeline.originating import return_alone
from toolkit.pipeline.planning import TOLD
from toolkit.pipeline.preflight import expect_all_at_hand
from toolkit.pipeline.prepare import Inputs, Prepared, maybe_read_rows, prepare
from toolkit.pipeline.provable import unproven, why_unprovable, why_unverified
from toolkit.pipeline.reproduce import command_line
from toolkit.pipeline.returning import Return, return_of
from toolkit.pipeline.room import expect_room, maybe_free_bytes
from toolkit.pipeline.verification import expecting, prove_as_asked
from toolkit.report.exported import describe_opening
from toolkit.session.groups import Companions
from toolkit.session.keywords import keywords_of
from toolkit.session.options import items_of
from toolkit.session.requests.export import Export
from toolkit.session.requests.verify import Verify


@keywords_of(Export)
def export(request: Export) -> Result:
    """Writes a fairseq checkpoint of a Hugging Face folder.

    A checkpoint that does not match the folder does not appear.

    Raises:
        BadInput: a file, folder, device or value cannot be used, or fairseq cannot hold what the
            folder holds.
        BrokenRule: the family's rules do not cover the checkpoint that it is to be like.
    """
    expect_all_at_hand(request)
    _expect_outside(request)
    report = request.progress or silent
    because = why_unverified(request.verify, request.part(Origin))
    with staged_file(request.out) as staged:
        report("reading the folder", 0, 1)
        made = _made(request)
        expect_free(request.out, made.beside)
        expect_room(request.out, made.num_bytes)
        report("writing the checkpoint", 0, 1)
        _write(made, staged)
        with _called(staged):
            result = _judged(_proof(request, staged.path, made), request.verify, because)
        result = replace(result, command="export", source=_named(result, request.out))
        if result.verdict == "mismatch":
            return replace(result, reproduce=command_line(request))
        exported = _publish(staged, made)
    again = command_line(_proof(request, request.out, made))
    return replace(
        result,
        exported=exported,
        reproduce=again,
        usage=describe_opening(
            request.out, has_words=bool(made.beside), like=request.like, own=made.opens
        ),
        next=again if result.unverified_because else "",
    )


@keywords_of(Export)
def plan_export(request: Export) -> PlannedExport:
    """What `export` would do with the same arguments. It reads everything and writes nothing.

    Raises:
        BadInput: a file, folder, device or value cannot be used, or fairseq cannot hold what the
            folder holds.
        BrokenRule: the family's rules do not cover the checkpoint that it is to be like.
    """
    expect_all_at_hand(request)
    _expect_outside(request)
    because = why_unverified(request.verify, request.part(Origin))
    with staged_file(request.out):
        made = _made(request)
        expect_free(request.out, made.beside)
    expect_room(request.out, made.num_bytes)
    return PlannedExport(
        source=str(request.hf_dir),
        out=str(request.out),
        like=None if request.like is None else str(request.like),
        num_bytes=made.num_bytes,
        beside=tuple(made.beside),
        kept=made.kept,
        free_bytes=maybe_free_bytes(request.out),
        unverified_because=because,
        next=command_line(request) + TOLD[request.verify],
    )


def _expect_outside(request: Export) -> None:
    """Refuses to add something to the folder that is exported.

    Raises:
        BadInput: that is asked for.
    """
    if request.out.resolve().is_relative_to(request.hf_dir.resolve()):
        raise BadInput(
            f"`{request.out}` must lie outside of `{request.hf_dir}`, which is read as it is. "
            "Choose another OUT."
        )


def _made(request: Export) -> Return:
    """What the folder becomes, in the way of a checkpoint if one is named."""
    check_folder(request.hf_dir)
    _expect_no_making(request)
    if request.like is None:
        return return_alone(request.hf_dir)
    inputs = expecting(request.part(Inputs, checkpoint=request.like), request.hf_dir)
    return return_of(prepare(inputs), request.hf_dir)


def _expect_no_making(request: Export) -> None:
    """Refuses a mapping that makes tensors: names lead back to a fork, joined tensors do not.

    Raises:
        BadInput: it does.
    """
    mapping = maybe_read_rows(Inputs(checkpoint=request.out, mapping=request.mapping))
    if mapping is not None and mapping.makes:
        raise BadInput(
            f"`{request.mapping}` must only rename tensors to lead back to a fork's checkpoint, "
            "but has a section `make`. Leave `--mapping` out: the checkpoint then has fairseq's "
            "own names; `--like` may name one that has them, too."
        )


def _write(made: Return, staged: StagedFile) -> None:
    for name, content in made.beside.items():
        place = staged.path.parent / name
        if isinstance(content, bytes):
            place.write_bytes(content)
        else:
            shutil.copyfile(content, place)
    save_checkpoint(staged.path, made.written)


def _proof(request: Export, checkpoint: Path, made: Return) -> Verify:
    """What proves a new checkpoint; what the user named lies beside it too."""
    named = {item.name: getattr(request, item.name) for item in items_of(Companions)}
    copied = list(made.beside.values())
    moved = {name: checkpoint.parent / p.name for name, p in named.items() if p in copied}
    return request.part(Verify, checkpoint=checkpoint, **moved)


def _judged(request: Verify, asked: bool | None, because: str | None) -> Result:
    """The verdict on a checkpoint that is written, as `verify` comes to it.

    Args:
        request: The proof.
        asked: Whether the user asks for it; None if it is made where it can be.
        because: Why it is not made, where that is known already.
    """
    inputs, origin = expecting(request.part(Inputs), request.hf_dir), request.part(Origin)
    prepared = prepare(inputs)
    because = because or why_unprovable(prepared, asked, origin)
    if because:
        return _unproven(prepared, request.hf_dir, because)
    prepared = choose_by_likelihood(prepared, inputs, request.audio)
    return prove_as_asked(request, prepared)


@contextmanager
def _called(staged: StagedFile) -> Iterator[None]:
    """Errors name the checkpoint as it would be called, as nobody knows where it is made."""
    try:
        yield
    except BadInput as error:
        said = str(error).replace(str(staged.path), str(staged.destination))
        raise BadInput(said) from error


def _expect_alike(prepared: Prepared, folder: Path) -> None:
    """Refuses what is known to be wrong without any model: nobody judges it afterwards.

    Raises:
        BadInput: the folder's configuration says another thing than the checkpoint.
    """
    wrong = key_faults(prepared.task.contents, view_folder(folder, vetted=True))
    if wrong:
        listed = "; ".join(f"`{w.key}` is {w.actual!r:.60}, not {w.expected!r:.60}" for w in wrong)
        raise BadInput(
            f"`{folder}` must be configured as the new checkpoint says, but {listed}. Correct the "
            "keys, or name a checkpoint with these settings with `--like`."
        )


def _unproven(prepared: Prepared, folder: Path, because: str) -> Result:
    _expect_alike(prepared, folder)
    return unproven("export", prepared, spelled(folder), folder_digests(folder), because)


def _named(result: Result, out: Path) -> Artifact:
    return replace(result.source, path=str(out))


def _publish(staged: StagedFile, made: Return) -> Exported:
    num_bytes = staged.path.stat().st_size
    beside = staged.publish()
    return Exported(
        path=str(staged.destination),
        num_bytes=num_bytes,
        beside=tuple(path.name for path in beside),
        kept=made.kept,
    )
