"""What somebody else's code says that a folder was handed on to, held against a recording."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput
from toolkit.core.progress import Progress
from toolkit.examples import AUDIO
from toolkit.handoff.answer import expect_names
from toolkit.handoff.asking import Ask, DoesNotAnswer, asked, name_of
from toolkit.handoff.example import Runner
from toolkit.handoff.loading import expect_own_file
from toolkit.pipeline.end_to_end import against_nothing, kind_of, open_recording, recorded_search
from toolkit.pipeline.recorded import RecordedReference
from toolkit.proof.audited import Against
from toolkit.proof.document import Verification
from toolkit.tasks.base import LevelKind, TaskKind

if TYPE_CHECKING:
    from toolkit.tasks.speech.outside import OutsideRun


def hold_runner(
    recording: Path,
    folder: Path,
    proven: Verification,
    runner: str | Runner,
    *,
    limit_s: int,
    progress: Progress,
) -> Against:
    """What the levels come to that a runner can be judged by: end to end, and no more.

    Args:
        recording: Folder that `toolkit record` wrote of the checkpoint that the folder is made of.
        folder: The folder that was handed on.
        proven: What its own file says of it.
        runner: `FILE.py:NAME`, or what can be asked.
        limit_s: Seconds that a runner from a file may take to load, and for each clip.
        progress: Called before every clip.

    Raises:
        BadInput: the recording cannot be used or is of another checkpoint, the runner cannot be
            loaded, or says what is no answer.
    """
    recorded, kind = open_recording(recording, proven), kind_of(proven)
    if kind.medium is not AUDIO:
        raise BadInput(
            "`--runner` must be asked about clips, but the model is asked about "
            f"{kind.medium.many}, which no runner is yet. Leave it out: the folder itself is held "
            "against the recording."
        )
    if isinstance(runner, str):
        expect_own_file(runner, (folder, recording))
    progress("loading the runner", 0, len(recorded.index.clips) + 1)
    against = replace(against_nothing(recorded, kind), runner=name_of(runner))
    with asked(runner, folder, limit_s=limit_s) as ask:
        try:
            runs = tuple(_ask_all(ask, name_of(runner), kind, recorded, progress))
        except DoesNotAnswer as error:
            return replace(against, broken=str(error))
    given = frozenset[str]().union(*(run.given for run in runs))
    told = [level for level in kind.levels if level.is_told(given)]
    return replace(
        against,
        levels=tuple(level.judged_outside(runs) for level in told),
        left_out=tuple(level.name for level in kind.levels if level not in told),
        not_asked=tuple(_reason(level) for level in kind.levels if level not in told),
        troubles=tuple(_troubles(runs, given)),
    )


def _ask_all(
    ask: Ask, runner: str, kind: TaskKind, recorded: RecordedReference, progress: Progress
) -> Iterator[OutsideRun]:
    from toolkit.tasks.speech.outside import question_of

    known = recorded.index.clips
    for done, clip in enumerate(recorded.read_clips()):
        progress(f"comparing {clip.name}", done + 1, len(known) + 1)
        question = question_of(
            recorded,
            clip,
            tag=known[done].tag,
            search=recorded_search(recorded, known[done]),
            beams=kind.beams,
        )
        answer = ask(question.example)
        expect_names(runner, answer, question.known)
        yield cast("OutsideRun", kind.compare(question, answer)).without_sound()
    progress("done", len(known) + 1, len(known) + 1)


def _reason(level: LevelKind) -> Reason:
    if level.outside is None:
        return Reason(name=level.name, because="only beside the checkpoint (`toolkit verify`)")
    wanted = (f"`{name}1`" if name.endswith(".") else f"`{name}`" for name in level.told_by)
    return Reason(name=level.name, because=f"the runner gives no {' or '.join(wanted)}")


def _troubles(runs: Sequence[OutsideRun], given: Collection[str]) -> Iterator[str]:
    """What of an answer cannot be compared; it fails its level."""
    for run in runs:
        yield from run.troubles
        for name in sorted({*given} - run.given):
            yield f"`{name}` must be given of each clip, but not of {run.clip.name}"
