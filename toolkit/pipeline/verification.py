"""The proof: every level of a task, from tensors to what is said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from toolkit.audio import Clip
from toolkit.compare.evidence import judge_transcripts
from toolkit.compare.pictures import Sketchbook, shortest
from toolkit.core.artifact import Artifact, FileDigest
from toolkit.core.coverage import Coverage, Reason
from toolkit.core.origin import spelled
from toolkit.core.progress import Progress, silent
from toolkit.core.result import Result, Suspicion
from toolkit.core.tokens import ClipTokens
from toolkit.diagnosis import Evidence, find_faults, take_inventory, take_notes
from toolkit.diagnosis.findings import name_culprits
from toolkit.folder.admission import check_folder
from toolkit.folder.background import Background
from toolkit.folder.digest import combine, folder_digests
from toolkit.folder.view import FolderView, view_folder
from toolkit.pipeline.basics import environment
from toolkit.pipeline.clips import efforts_for, is_in_own_language, size_of, tag_of
from toolkit.pipeline.files_alone import judge_files
from toolkit.pipeline.forms import maybe_language_of, read_form, read_tags
from toolkit.pipeline.origin import Asked, Origin
from toolkit.pipeline.pairing import pair_with
from toolkit.pipeline.picturing import finish_pictures
from toolkit.pipeline.preflight import expect_all_at_hand
from toolkit.pipeline.prepare import Inputs, Prepared
from toolkit.pipeline.reproduce import command_line
from toolkit.pipeline.resources import fitting_resources
from toolkit.pipeline.sources import Told, told_of_source
from toolkit.pipeline.truth import expect_texts, make_truth
from toolkit.replay.pairs import parameterized
from toolkit.replay.replay import DOES_NOT_RUN, has_gpu_failed
from toolkit.replay.target import DoesNotLoad, Target
from toolkit.session.device import gpu_facts
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.diff import Diff
from toolkit.session.requests.verify import Verify
from toolkit.tasks import Measurements
from toolkit.trial.bench import AnyBench, Bench, Run
from toolkit.trial.coverage import clip_coverage, measure_coverage
from toolkit.trial.duration import describe_seconds, estimate_seconds, measure_speed
from toolkit.trial.effort import Effort, describe_effort
from toolkit.trial.rows import module_rows


@keywords_of(Verify)
def verify(request: Verify) -> Result:
    """Proves that a Hugging Face folder does what a fairseq checkpoint does, or says where not.

    Raises:
        BadInput: a file, folder or device cannot be used, or fairseq is not installed.
        BrokenRule: the family's rules do not cover the checkpoint.
    """
    from toolkit.pipeline.choosing import prepare_with

    origin = request.part(Origin)
    expect_all_at_hand(request)
    check_folder(request.hf_dir)
    inputs = expecting(request.part(Inputs), request.hf_dir)
    prepared = prepare_with(inputs, request.recording, request.audio)
    result = prove(
        prepared,
        request.hf_dir,
        origin.read_clips(prepared, request.audio),
        origin,
        beam=request.beam,
        thorough=request.thorough,
        progress=request.progress or silent,
    )
    further = command_line(request.part(Diff)) if result.verdict == "mismatch" else ""
    return replace(result, reproduce=command_line(request), next=further)


def prove(
    prepared: Prepared,
    folder: Path,
    clips: Sequence[Clip],
    origin: Origin,
    *,
    beam: bool = True,
    thorough: bool = False,
    progress: Progress,
) -> Result:
    """All levels of a folder against a prepared checkpoint.

    Args:
        prepared: The checkpoint.
        folder: The folder; `check_folder` admitted it, or a conversion has just written it.
        clips: What to run both on.
        origin: Whom to ask for fairseq's side.
        beam: Whether to compare searches with a beam.
        thorough: Whether to compare every clip in every way.
        progress: Called before every step.

    Raises:
        BadInput: fairseq cannot build the checkpoint, or torch has no such device.
    """
    progress("loading both models", 0, len(clips) + 2)
    with (
        Background(prepared.checkpoint.sha256),
        Background(partial(folder_digests, folder)) as hashing,
        fitting_resources(prepared.plan),
        origin.ask(prepared, clips, progress) as asked,
    ):
        case = _Case(
            prepared=prepared,
            folder=folder,
            hashing=hashing,
            beam=beam,
            efforts=efforts_for(prepared, clips, beam=beam, thorough=thorough),
            device=origin.device,
            made_with=asked.environment,
            recorded=asked.model is None,
        )
        try:
            target = prepared.task.kind.target(folder, vetted=True, device=origin.device)
        except DoesNotLoad as error:
            return _judge_files(case, asked, view_folder(folder, vetted=True), str(error))
        bench = make_bench(prepared, asked, target)
        book = Sketchbook(pairs_of=case.drawn(clips))
        try:
            runs = tuple(_run_clips(case, bench, clips, progress, book))
        except DOES_NOT_RUN as error:
            if has_gpu_failed(error):
                raise
            return _judge_files(case, asked, target.view, f"the model does not run: {error}")
        progress("padded batch and reload", len(clips) + 1, len(clips) + 2)
        result = _judge(case, bench, runs, book)
    progress("done", len(clips) + 2, len(clips) + 2)
    return result


def expecting(inputs: Inputs, folder: Path) -> Inputs:
    """The inputs for a folder that is there: it is judged in the classes that it is written in.

    Its own language counts where neither the user nor the checkpoint names one.
    """
    form = read_form(folder)
    carried = form is not None and form.carries_code
    return replace(
        inputs,
        exact_padding=inputs.exact_padding or carried,
        folder_tags=tuple(read_tags(folder)),
        folder_language=maybe_language_of(folder),
        form=form,
    )


def make_bench(prepared: Prepared, asked: Asked, target: Target) -> AnyBench:
    """Both models with the module pairs that the mapping implies.

    Raises:
        BrokenRule: a pair has no layout or several.
    """
    return Bench(
        reference=asked.reference,
        source=asked.source,
        target=target,
        pairing=pair_with(prepared, asked.source.paths, target),
        search=prepared.task.search,
    )


@dataclass(frozen=True, kw_only=True)
class _Case:
    """What is on trial."""

    prepared: Prepared
    folder: Path
    hashing: Background[dict[str, FileDigest]]
    """The digests of the folder's files, while the models load."""
    beam: bool
    """Whether searches with a beam are compared."""
    efforts: tuple[Effort, ...]
    """What is compared on each clip."""
    device: str
    """Where both models run."""
    recorded: bool
    """Whether a recording answers for fairseq."""
    made_with: Mapping[str, str]
    """Versions of what answered for fairseq, if not this environment."""

    def drawn(self, clips: Sequence[Clip]) -> list[str]:
        """The clips whose modules are drawn: the shortest of those that are replayed."""
        replayed = [c for c, effort in zip(clips, self.efforts, strict=True) if effort.replayed]
        return [clip.name for clip in shortest(replayed)]

    @property
    def artifacts(self) -> Told:
        """What a result says of the checkpoint and the folder."""
        files = self.hashing.result()
        return {
            **told_of_source(self.prepared),
            "target": Artifact(path=spelled(self.folder), sha256=combine(files)),
            "target_files": files,
        }

    @property
    def environment(self) -> dict[str, str]:
        return {**environment(), **gpu_facts(self.device), **self.made_with}


