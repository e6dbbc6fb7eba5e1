"""A verification in shards, each of which may run in a process of its own: plan, measure, judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from toolkit.audio import Outline
from toolkit.compare.pictures import Sketchbook
from toolkit.core.progress import silent
from toolkit.core.result import Result
from toolkit.families import Derived
from toolkit.folder.admission import check_folder
from toolkit.folder.view import view_folder
from toolkit.oracle.failing import DOES_NOT_RUN
from toolkit.pipeline.case import Case, on_trial
from toolkit.pipeline.clips import efforts_for, outlines_for, tag_of, together
from toolkit.pipeline.judging import judge, judge_files
from toolkit.pipeline.likelihood import with_likely
from toolkit.pipeline.origin import Origin
from toolkit.pipeline.preflight import expect_all_at_hand
from toolkit.pipeline.prepare import Inputs, Prepared, prepare
from toolkit.pipeline.resources import fitting_resources
from toolkit.pipeline.shards import (
    UNLOADED,
    Drawing,
    Failure,
    Merged,
    PlannedClip,
    Shard,
    ShardPlan,
    deal,
    expect_unchanged,
    merge,
)
from toolkit.pipeline.verification import drawn, expecting, run_clips, told, why_not_run
from toolkit.replay.target import DoesNotLoad
from toolkit.session.requests.verify import Verify
from toolkit.trial.bench import AnyBench, Run
from toolkit.trial.effort import Effort, in_order


def plan_shards(request: Verify, address: str, clips_per_shard: int) -> ShardPlan:
    """Everything that depends on all clips; no sound but that of a few clips is kept in memory.

    Args:
        request: What is verified.
        address: What the plan is known by.
        clips_per_shard: Most clips of one shard.

    Raises:
        BadInput: a file, folder or device cannot be used, or fairseq is not installed.
        BrokenRule: the family's rules do not cover the checkpoint.
    """
    expect_all_at_hand(request)
    inputs = _inputs(request)
    likely = with_likely(prepare(inputs), inputs, request.audio)
    prepared = prepare(likely)
    outlines = outlines_for(prepared, request.named(prepared.task.kind.medium))
    efforts = efforts_for(prepared, outlines, beam=request.beam, thorough=request.thorough)
    again = _heard_again(prepared, outlines, efforts)
    shards = deal(outlines, efforts, clips_per_shard)
    is_cut = len(shards) > 1
    return ShardPlan(
        address=address,
        clips=tuple(
            PlannedClip(clip=clip, effort=effort, is_heard_again=number in again)
            for number, (clip, effort) in enumerate(zip(outlines, efforts, strict=True))
        ),
        shards=shards,
        chosen=likely.chosen,
        prefix=_longest_said(prepared, request, outlines, efforts) if is_cut else None,
        drawn=tuple(drawn(outlines, efforts)),
    )


def measure_shard(request: Verify, plan: ShardPlan, number: int) -> Shard:
    """What both models make of a shard's clips, each of which is in memory by itself.

    Args:
        request: What is verified.
        plan: Made for the same request.
        number: Which shard.

    Raises:
        BadInput: a file cannot be used, or changed since the plan was made.
    """
    with _opened(request, plan.chosen) as case:
        book = Sketchbook(pairs_of=plan.drawn)
        runs: dict[int, Run] = {}
        failure = _run_all(case, plan, number, runs, book)
        artifacts = case.artifacts
        return Shard(
            address=plan.address,
            number=number,
            runs=runs,
            drawing=Drawing(clips=book.clips, pairs=tuple(book.pairs), flow=book.flow),
            source_sha256=artifacts["source"].sha256,
            target_sha256=artifacts["target"].sha256,
            failure=failure,
        )


def judge_shards(request: Verify, plan: ShardPlan, shards: Sequence[Shard]) -> Result:
    """The verdict on all clips, with what is compared of the whole folder.

    Args:
        request: What is verified.
        plan: Made for the same request.
        shards: All of them, in any order.

    Raises:
        InternalError: a shard or a clip is lost, doubled, or of another plan.
        BadInput: the checkpoint or the folder changed between shards.
    """
    merged = merge(plan, shards)
    with _opened(request, plan.chosen) as case:
        result = _judged(case, merged)
    expect_unchanged({merged.source_sha256, result.source.sha256}, "checkpoint")
    expect_unchanged({merged.target_sha256, result.target.sha256}, "folder")
    return told(replace(result, shards=len(shards)), request)


def _inputs(request: Verify) -> Inputs:
    check_folder(request.hf_dir)
    return expecting(request.part(Inputs), request.hf_dir)


@contextmanager
def _opened(request: Verify, chosen: Mapping[str, Derived]) -> Iterator[Case]:
    """The folder on trial, with the values that were chosen for the plan."""
    prepared = prepare(replace(_inputs(request), chosen=chosen))
    origin = request.part(Origin)
    asked = {"beam": request.beam, "thorough": request.thorough}
    with on_trial(prepared, request.hf_dir, (), origin, **asked, progress=silent) as case:
        yield case


def _heard_again(
    prepared: Prepared, clips: Sequence[Outline], efforts: Sequence[Effort]
) -> frozenset[int]:
    """The numbers of the clips whose sound is needed once more, when all were heard."""
    from toolkit.oracle.rows import choose_rows

    names = {clip.name for clip in together(prepared, clips)}
    alike = [number for number, clip in enumerate(clips) if clip.name in names]
    rows = choose_rows([clips[number].num_samples for number in alike])
    reloaded = (n for n, effort in enumerate(efforts) if effort.replayed or effort.searched)
    return frozenset({*(alike[row] for row, _ in rows), *reloaded})


def _longest_said(
    prepared: Prepared, request: Verify, clips: Sequence[Outline], efforts: Sequence[Effort]
) -> tuple[int, ...] | None:
    """What a decoder is given of clips that are not searched; None where there is none of either.

    It is the longest that fairseq says of those that are, the first of several.
    """
    import torch

    from toolkit.tasks.speech.prefixes import find_prefix

    task = prepared.task
    if len(task.kind.beams) < 2 or all(effort.searched for effort in efforts):
        return None
    longest: tuple[int, ...] = ()
    origin = request.part(Origin)
    with fitting_resources(prepared.plan), origin.ask(prepared, (), silent) as asked:
        for number in in_order(efforts):
            if efforts[number].searched:
                clip = clips[number].read()
                source = asked.reference.front_end(torch.from_numpy(clip.waveform))
                tag = tag_of(prepared, clip)
                found = find_prefix(asked.reference, source, task.search, tag)
                longest = max(longest, found, key=len)
    return longest


def _run_all(
    case: Case, plan: ShardPlan, number: int, runs: dict[int, Run], book: Sketchbook
) -> Failure | None:
    """Runs the clips of a shard one after the other, until one fails."""
    try:
        bench = case.load()
    except DoesNotLoad as error:
        return Failure(at=UNLOADED, because=str(error))
    own = frozenset(plan.shards[number])
    for clip in (clip for clip in plan.order if clip in own):
        try:
            runs[clip] = _run(case, bench, plan, plan.clips[clip], book)
        except DOES_NOT_RUN as error:
            return Failure(at=clip, because=why_not_run(error))
    return None


def _run(
    case: Case, bench: AnyBench, plan: ShardPlan, planned: PlannedClip, book: Sketchbook
) -> Run:
    clip, efforts = planned.clip.read(), [planned.effort]
    (run,) = run_clips(case, bench, [clip], efforts, book, prefix=plan.prefix)
    kept = replace(run, clip=replace(planned.clip, file=None))
    return kept if planned.is_heard_again else kept.without_sound()


def _judged(case: Case, merged: Merged) -> Result:
    """The verdict, by the files alone where the model does not load or run."""
    if merged.failure is not None:
        view = view_folder(case.folder, vetted=True)
        return judge_files(case, view, merged.failure.because)
    return judge(case, case.load(), merged.runs, merged.drawing)
