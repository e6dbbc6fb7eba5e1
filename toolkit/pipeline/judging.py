"""The verdict on what both models made of all clips."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.compare.evidence import judge_transcripts
from toolkit.compare.pictures import Drawn
from toolkit.compare.static import right_in_files
from toolkit.core.coverage import Coverage, Reason
from toolkit.core.result import Result, Suspicion
from toolkit.core.tokens import ClipTokens
from toolkit.diagnosis import Evidence, Known, find_faults, take_inventory, take_notes
from toolkit.diagnosis.findings import name_culprits
from toolkit.diagnosis.left_out import find_left_out
from toolkit.folder.view import FolderView
from toolkit.pipeline import files_alone
from toolkit.pipeline.case import Case
from toolkit.pipeline.clips import is_in_own_language
from toolkit.pipeline.picturing import finish_pictures
from toolkit.pipeline.prepare import Prepared
from toolkit.pipeline.truth import expect_texts, make_truth
from toolkit.replay.pairs import parameterized
from toolkit.tasks import Measurements
from toolkit.tasks.base import AnyMeasurements
from toolkit.trial.bench import AnyBench, Run
from toolkit.trial.coverage import clip_coverage, measure_coverage
from toolkit.trial.rows import module_rows


def judge(case: Case, bench: AnyBench, runs: tuple[Run, ...], drawing: Drawn | None) -> Result:
    """The verdict on what both models made of all clips.

    Args:
        case: What is on trial.
        bench: Both models.
        runs: What they made of each clip.
        drawing: What was drawn of it, if anything was.
    """
    prepared = case.prepared
    target, kind = bench.target, prepared.task.kind
    measured = Measurements(
        kind=kind,
        bench=bench,
        runs=runs,
        checkpoint=prepared.checkpoint,
        plan=prepared.proof,
        contents=prepared.task.contents,
        padding=prepared.task.padding,
        texts=kind.texts(runs),
        thorough=case.thorough,
    )
    truth = make_truth(prepared, measured.vocabulary)
    levels = kind.judge(measured, {} if case.beam else {"beam": "--no-beam"})
    rows = name_culprits(module_rows((run.pairs for run in runs), target.kind_of), truth.twins)
    tokens = tuple(kind.tokens(run) for run in runs if run.effort.searched)
    left_out = find_left_out(truth.plan, bench.pairing.uncompared, prepared.network.formats)
    inventory = (*take_inventory(truth, target.view, _known(measured)), *left_out)
    faults = find_faults(
        Evidence(
            inventory=inventory,
            modules=rows,
            levels=levels,
            kinds=kind.finding_kinds,
            twins=truth.twins,
        )
    )
    return Result(
        command="verify",
        **prepared.task.kind.told,
        **case.artifacts,
        coverage=_coverage(prepared, bench, runs),
        levels=levels,
        deviations=tuple(kind.deviations(levels, prepared.task.padding)),
        cautions=tuple(kind.cautions(levels)),
        suspicious=_suspicions(prepared, runs, tokens),
        findings=faults,
        notes=take_notes(truth, target.view),
        tokens=tokens,
        modules=rows,
        assumptions=prepared.assumptions,
        environment=case.environment,
        pictures=None
        if drawing is None
        else finish_pictures(drawing, truth, target.view, faults, tokens),
    )


def _known(measured: AnyMeasurements) -> Known:
    """What the levels have compared of the folder's files."""
    target = measured.bench.target
    tokenizer = target.view.tokenizer
    is_asked = tokenizer is not None and tokenizer is getattr(target, "tokenizer", None)
    return Known(
        right=right_in_files(measured.weights, target),
        vocabulary=measured.vocabulary_differences if is_asked and measured.vocabulary else None,
    )


def judge_files(case: Case, view: FolderView, because: str) -> Result:
    """What can be said of a folder whose model does not load or run: what its files hold."""
    prepared = case.prepared
    truth = make_truth(prepared, expect_texts(prepared, case.asked.reference, ()))
    levels, findings = files_alone.judge_files(truth, prepared.task.kind, view, because)
    return Result(
        command="verify",
        **prepared.task.kind.told,
        **case.artifacts,
        levels=levels,
        findings=findings,
        notes=take_notes(truth, view),
        assumptions=prepared.assumptions,
        environment=case.environment,
    )


def _suspicions(
    prepared: Prepared, runs: Sequence[Run], tokens: Sequence[ClipTokens]
) -> tuple[Suspicion, ...]:
    own = {run.clip.name for run in runs if is_in_own_language(prepared, run.clip)}
    spoken = [said for said in tokens if said.clip in own]
    sidecars = prepared.sidecars
    files = [] if sidecars.dict_path is None else [f"the dictionary `{sidecars.dict_path}`"]
    if sidecars.spm_path is not None:
        files.append(f"the sentencepiece model `{sidecars.spm_path}`")
    return judge_transcripts(spoken, files)


def _coverage(prepared: Prepared, bench: AnyBench, runs: Sequence[Run]) -> Coverage:
    plan, state = prepared.proof, bench.target.state()
    undeclared = "no reason is declared: this is a failure"
    return measure_coverage(
        plan,
        beside=prepared.checkpoint.left_out,
        owners=parameterized(plan, prepared.network.unpaired),
        tensors=[name for name in plan.targets if name in state],
        modules=[pair.target for pair in bench.pairing.pairs],
        uncompared=[
            reason or Reason(name=path, because=undeclared)
            for path, reason in bench.pairing.uncompared
        ],
        clips=[clip_coverage(run.clip, run.frames, run.pairs) for run in runs],
    )