def _run_clips(
    case: _Case, bench: AnyBench, clips: Sequence[Clip], progress: Progress, book: Sketchbook
) -> Iterator[Run]:
    """What both models make of the clips; first those of which most is asked.

    A decoder is given what fairseq says of the clip, or of a clip that was searched, if this one
    is not. A recording knows what fairseq says of each.
    """
    seconds = estimate_seconds(size_of(case.prepared, clips), case.efforts, measure_speed())
    planned = f"{describe_effort(case.efforts)}{describe_seconds(seconds)}"
    progress(f"comparing {planned}", 0, len(clips) + 2)
    prefix: tuple[int, ...] | None = None
    runs: dict[str, Run] = {}
    order = sorted(range(len(clips)), key=lambda i: not case.efforts[i].searched)
    for done, index in enumerate(order, start=1):
        clip = clips[index]
        progress(f"comparing {clip.name}", done, len(clips) + 2)
        run = case.prepared.task.kind.run(
            bench,
            clip,
            tag=tag_of(case.prepared, clip),
            effort=case.efforts[index],
            prefix=None if case.recorded else prefix,
            book=book,
        )
        prefix = max(prefix or (), run.prefix, key=len)
        runs[clip.name] = run
    yield from (runs[clip.name] for clip in clips)


def _judge(case: _Case, bench: AnyBench, runs: tuple[Run, ...], book: Sketchbook) -> Result:
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
    )
    truth = make_truth(prepared, measured.vocabulary)
    levels = kind.judge(measured, {} if case.beam else {"beam": "--no-beam"})
    rows = name_culprits(module_rows((run.pairs for run in runs), target.kind_of), truth.twins)
    tokens = tuple(kind.tokens(run) for run in runs if run.effort.searched)
    inventory = take_inventory(truth, target.view)
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
        pictures=finish_pictures(book, truth, target.view, faults, tokens),
    )


def _judge_files(case: _Case, asked: Asked, view: FolderView, because: str) -> Result:
    """What can be said of a folder whose model does not load or run: what its files hold."""
    prepared = case.prepared
    truth = make_truth(prepared, expect_texts(prepared, asked.reference, ()))
    levels, findings = judge_files(truth, prepared.task.kind, view, because)
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
