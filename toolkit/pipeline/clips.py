"""What a checkpoint asks of the clips that it is run on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from toolkit.audio import Clip
from toolkit.oracle.search import capped
from toolkit.pipeline.prepare import Prepared
from toolkit.trial.duration import Size
from toolkit.trial.effort import Effort, plan_effort


def shortest_input(prepared: Prepared) -> int:
    """Fewest samples that give the network one frame."""
    return prepared.family.shortest_input(prepared.network)


def efforts_for(
    prepared: Prepared, clips: Sequence[Clip], *, beam: bool, thorough: bool
) -> tuple[Effort, ...]:
    """What is compared on each clip."""
    frames = [prepared.family.frames(prepared.network, len(clip.waveform)) for clip in clips]
    efforts = plan_effort(frames, thorough=thorough)
    beams = prepared.task.kind.beams
    return tuple(
        replace(
            effort,
            searched=effort.searched and bool(beams),
            beamed=effort.beamed and bool(beams) and beam,
        )
        for effort in efforts
    )


def size_of(prepared: Prepared, clips: Sequence[Clip]) -> Size:
    """How much work the clips are for a pass and for a search."""
    task = prepared.task
    weights = {name: prepared.plan.targets[name] for name in prepared.plan.assignments}
    rows = len(task.contents.dictionary)
    everything = sum(spec.numel for spec in weights.values())
    # Every token meets the head, no frame does; nothing meets all of an embedding.
    of_words = sum(spec.numel for spec in weights.values() if spec.shape[:1] == (rows,))
    steps = [
        capped(task.search, len(clip.waveform)).max_len_b if len(task.kind.beams) > 1 else 0
        for clip in clips
    ]
    return Size(
        per_frame=everything - of_words,
        per_token=everything // 2,
        frames=[prepared.family.frames(prepared.network, len(clip.waveform)) for clip in clips],
        tokens=steps,
    )


def tag_of(prepared: Prepared, clip: Clip) -> int | None:
    """The tag of the clip's own language where the dictionary has it, else of the default."""
    tags, default = prepared.task.contents.language_tags, prepared.task.default_lang
    return None if default is None else tags.get(clip.lang or default, tags[default])


def is_in_own_language(prepared: Prepared, clip: Clip) -> bool:
    """Whether the clip is decoded in the language it is spoken in, as far as that is known."""
    default = prepared.task.default_lang
    if clip.lang is None or default is None or clip.lang in prepared.task.contents.language_tags:
        return True
    return _language(clip.lang) == _language(default)


def _language(tag: str) -> str:
    return tag.replace("-", "_").partition("_")[0].casefold()
