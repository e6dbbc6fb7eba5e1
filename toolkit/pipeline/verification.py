"""The proof: every level of a task, from tensors to what is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from toolkit.audio import Clip, Outline
from toolkit.compare.pictures import Sketchbook, shortest
from toolkit.core.progress import Progress, silent
from toolkit.core.result import Result
from toolkit.folder.admission import check_folder
from toolkit.folder.view import view_folder
from toolkit.oracle.failing import DOES_NOT_RUN, has_gpu_failed
from toolkit.pipeline.case import Case, on_trial
from toolkit.pipeline.clips import efforts_for, size_of, tag_of
from toolkit.pipeline.forms import maybe_language_of, read_form, read_tags
from toolkit.pipeline.judging import judge, judge_files
from toolkit.pipeline.origin import Origin
from toolkit.pipeline.preflight import expect_all_at_hand
from toolkit.pipeline.prepare import Inputs, Prepared
from toolkit.pipeline.reproduce import command_line
from toolkit.replay.target import DoesNotLoad
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.diff import Diff
from toolkit.session.requests.verify import Verify
from toolkit.trial.bench import AnyBench, Run
from toolkit.trial.duration import describe_seconds, estimate_seconds, measure_speed
from toolkit.trial.effort import Effort, describe_effort, in_order


@keywords_of(Verify)
def verify(request: Verify) -> Result:
    """Proves that a Hugging Face folder does what a fairseq checkpoint does, or says where not.

    Raises:
        BadInput: a file, folder or device cannot be used, or fairseq is not installed.
        BrokenRule: the family's rules do not cover the checkpoint.
    """
    from toolkit.pipeline.choosing import prepare_with

    expect_all_at_hand(request)
    check_folder(request.hf_dir)
    inputs = expecting(request.part(Inputs), request.hf_dir)
    prepared = prepare_with(inputs, request.recording, request.audio)
    return told(prove_as_asked(request, prepared), request)


def prove_as_asked(request: Verify, prepared: Prepared) -> Result:
    """Holds a checkpoint against the folder of a request, in all that this asks.

    Raises:
        BadInput: a clip or the device cannot be used.
    """
    origin = request.part(Origin)
    return prove(
        prepared,
        request.hf_dir,
        origin.read_clips(prepared, request.named(prepared.task.kind.medium)),
        origin,
        beam=request.beam,
        thorough=request.thorough,
        pictures=request.pictures,
        progress=request.progress or silent,
    )


def told(result: Result, request: Verify) -> Result:
    """A result with the command that gives it again, and the one that explains a mismatch."""
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
    pictures: bool = False,
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
        pictures: Whether to draw what a report shows.
        progress: Called before every step.

    Raises:
        BadInput: fairseq cannot build the checkpoint, or torch has no such device.
    """
    progress("loading both models", 0, len(clips) + 2)
    efforts = efforts_for(prepared, clips, beam=beam, thorough=thorough)
    asked = {"beam": beam, "thorough": thorough}
    with on_trial(prepared, folder, clips, origin, **asked, progress=progress) as case:
        try:
            bench = case.load()
        except DoesNotLoad as error:
            return judge_files(case, view_folder(folder, vetted=True), str(error))
        book = Sketchbook(pairs_of=drawn(clips, efforts)) if pictures else None
        say_what_follows(prepared, clips, efforts, progress)
        try:
            runs = tuple(run_clips(case, bench, clips, efforts, book, progress=progress))
        except DOES_NOT_RUN as error:
            return judge_files(case, bench.target.view, why_not_run(error))
        progress("padded batch and reload", len(clips) + 1, len(clips) + 2)
        result = judge(case, bench, runs, book)
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


def drawn(clips: Sequence[Clip | Outline], efforts: Sequence[Effort]) -> list[str]:
    """The clips whose modules are drawn: the shortest of those that are replayed."""
    replayed = [clip for clip, effort in zip(clips, efforts, strict=True) if effort.replayed]
    return [clip.name for clip in shortest(replayed)]


def say_what_follows(
    prepared: Prepared, clips: Sequence[Clip], efforts: Sequence[Effort], progress: Progress
) -> None:
    """Says what is going to be compared, and how long that takes."""
    seconds = estimate_seconds(size_of(prepared, clips), efforts, measure_speed())
    planned = (
        f"{describe_effort(efforts, prepared.task.kind.medium.many)}{describe_seconds(seconds)}"
    )
    progress(f"comparing {planned}", 0, len(clips) + 2)


def run_clips(
    case: Case,
    bench: AnyBench,
    clips: Sequence[Clip],
    efforts: Sequence[Effort],
    book: Sketchbook | None,
    *,
    prefix: tuple[int, ...] | None = None,
    progress: Progress = silent,
) -> Iterator[Run]:
    """What both models make of the clips; first those of which most is asked.

    A decoder is given what fairseq says of the clip, or of a clip that was searched, if this one
    is not. A recording knows what fairseq says of each.

    Args:
        case: What is on trial.
        bench: Both models.
        clips: The clips.
        efforts: What is compared on each.
        book: Where to draw what is compared, if anywhere.
        prefix: The longest that fairseq says of clips that are searched elsewhere.
        progress: Called before every clip.
    """
    recorded = case.asked.model is None
    runs: dict[str, Run] = {}
    for done, index in enumerate(in_order(efforts), start=1):
        clip = clips[index]
        progress(f"comparing {clip.name}", done, len(clips) + 2)
        run = case.prepared.task.kind.run(
            bench,
            clip,
            tag=tag_of(case.prepared, clip),
            effort=efforts[index],
            prefix=None if recorded else prefix,
            book=book,
        )
        prefix = max(prefix or (), run.prefix, key=len)
        runs[clip.name] = run
    yield from (runs[clip.name] for clip in clips)


def why_not_run(error: BaseException) -> str:
    """What is said of a model that loads and does not run.

    Raises:
        BaseException: the GPU failed, not the model.
    """
    if has_gpu_failed(error):
        raise error
    return f"the model does not run: {error}"
