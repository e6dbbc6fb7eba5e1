"""Finds and explains what is wrong with a Hugging Face folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from toolkit.audio import Clip
from toolkit.compare import tolerances
from toolkit.compare.pictures import CLIPS, Sketchbook
from toolkit.core.artifact import Artifact
from toolkit.core.coverage import ClipCoverage, Reason
from toolkit.core.errors import BadInput
from toolkit.core.findings import Finding, Hypothesis
from toolkit.core.measures import Level, Measure
from toolkit.core.origin import spelled
from toolkit.core.progress import Progress, silent
from toolkit.core.result import ModuleRow, Result
from toolkit.diagnosis import Evidence, Truth, find_faults, take_inventory, take_notes
from toolkit.diagnosis.findings import in_training, name_culprits, smallest_failing
from toolkit.diagnosis.left_out import explains, find_left_out
from toolkit.folder.admission import check_folder
from toolkit.folder.digest import combine, folder_digests
from toolkit.folder.view import FolderView, view_folder
from toolkit.pipeline.basics import environment
from toolkit.pipeline.clips import tag_of
from toolkit.pipeline.files_alone import static_levels, unusable
from toolkit.pipeline.mending import Workbench, check_destination, mend
from toolkit.pipeline.origin import Asked, Origin
from toolkit.pipeline.pairing import pair_with
from toolkit.pipeline.picturing import finish_pictures, name_reproductions
from toolkit.pipeline.preflight import expect_all_at_hand
from toolkit.pipeline.prepare import Inputs, Prepared
from toolkit.pipeline.reproduce import command_line
from toolkit.pipeline.resources import fitting_resources
from toolkit.pipeline.sources import told_of_source
from toolkit.pipeline.truth import expect_texts, make_truth
from toolkit.pipeline.undoing import copy_without_weights, undo_keys, undo_tensors
from toolkit.pipeline.verification import expecting
from toolkit.replay.pairs import parameterized
from toolkit.replay.reproduction import write_reproduction
from toolkit.session.device import gpu_facts
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.diff import Diff
from toolkit.session.requests.verify import Verify
from toolkit.trial.coverage import clip_coverage, frames_in, measure_coverage
from toolkit.trial.measuring import Record, find_errors, own_calls
from toolkit.trial.pairing import Pairing
from toolkit.trial.rows import module_rows

MEND = "--fix mended"
"""What a diff that found something is given next."""


@dataclass(frozen=True, kw_only=True)
class ClipFacts:
    """What a result says of a clip that was replayed."""

    name: str
    duration_s: float
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Session:
    """fairseq's side of a comparison, ready for any number of folders."""

    prepared: Prepared
    asked: Asked
    truth: Truth
    records: tuple[Record, ...]
    clips: tuple[ClipFacts, ...]
    device: str = "cpu"
    """Where models run."""


@keywords_of(Diff)
def diff(request: Diff) -> Result:
    """Says what is wrong with a folder: which module, tensor or key, which rule, and the fix.

    Raises:
        BadInput: a file, folder or device cannot be used, or fairseq is not installed.
        BrokenRule: the family's rules do not cover the checkpoint.
    """
    from toolkit.pipeline.choosing import prepare_with

    report = request.progress or silent
    origin, inputs = request.part(Origin), request.part(Inputs)
    _check_destinations(request)
    expect_all_at_hand(request)
    report("reading the checkpoint", 0, 3)
    prepared = prepare_with(expecting(inputs, request.hf_dir), request.recording, request.audio)
    clips = origin.read_few_clips(prepared, request.named(prepared.task.kind.medium))
    report("asking fairseq", 1, 3)
    with (
        fitting_resources(prepared.plan),
        open_session(prepared, clips, origin, report) as session,
    ):
        report("replaying the folder", 2, 3)
        book = Sketchbook(pairs_of=[clip.name for clip in session.clips[:CLIPS]])
        result = diff_folder(session, request.hf_dir, book if request.pictures else None)
        if request.reproduction is not None:
            reproduce(session, request.hf_dir, result.findings, request.reproduction)
    result = name_reproductions(result, request.reproduction)
    result = replace(result, reproduce=command_line(request))
    if request.fix is None:
        further = f"{result.reproduce} {MEND}" if result.verdict == "mismatch" else ""
        return replace(result, next=further)
    bench = Workbench(
        prepared=prepared,
        prepare_freely=partial(prepare_with, inputs, request.recording, request.audio),
        clips=clips,
        origin=origin,
        progress=report,
        proof=request.part(Verify, hf_dir=request.fix),
    )
    return mend(result, request.hf_dir, request.fix, bench)


def _check_destinations(request: Diff) -> None:
    """Makes sure, before any work, that the folder can be read and what is asked for written."""
    if request.reproduction is not None and request.reproduction.exists():
        raise BadInput(
            f"`{request.reproduction}` must not exist yet, but does. Remove it, or choose another "
            "folder."
        )
    check_folder(request.hf_dir)
    if request.fix is not None:
        check_destination(request.fix, request.hf_dir)


