"""What a folder answers, held against a recording: no checkpoint, no mapping, no fairseq.

Without a mapping nobody knows which module answers to which, so that only levels are judged that
are about what a model gives: input, layers, logits, tokens, texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from toolkit.compare import tolerances
from toolkit.core.progress import Progress
from toolkit.oracle.failing import DOES_NOT_RUN, has_gpu_failed
from toolkit.oracle.search import Search
from toolkit.pipeline.origin import asked_of
from toolkit.pipeline.recorded import RecordedReference, expect_checkpoint
from toolkit.pipeline.recorded_index import RecordedClip, read_index
from toolkit.pipeline.resources import fitting_size
from toolkit.proof.audited import Against
from toolkit.proof.document import Verification
from toolkit.replay.target import DoesNotLoad, Target
from toolkit.session.device import exact_device
from toolkit.tasks.base import Answers, TaskKind
from toolkit.tasks.known import Described, find_kind
from toolkit.trial.bench import AnyBench, Bench, Run
from toolkit.trial.effort import Effort, plan_effort
from toolkit.trial.pairing import Pairing


def hold_against(
    recording: Path, folder: Path, proven: Verification, *, device: str, progress: Progress
) -> Against:
    """What the end-to-end levels of a folder come to against a recording.

    Args:
        recording: Folder that `toolkit record` wrote of the checkpoint that the folder is made of.
        folder: The folder, unchanged since it was written.
        proven: What its own file says of it.
        device: Where the model runs, in torch's words.
        progress: Called before every clip.

    Raises:
        BadInput: the recording cannot be used or is of another checkpoint, the folder is not to be
            trusted, or torch has no such device.
    """
    recorded, kind = open_recording(recording, proven), kind_of(proven)
    progress("loading the model", 0, len(recorded.index.clips) + 1)
    against = against_nothing(recorded, kind)
    with exact_device(device), fitting_size(proven.model.parameters):
        try:
            target = kind.target(folder, device=device)
        except DoesNotLoad as error:
            return replace(against, broken=str(error))
        try:
            bench = _make_bench(recorded, target, proven)
            runs = tuple(_run_clips(kind, bench, recorded, progress))
        except DOES_NOT_RUN as error:
            if has_gpu_failed(error):
                raise
            return replace(against, broken=f"the model does not run: {error}")
        answers = Answers(kind=kind, bench=bench, runs=runs)
        return replace(against, levels=kind.judge_answers(answers))


def open_recording(recording: Path, proven: Verification) -> RecordedReference:
    """The recording of the checkpoint that a folder is made of.

    Raises:
        BadInput: it is none, is damaged, or is of another checkpoint.
    """
    index, source = read_index(recording), proven.result.source
    expect_checkpoint(recording, index, source.path, str(source.sha256))
    return RecordedReference(recording, index)


def against_nothing(recorded: RecordedReference, kind: TaskKind) -> Against:
    """What is known before anything is compared."""
    return Against(
        recording=str(recorded.folder),
        environment=dict(asked_of(recorded).environment),
        levels=(),
        left_out=tuple(level.name for level in kind.levels if not level.end_to_end),
    )


def recorded_search(recorded: RecordedReference, clip: RecordedClip) -> Search:
    """The settings of the searches that were recorded of a clip; the greedy one of all, if none."""
    found: Iterator[Search] = (
        known.search
        for known in recorded.index.searches
        if (known.input, known.tag) == (clip.source, clip.tag)
    )
    return next(found, Search(beam=1))


def kind_of(proven: Verification) -> TaskKind:
    """The task of a folder, by what its own file says."""
    model = proven.model
    return find_kind(
        Described(
            task=proven.result.task,
            architecture=model.architecture,
            languages=model.languages,
            default_language=model.default_language,
        )
    )


def _make_bench(recorded: RecordedReference, target: Target, proven: Verification) -> AnyBench:
    """Both sides, with no module of the one put to one of the other."""
    frames_of, axis = _frames_of(target)
    rounded = frozenset({"some"}) if _is_rounded(proven) else frozenset[str]()
    return Bench(
        reference=recorded,
        source=recorded.index.facts,
        target=target,
        pairing=Pairing(
            pairs=(), uncompared=(), rounded=rounded, frames_of=frames_of, frames_axis=axis
        ),
        search=Search(beam=1),
    )


def _frames_of(target: Target) -> tuple[str, int]:
    """The outermost module that makes frames, the last of several, and their axis.

    Raises:
        ValueError: there is none.
    """
    paths = [path for path, _ in target.model.named_modules()]
    for name, axis in target.framing:
        found = [path for path in paths if re.fullmatch(name, path)]
        if found:
            return min(reversed(found), key=len), axis
    raise ValueError("it has no module that is known to make the frames of what it is given")


def _is_rounded(proven: Verification) -> bool:
    """Whether an operation had to round a weight, by the tolerances of the proof."""
    measures = (measure for level in proven.result.levels for measure in level.measures)
    return any(measure.tolerance == tolerances.ROUNDED for measure in measures)


def _run_clips(
    kind: TaskKind, bench: AnyBench, recorded: RecordedReference, progress: Progress
) -> Iterator[Run]:
    known = recorded.index.clips
    efforts = plan_effort([_frames(bench, clip.num_samples) for clip in known], thorough=False)
    for done, clip in enumerate(recorded.read_clips()):
        progress(f"comparing {clip.name}", done + 1, len(known) + 1)
        yield kind.run(
            replace(bench, search=recorded_search(recorded, known[done])),
            clip,
            tag=known[done].tag,
            effort=_fitting(efforts[done], kind),
            prefix=None,
            book=None,
        )
    progress("done", len(known) + 1, len(known) + 1)


def _frames(bench: AnyBench, samples: int) -> int:
    """How many frames the convolutions make of so many samples."""
    from torch import nn

    for module in bench.target.model.get_submodule(bench.pairing.frames_of).modules():
        if isinstance(module, nn.Conv1d):
            samples = (samples - module.kernel_size[0]) // module.stride[0] + 1
    return samples


def _fitting(effort: Effort, kind: TaskKind) -> Effort:
    """What of it a task has."""
    says = bool(kind.beams)
    return effort if says else replace(effort, searched=False, beamed=False, piped=False)
