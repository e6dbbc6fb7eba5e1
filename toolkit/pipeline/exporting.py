"""Writes a fairseq checkpoint of a Hugging Face folder; it appears only when it is proven."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from toolkit.checkpoint.saving import save_checkpoint
from toolkit.core.artifact import Artifact
from toolkit.core.errors import BadInput
from toolkit.core.origin import spelled
from toolkit.core.progress import silent
from toolkit.core.result import Exported, Result
from toolkit.folder.admission import check_folder
from toolkit.folder.digest import combine, folder_digests
from toolkit.folder.staged_file import StagedFile, expect_free, staged_file
from toolkit.pipeline.basics import environment
from toolkit.pipeline.origin import Origin
from toolkit.pipeline.preflight import expect_all_at_hand
from toolkit.pipeline.prepare import Inputs, Prepared, prepare
from toolkit.pipeline.provable import why_unprovable, why_unverified
from toolkit.pipeline.reproduce import command_line
from toolkit.pipeline.returning import Return, return_of
from toolkit.pipeline.room import expect_room
from toolkit.pipeline.sources import told_of_source
from toolkit.pipeline.verification import expecting, prove
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
    report = request.progress or silent
    because = why_unverified(request.verify, request.part(Origin))
    with staged_file(request.out) as staged:
        report("reading the folder and the checkpoint", 0, 1)
        like = _prepare(request)
        made = return_of(like, request.hf_dir)
        expect_free(request.out, made.beside)
        expect_room(request.out, made.num_bytes)
        report("writing the checkpoint", 0, 1)
        _write(made, staged)
        because = because or why_unprovable(like, request.verify, request.part(Origin))
        proof = _proof(request, staged.path, made)
        result = _unproven(proof, because) if because else _proven(proof)
        result = _told(result, request.out)
        if result.verdict == "mismatch":
            return replace(result, reproduce=command_line(request))
        exported = _publish(staged, made)
    again = command_line(_proof(request, request.out, made))
    return replace(
        result,
        exported=exported,
        reproduce=again,
        usage=describe_opening(request.out, has_words=like.sidecars.dict_path is not None),
        next=again if because else "",
    )


def _prepare(request: Export) -> Prepared:
    """The checkpoint that the new one is to be like, for the classes of the folder."""
    if request.like is None:
        raise BadInput(
            f"`{request.hf_dir}` must be written in the way of a checkpoint of the same model, but "
            "none is named. Name one with `--like`, such as the one that the folder was made of."
        )
    check_folder(request.hf_dir)
    return prepare(expecting(request.part(Inputs, checkpoint=request.like), request.hf_dir))


def _write(made: Return, staged: StagedFile) -> None:
    for path in made.beside:
        shutil.copyfile(path, staged.path.parent / path.name)
    save_checkpoint(staged.path, made.written)


def _proof(request: Export, checkpoint: Path, made: Return) -> Verify:
    """What proves a new checkpoint; what the user named lies beside it too."""
    named = {item.name: getattr(request, item.name) for item in items_of(Companions)}
    moved = {name: checkpoint.parent / p.name for name, p in named.items() if p in made.beside}
    return request.part(Verify, checkpoint=checkpoint, **moved)


def _proven(request: Verify) -> Result:
    prepared = prepare(expecting(request.part(Inputs), request.hf_dir))
    origin = request.part(Origin)
    return prove(
        prepared,
        request.hf_dir,
        origin.read_clips(prepared, request.audio),
        origin,
        beam=request.beam,
        thorough=request.thorough,
        progress=request.progress or silent,
    )


def _unproven(request: Verify, because: str) -> Result:
    prepared = prepare(expecting(request.part(Inputs), request.hf_dir))
    files = folder_digests(request.hf_dir)
    return Result(
        command="export",
        **prepared.task.kind.told,
        **told_of_source(prepared),
        target=Artifact(path=spelled(request.hf_dir), sha256=combine(files)),
        target_files=files,
        assumptions=prepared.assumptions,
        unverified_because=because,
        environment=environment(),
    )


def _told(result: Result, out: Path) -> Result:
    return replace(result, command="export", source=replace(result.source, path=str(out)))


def _publish(staged: StagedFile, made: Return) -> Exported:
    num_bytes = staged.path.stat().st_size
    beside = staged.publish()
    return Exported(
        path=str(staged.destination),
        num_bytes=num_bytes,
        beside=tuple(path.name for path in beside),
        kept=made.kept,
    )