@contextmanager
def open_session(
    prepared: Prepared,
    clips: Sequence[Clip],
    origin: Origin | None = None,
    progress: Progress = silent,
) -> Iterator[Session]:
    """Asks fairseq once about the clips; it stays quiet while the context lasts.

    Args:
        prepared: The checkpoint.
        clips: What to ask about.
        origin: Whom to ask; the fairseq of this process by default.
        progress: Hears of a recorder in another Python.

    Raises:
        BadInput: fairseq is not installed or cannot build this checkpoint, or a recording cannot
            be used.
    """
    whom = origin or Origin()
    with whom.ask(prepared, clips, progress) as asked:
        yield make_session(prepared, clips, asked, whom.device)


def make_session(
    prepared: Prepared, clips: Sequence[Clip], asked: Asked, device: str = "cpu"
) -> Session:
    """What fairseq says of the clips, for diffs.

    Raises:
        NotRecorded: a recording does not know a clip.
    """
    import torch

    records = [
        prepared.task.kind.record(
            asked.reference,
            clip.name,
            torch.from_numpy(clip.waveform),
            prepared.task.search,
            tag_of(prepared, clip),
        )
        for clip in clips
    ]
    texts = [clip.transcript for clip in clips if clip.transcript]
    return Session(
        prepared=prepared,
        asked=asked,
        truth=make_truth(prepared, expect_texts(prepared, asked.reference, texts)),
        records=tuple(records),
        clips=tuple(map(_facts_of, clips)),
        device=device,
    )


def _facts_of(clip: Clip) -> ClipFacts:
    return ClipFacts(name=clip.name, duration_s=clip.duration_s, sha256=clip.sha256)


def diff_folder(session: Session, folder: Path, book: Sketchbook | None = None) -> Result:
    """Everything that is wrong with one folder; draws what it compares in `book`.

    Raises:
        BadInput: it is no folder with weights.
    """
    view, kind = view_folder(folder), session.prepared.task.kind
    inventory = take_inventory(session.truth, view)
    replayed = _replay(session, folder, book)
    rows, refusal = replayed.rows, replayed.refusal
    levels = (*static_levels(session.truth, kind, view, inventory), _modules_level(rows))
    twins = session.truth.twins
    findings = find_faults(
        Evidence(
            inventory=(*inventory, *replayed.left_out),
            modules=rows,
            levels=levels,
            kinds=kind.finding_kinds,
            twins=twins,
        )
    )
    if replayed.training:
        findings = (*findings, in_training(replayed.training))
    if refusal is not None and not inventory:
        findings = (unusable(refusal),)
    undoable = any(f.target_parameters or f.config_keys for f in findings)
    if undoable and smallest_failing(rows):
        findings = _confirmed(session, view, findings)
    result = _result(session, folder, replayed, levels, findings)
    result = replace(result, notes=take_notes(session.truth, view))
    if book is None:
        return result
    return replace(result, pictures=finish_pictures(book, session.truth, view, findings))


def reproduce(
    session: Session, folder: Path, findings: Sequence[Finding], destination: Path
) -> None:
    """Writes the minimal reproduction of every module that errs without an explanation."""
    unexplained = {f.target_module for f in findings if f.kind == "wiring" and f.target_module}
    if not unexplained:
        return
    if session.asked.model is None:
        raise BadInput(
            "`--reproduction` must store weights of fairseq's model, but a recording stands for "
            "that model. Run fairseq in this environment, or leave `--reproduction` out."
        )
    target = session.prepared.task.kind.target(folder, lenient=True, device=session.device)
    record = session.records[0]
    calls = own_calls(target, record)
    models = (target.model, session.asked.model)
    pairs = pair_with(session.prepared, session.asked.source.paths, target).pairs
    with target.exact():
        for pair in pairs:
            if pair.target in unexplained:
                made, received = calls[pair.target][0], record.calls[pair.source][0]
                write_reproduction(destination / pair.target, pair, *models, made, received)


@dataclass(frozen=True, kw_only=True)
class _Replayed:
    """What the modules of a folder do by themselves."""

    rows: tuple[ModuleRow, ...] = ()
    clips: tuple[ClipCoverage, ...] = ()
    uncompared: tuple[Reason, ...] = ()
    training: tuple[str, ...] = ()
    """Modules that are in training mode after loading."""
    left_out: tuple[Finding, ...] = ()
    """What fairseq does without, although the checkpoint has it."""
    refusal: str | None = None
    """Why there are no modules: what transformers said when it could not load the folder."""


