"""What a checkpoint asks of the clips that it is run on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TypeVar

from toolkit.audio import Clip, Outline
from toolkit.audio.clips import EXCERPT_SAMPLES, LANGUAGE_SAMPLES, ClipFacts
from toolkit.folder.languages import of_model
from toolkit.oracle.search import capped
from toolkit.pipeline.prepare import Prepared
from toolkit.trial.duration import Size
from toolkit.trial.effort import FULL, OF_LANGUAGE, Effort, is_short, plan_effort

SomeClip = TypeVar("SomeClip", Clip, Outline)
"""A clip, or what is known of one."""


def shortest_input(prepared: Prepared) -> int:
    """Fewest samples that give the network one frame."""
    return prepared.family.shortest_input(prepared.network)


def clips_for(prepared: Prepared, audio: Sequence[Path]) -> tuple[Clip, ...]:
    """The clips that are named, else the golden ones, and what a comparison needs beside them.

    Raises:
        BadInput: a clip cannot be used.
    """
    medium = prepared.task.kind.medium
    clips = medium.read(audio, min_samples=shortest_input(prepared))
    return in_every_language(prepared, with_excerpt(prepared, clips))


def outlines_for(prepared: Prepared, audio: Sequence[Path]) -> tuple[Outline, ...]:
    """What is known of the clips of `clips_for`, of which one at a time is in memory.

    Raises:
        BadInput: a clip cannot be used.
    """
    medium = prepared.task.kind.medium
    outlines = medium.outline(audio, min_samples=shortest_input(prepared))
    return in_every_language(prepared, with_excerpt(prepared, outlines))


def with_excerpt(prepared: Prepared, clips: Sequence[SomeClip]) -> tuple[SomeClip, ...]:
    """The clips, and a part of the shortest where each is too long to compare modules on."""
    if not clips or short_ones(prepared, clips):
        return tuple(clips)
    shortest: SomeClip = min(clips, key=lambda clip: clip.num_samples)
    part: SomeClip = shortest.excerpt(max(EXCERPT_SAMPLES, shortest_input(prepared)))
    return tuple(chain(clips, short_ones(prepared, [part])))


def short_ones(prepared: Prepared, clips: Sequence[SomeClip]) -> tuple[SomeClip, ...]:
    """The clips that modules can be compared on without much time and memory."""
    return tuple(clip for clip in clips if is_short(_frames(prepared, clip)))


def in_every_language(prepared: Prepared, clips: Sequence[SomeClip]) -> tuple[SomeClip, ...]:
    """The clips, and half a second again in each language of its own weights that none is in.

    It is the loudest of the shortest clip, all of which is taken where it is no longer.
    """
    spoken, tags = prepared.task.contents.spoken, prepared.task.contents.language_tags
    if spoken is None or not clips:
        return tuple(clips)
    heard = {tag_of(prepared, clip) for clip in clips}
    part = _at_most(clips, max(LANGUAGE_SAMPLES, shortest_input(prepared)))
    further: Iterator[SomeClip] = (
        replace(part, name=f"{part.name}@{language}", transcript=None, lang=language)
        for language, tag in tags.items()
        if tag not in heard
    )
    return tuple(chain(clips, further))


def _at_most(clips: Sequence[SomeClip], samples: int) -> SomeClip:
    """The shortest clip, or so much of it."""
    shortest: SomeClip = min(clips, key=lambda clip: clip.num_samples)
    return shortest if shortest.num_samples <= samples else shortest.excerpt(samples)


def together(prepared: Prepared, clips: Sequence[SomeClip]) -> tuple[SomeClip, ...]:
    """The clips that one batch can be of: of one language, where each has weights of its own."""
    if prepared.task.contents.spoken is None:
        return tuple(clips)
    return tuple(c for c in clips if tag_of(prepared, c) == tag_of(prepared, clips[0]))


def efforts_for(
    prepared: Prepared, clips: Sequence[SomeClip], *, beam: bool, thorough: bool
) -> tuple[Effort, ...]:
    """What is compared on each clip.

    Of languages with weights of their own, all are searched, and of each but one the modules are
    compared that hold these weights: the others are the same in all. What a folder speaks that is
    saved again is the language that it begins with, so that one clip in that is compared in whole.
    """
    first = together(prepared, clips)
    planned = iter(_plan(prepared, first, thorough=thorough))
    whole = clips if thorough else _saved(prepared, clips)
    efforts = [
        next(planned) if _is_among(clip, first) else FULL if _is_among(clip, whole) else OF_LANGUAGE
        for clip in clips
    ]
    beams = prepared.task.kind.beams
    return tuple(
        replace(
            effort,
            searched=effort.searched and bool(beams),
            beamed=effort.beamed and bool(beams) and beam,
            piped=effort.piped and bool(beams),
        )
        for effort in efforts
    )


def _saved(prepared: Prepared, clips: Sequence[SomeClip]) -> Sequence[SomeClip]:
    """The shortest clip in the language that a folder begins with; none where there is only one."""
    contents = prepared.task.contents
    if contents.spoken is None:
        return ()
    tag = contents.language_tags[contents.spoken.first]
    spoken = [clip for clip in clips if tag_of(prepared, clip) == tag]
    return sorted(spoken, key=lambda clip: clip.num_samples)[:1]


def _is_among(clip: Clip | Outline, clips: Sequence[Clip | Outline]) -> bool:
    return any(clip is one for one in clips)


def _plan(prepared: Prepared, clips: Sequence[SomeClip], *, thorough: bool) -> tuple[Effort, ...]:
    return plan_effort([_frames(prepared, clip) for clip in clips], thorough=thorough)


def _frames(prepared: Prepared, clip: Clip | Outline) -> int:
    return prepared.family.frames(prepared.network, clip.num_samples)


def size_of(prepared: Prepared, clips: Sequence[Clip]) -> Size:
    """How much work the clips are for a pass and for a search."""
    task = prepared.task
    weights = {name: prepared.plan.targets[name] for name in of_model(prepared.plan.assignments)}
    rows = len(task.contents.dictionary)
    everything = sum(spec.numel for spec in weights.values())
    # Every token meets the head, no frame does; nothing meets all of an embedding.
    of_words = sum(spec.numel for spec in weights.values() if spec.shape[:1] == (rows,))
    steps = [
        capped(task.search, clip.num_samples).max_len_b if len(task.kind.beams) > 1 else 0
        for clip in clips
    ]
    return Size(
        per_frame=everything - of_words,
        per_token=everything // 2,
        frames=[_frames(prepared, clip) for clip in clips],
        tokens=steps,
    )


def tag_of(prepared: Prepared, clip: ClipFacts) -> int | None:
    """The tag of the clip's own language where the dictionary has it, else of the default."""
    tags, default = prepared.task.contents.language_tags, prepared.task.default_lang
    return None if default is None else tags.get(clip.lang or default, tags[default])


def is_in_own_language(prepared: Prepared, clip: ClipFacts) -> bool:
    """Whether the clip is decoded in the language it is spoken in, as far as that is known."""
    default = prepared.task.default_lang
    if clip.lang is None or default is None or clip.lang in prepared.task.contents.language_tags:
        return True
    return _language(clip.lang) == _language(default)


def _language(tag: str) -> str:
    return tag.replace("-", "_").partition("_")[0].casefold()
