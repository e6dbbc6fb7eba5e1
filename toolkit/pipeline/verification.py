"""The proof: ten levels, from tensors to tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from toolkit.audio import Clip
from toolkit.compare.evidence import judge_transcripts
from toolkit.compare.pictures import Sketchbook, shortest
from toolkit.compare.static import (
    config_level,
    weight_errors,
    weights_level,
)
from toolkit.compare.vocabulary import tokenizer_level
from toolkit.core.progress import Progress, silent
from toolkit.core.result import (
    Artifact,
    ClipTokens,
    Coverage,
    Deviation,
    Level,
    Reason,
    Result,
    Suspicion,
)
from toolkit.diagnosis import Evidence, find_faults, take_inventory, take_notes
from toolkit.diagnosis.findings import name_culprits
from toolkit.folder.admission import check_folder
from toolkit.folder.background import Background
from toolkit.folder.digest import folder_sha256
from toolkit.folder.view import FolderView, view_folder
from toolkit.pipeline.basics import environment
from toolkit.pipeline.clips import is_in_own_language, tag_of
from toolkit.pipeline.files_alone import judge_files
from toolkit.pipeline.forms import read_form, read_tags
from toolkit.pipeline.origin import Asked, Origin
from toolkit.pipeline.pairing import pair_with
from toolkit.pipeline.picturing import finish_pictures
from toolkit.pipeline.prepare import Inputs, Prepared
from toolkit.pipeline.reproduce import command_line
from toolkit.pipeline.resources import fitting_resources
from toolkit.pipeline.truth import expect_texts, make_truth
from toolkit.replay.pairs import parameterized
from toolkit.replay.replay import DOES_NOT_RUN, has_gpu_failed
from toolkit.replay.target import DoesNotLoad, Target
from toolkit.session.device import gpu_facts
from toolkit.session.keywords import keywords_of
from toolkit.session.request import Verify
from toolkit.trial.clip import Bench, ClipRun, run_clip
from toolkit.trial.coverage import clip_coverage, measure_coverage
from toolkit.trial.dynamic import (
    beam_left_out,
    beam_level,
    front_end_level,
    greedy_level,
    logits_level,
    modules_level,
    unexplained_modules,
)
from toolkit.trial.padding import padding_deviation, padding_level
from toolkit.trial.reload import reload_level
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
    check_folder(request.hf_dir)
    inputs = expecting(request.part(Inputs), request.hf_dir)
    prepared = prepare_with(inputs, request.recording)
    result = prove(
        prepared,
        request.hf_dir,
        origin.read_clips(prepared, request.audio),
        origin,
        beam=request.beam,
        progress=request.progress or silent,
    )
    return replace(result, reproduce=command_line(request))


def prove(
    prepared: Prepared,
    folder: Path,
    clips: Sequence[Clip],
    origin: Origin,
    *,
    beam: bool = True,
    progress: Progress,
) -> Result:
    """All levels of a folder against a prepared checkpoint.

    Args:
        prepared: The checkpoint.
        folder: The folder; `check_folder` admitted it, or a conversion has just written it.
        clips: What to run both on.
        origin: Whom to ask for fairseq's side.
        beam: Whether to compare searches with a beam.
        progress: Called before every step.

    Raises:
        BadInput: fairseq cannot build the checkpoint, or torch has no such device.
    """
    progress("loading both models", 0, len(clips) + 2)
    with (
        Background(prepared.checkpoint.sha256),
        Background(partial(folder_sha256, folder)) as hashing,
        fitting_resources(prepared.plan),
        origin.ask(prepared, clips, progress) as asked,
    ):
        case = _Case(
            prepared=prepared,
            folder=folder,
            hashing=hashing,
            beam=beam,
            device=origin.device,
            made_with=asked.environment,
        )
        try:
            target = Target(folder, vetted=True, device=origin.device)
        except DoesNotLoad as error:
            return _judge_files(case, asked, view_folder(folder, vetted=True), str(error))
        bench = make_bench(prepared, asked, target)
        book = Sketchbook(pairs_of=[clip.name for clip in shortest(clips)])
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
        form=form,
    )


def make_bench(prepared: Prepared, asked: Asked, target: Target) -> Bench:
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
    hashing: Background[str]
    """The digest of the folder, while the models load."""
    beam: bool
    """Whether searches with a beam are compared."""
    device: str
    """Where both models run."""
    made_with: Mapping[str, str]
    """Versions of what answered for fairseq, if not this environment."""

    @property
    def source(self) -> Artifact:
        checkpoint = self.prepared.checkpoint
        return Artifact(path=str(checkpoint.path), sha256=checkpoint.sha256())

    @property
    def target(self) -> Artifact:
        return Artifact(path=str(self.folder), sha256=self.hashing.result())

    @property
    def environment(self) -> dict[str, str]:
        return {**environment(), **gpu_facts(self.device), **self.made_with}


def _run_clips(
    case: _Case, bench: Bench, clips: Sequence[Clip], progress: Progress, book: Sketchbook
) -> Iterator[ClipRun]:
    for done, clip in enumerate(clips, start=1):
        progress(f"comparing {clip.name}", done, len(clips) + 2)
        yield run_clip(bench, clip, tag=tag_of(case.prepared, clip), beam=case.beam, book=book)


def _judge(case: _Case, bench: Bench, runs: tuple[ClipRun, ...], book: Sketchbook) -> Result:
    prepared = case.prepared
    contents, target = prepared.task.contents, bench.target
    uncompared = bench.pairing.uncompared
    weights = weight_errors(prepared.proof, prepared.checkpoint, target)
    truth = make_truth(prepared, expect_texts(prepared, bench.reference, _texts(runs)))
    padding = padding_level(bench, runs, prepared.task.padding)
    levels = (
        weights_level(weights, target),
        config_level(contents, target),
        tokenizer_level(truth.vocabulary, target.tokenizer),
        front_end_level(runs),
        modules_level(runs, unexplained_modules(uncompared, runs)),
        logits_level(runs, bench.pairing.tolerance()),
        greedy_level(runs),
        beam_level(runs) if case.beam else beam_left_out(),
        padding,
        reload_level(target, contents, prepared.proof, runs, bench.search),
    )
    measured = module_rows((run.pairs for run in runs), target.kind_of)
    rows = name_culprits(measured, truth.twins)
    inventory = take_inventory(truth, target.view)
    faults = find_faults(
        Evidence(inventory=inventory, modules=rows, levels=levels, twins=truth.twins)
    )
    return Result(
        command="verify",
        source=case.source,
        target=case.target,
        coverage=_coverage(prepared, bench, runs),
        levels=levels,
        deviations=tuple(_deviations(prepared, levels, padding)),
        suspicious=_suspicions(prepared, runs),
        findings=faults,
        notes=take_notes(truth, target.view),
        tokens=tuple(_tokens(run) for run in runs),
        modules=rows,
        assumptions=prepared.assumptions,
        environment=case.environment,
        pictures=finish_pictures(book, truth, target.view, faults),
    )


def _judge_files(case: _Case, asked: Asked, view: FolderView, because: str) -> Result:
    """What can be said of a folder whose model does not load or run: what its files hold."""
    prepared = case.prepared
    truth = make_truth(prepared, expect_texts(prepared, asked.reference, ()))
    levels, findings = judge_files(truth, view, because)
    return Result(
        command="verify",
        source=case.source,
        target=case.target,
        levels=levels,
        findings=findings,
        notes=take_notes(truth, view),
        assumptions=prepared.assumptions,
        environment=case.environment,
    )


def _texts(runs: Sequence[ClipRun]) -> list[str]:
    transcripts = [run.clip.transcript for run in runs if run.clip.transcript]
    return [*transcripts, *(run.greedy.reference_text for run in runs)]


def _deviations(prepared: Prepared, levels: Sequence[Level], padding: Level) -> Iterator[Deviation]:
    front_end = next(level for level in levels if level.name == "front_end").measures[0]
    if front_end.verdict == "deviation":
        yield Deviation(
            name="normalization_epsilon",
            summary=(
                "transformers' feature extractor adds 1e-7 to the variance, fairseq 1e-5: visible "
                "on quiet audio"
            ),
            where=front_end.where,
            max_error=front_end.error,
        )
    deviation = padding_deviation(padding, prepared.task.padding)
    if deviation is not None:
        yield deviation


def _suspicions(prepared: Prepared, runs: Sequence[ClipRun]) -> tuple[Suspicion, ...]:
    spoken = [_tokens(run) for run in runs if is_in_own_language(prepared, run.clip)]
    sidecars = prepared.sidecars
    files = [f"the dictionary `{sidecars.dict_path}`"]
    if sidecars.spm_path is not None:
        files.append(f"the sentencepiece model `{sidecars.spm_path}`")
    return judge_transcripts(spoken, files)


def _coverage(prepared: Prepared, bench: Bench, runs: Sequence[ClipRun]) -> Coverage:
    plan, state = prepared.proof, bench.target.model.state_dict()
    undeclared = "no reason is declared: this is a failure"
    return measure_coverage(
        plan,
        owners=parameterized(plan, prepared.network.unpaired),
        tensors=[name for name in plan.targets if name in state],
        modules=[pair.target for pair in bench.pairing.pairs],
        uncompared=[
            reason or Reason(name=path, because=undeclared)
            for path, reason in bench.pairing.uncompared
        ],
        clips=[
            clip_coverage(run.clip.name, run.clip.duration_s, run.frames, run.pairs) for run in runs
        ],
    )


def _tokens(run: ClipRun) -> ClipTokens:
    return ClipTokens(
        clip=run.clip.name,
        transcript=run.clip.transcript,
        greedy=run.greedy,
        beam=run.beam,
        pipeline_text=run.pipeline_text,
    )