def _replay(session: Session, folder: Path, book: Sketchbook | None = None) -> _Replayed:
    try:
        target = session.prepared.task.kind.target(
            folder, lenient=True, vetted=True, device=session.device
        )
    except BadInput as error:
        return _Replayed(refusal=str(error))
    pairing = pair_with(session.prepared, session.asked.source.paths, target)
    measured = [
        find_errors(target, session.asked.source, pairing, record, book)
        for record in session.records
    ]
    rows = name_culprits(module_rows(measured, target.kind_of), session.truth.twins)
    return _Replayed(
        rows=rows,
        clips=tuple(
            clip_coverage(facts, frames_in(errors, pairing), errors)
            for facts, errors in zip(session.clips, measured, strict=True)
        ),
        uncompared=tuple(_uncompared(pairing, rows)),
        training=tuple(path for path, module in target.model.named_modules() if module.training),
        left_out=find_left_out(
            session.prepared.proof, pairing.uncompared, session.prepared.network.formats
        ),
    )


def _uncompared(pairing: Pairing, rows: Sequence[ModuleRow]) -> Iterator[Reason]:
    """Modules that were not reached, and those without a counterpart, which diff looks through."""
    reached = {row.target for row in rows}
    for pair in pairing.pairs:
        if pair.target not in reached:
            yield Reason(name=pair.target, because="the model stops before it, or calls it twice")
    for path, reason in pairing.uncompared:
        yield reason or Reason(name=path, because="fairseq has no module with its parameters")


def _modules_level(rows: Sequence[ModuleRow]) -> Level:
    failing = [row for row in rows if row.verdict == "fail"]
    culprits = [row for row in failing if row.fails_in is None]
    measure = Measure(
        name="modules that differ by themselves",
        where=", ".join(row.target for row in culprits[:3]),
        error=float(len(culprits)),
        tolerance=tolerances.EXACT,
        unit="modules",
        compared=len(rows),
    )
    right = [row.isolated_error for row in rows if row.verdict == "pass"]
    wrong = [row.isolated_error for row in failing]
    gap = f"right ones up to {max(right, default=0.0):.1e}"
    gap += f", wrong ones from {min(wrong):.1e}" if wrong else ""
    return Level(name="modules", measures=(measure,), summary=f"{len(rows)} replayed: {gap}")


def _confirmed(
    session: Session, view: FolderView, findings: tuple[Finding, ...]
) -> tuple[Finding, ...]:
    """The findings after all were undone at once in a copy, and the modules replayed.

    What fails no more is confirmed; what still fails is added as a fault of the wiring. In a part
    whose class cannot express the checkpoint's, modules fail whatever is undone.
    """
    with tempfile.TemporaryDirectory(prefix="toolkit-undo-") as name:
        undone = Path(name) / "undone"
        _undo(session, view, findings, undone)
        replayed = _replay(session, undone)
    misfits = session.truth.contents.misfits
    failing = smallest_failing(replayed.rows)
    left = tuple(row for row in failing if not any(m.holds(row.target) for m in misfits))
    left = tuple(row for row in left if not explains(replayed.left_out, row.target))
    if replayed.refusal is None and not left:
        return findings
    doubted = [replace(finding, hypothesis=_doubted(finding.hypothesis)) for finding in findings]
    known = {finding.target_module for finding in findings}
    remaining = find_faults(Evidence(inventory=(), modules=left, levels=()))
    return (*doubted, *(f for f in remaining if f.target_module not in known))


def _doubted(hypothesis: Hypothesis | None) -> Hypothesis | None:
    return None if hypothesis is None else replace(hypothesis, confirmed=False)


def _undo(session: Session, view: FolderView, findings: Sequence[Finding], folder: Path) -> None:
    """A copy of the folder with every finding undone, and nothing else."""
    copy_without_weights(view.path, folder)
    undo_tensors(view, session.truth.tensors, findings, folder)
    undo_keys(session.truth.contents, findings, folder)


def _is_missing(finding: Finding) -> bool:
    return finding.hypothesis is not None and bool(finding.hypothesis.detail.get("missing"))


def _result(
    session: Session,
    folder: Path,
    replayed: _Replayed,
    levels: tuple[Level, ...],
    findings: tuple[Finding, ...],
) -> Result:
    prepared, plan = session.prepared, session.prepared.proof
    rows, files = replayed.rows, folder_digests(folder)
    twins = {tie.target: tie.target_twin for tie in plan.ties}
    absent = {name for f in findings if _is_missing(f) for name in f.target_parameters}
    return Result(
        command="diff",
        **prepared.task.kind.told,
        **told_of_source(prepared),
        target=Artifact(path=spelled(folder), sha256=combine(files)),
        target_files=files,
        coverage=measure_coverage(
            plan,
            beside=prepared.checkpoint.left_out,
            owners=parameterized(plan, prepared.network.unpaired),
            tensors=[name for name in plan.targets if twins.get(name, name) not in absent],
            modules=[row.target for row in rows],
            uncompared=replayed.uncompared,
            clips=replayed.clips,
        ),
        levels=levels,
        findings=findings,
        modules=rows,
        assumptions=prepared.assumptions,
        environment=environment() | gpu_facts(session.device) | dict(session.asked.environment),
    )
