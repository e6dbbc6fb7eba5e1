"""Which seconds of a clip are at fault, in words and as stretches to mark."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from toolkit.compare.frames import error_of
from toolkit.core.counting import counted
from toolkit.core.pictures import ClipPicture, Track
from toolkit.report.text import format_error

MOST_STRETCHES = 3
"""As many as a sentence names."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A piece of a clip."""

    start_s: float
    end_s: float
    left: str
    """Where it begins, as a CSS percentage of the clip."""
    width: str
    is_all: bool
    """Whether it is the whole clip."""


@dataclass(frozen=True, kw_only=True)
class LayerLine:
    """One layer on one clip."""

    name: str
    short: str
    """What tells it from its neighbours, such as `layers.3`."""
    largest: str
    """Its largest error in words."""
    is_wrong: bool
    when: str
    """The seconds at fault in words; empty where there are none."""


@dataclass(frozen=True, kw_only=True)
class ClipFrames:
    """What is to be said of a clip's frames."""

    sentence: str
    is_wrong: bool
    stretches: tuple[Stretch, ...]
    layers: tuple[LayerLine, ...]

    @property
    def gist(self) -> str:
        """How many layers there are, and how many are at fault."""
        wrong = sum(layer.is_wrong for layer in self.layers)
        return f"{counted(len(self.layers), 'layers')} by frame, {wrong or 'none'} at fault"


def tell_frames(clip: ClipPicture, *, matches: bool) -> ClipFrames:
    """Which seconds of a clip are at fault.

    Args:
        clip: The clip with what was followed along its frames.
        matches: Whether the folder matches; then what is beyond a tolerance in float32 alone is
            rounding, and nothing is at fault.
    """
    followed = _followed(clip, matches=matches)
    if followed is None:
        return ClipFrames(sentence="", is_wrong=False, stretches=(), layers=())
    stretches = () if matches else tuple(find_stretches(followed, clip.duration_s))
    said = _say_wrong(clip, followed, stretches) if stretches else _say_right(followed)
    return ClipFrames(
        sentence=said,
        is_wrong=bool(stretches),
        stretches=stretches,
        layers=tuple(_line(layer, clip.duration_s) for layer in clip.layers),
    )


def find_stretches(track: Track, duration_s: float) -> Iterator[Stretch]:
    """The pieces of a clip in which a track is beyond its tolerance, neighbours as one."""
    wrong = [not error_of(code) <= track.tolerance for code in track.errors]
    start = None
    # Several frames may share a code, the last of them fewer.
    shared = math.ceil(track.positions / max(len(wrong), 1))
    for place, is_wrong in enumerate([*wrong, False]):
        if is_wrong and start is None:
            start = place
        if not is_wrong and start is not None:
            end = min(place * shared, track.positions)
            yield _stretch(start * shared / track.positions, end / track.positions, duration_s)
            start = None


def say_when(stretches: Sequence[Stretch]) -> str:
    """The stretches in words, at most so many one by one."""
    if stretches[0].is_all:
        return "throughout"
    named = [f"{s.start_s:.2f} to {s.end_s:.2f} s" for s in stretches[:MOST_STRETCHES]]
    more = len(stretches) - len(named)
    if not more:
        return f"from {_listed(named)}"
    others = "1 more stretch" if more == 1 else f"{more} more stretches"
    return f"from {', '.join(named)} and in {others} up to {stretches[-1].end_s:.2f} s"


def _followed(clip: ClipPicture, *, matches: bool) -> Track | None:
    """What is said of a clip: letters where they are at fault, what is made of it, or a layer."""
    if clip.letters is not None and clip.letters.wrong and not matches:
        return clip.letters
    return clip.result or next(reversed(clip.layers), None)


def _say_wrong(clip: ClipPicture, track: Track, stretches: Sequence[Stretch]) -> str:
    how = "others" if track is clip.letters else "wrong"
    frames = f"{how} {say_when(stretches)}, in {_share(track)}"
    first = next((layer for layer in clip.layers if layer.wrong), None)
    since = (
        "" if first is None else f"; of the layers compared {_name(first)} is the first wrong one"
    )
    return f"{_name(track)}: {frames}{since}."


def _say_right(track: Track) -> str:
    apart = f"within {format_error(_largest(track))} of the largest value"
    return f"{_name(track)}: right in all {counted(track.positions, 'frames')}, {apart}."


def _share(track: Track) -> str:
    frames = counted(track.positions, "frames")
    return f"all {frames}" if track.wrong == track.positions else f"{track.wrong} of {frames}"


def _line(layer: Track, duration_s: float) -> LayerLine:
    stretches = tuple(find_stretches(layer, duration_s))
    return LayerLine(
        name=layer.name,
        short=".".join(layer.name.split(".")[-2:]),
        largest=format_error(_largest(layer)),
        is_wrong=bool(stretches),
        when=say_when(stretches) if stretches else "",
    )


def _name(track: Track) -> str:
    """What stands for itself as it is; a module's path as a name."""
    return f"`{track.name}`" if "." in track.name else track.name


def _stretch(start: float, end: float, duration_s: float) -> Stretch:
    return Stretch(
        start_s=start * duration_s,
        end_s=end * duration_s,
        left=f"{100 * start:.2f}%",
        width=f"{100 * (end - start):.2f}%",
        is_all=(start, end) == (0, 1),
    )


def _largest(track: Track) -> float:
    return max((error_of(code) for code in track.errors), default=0.0)


def _listed(words: list[str]) -> str:
    return " and ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} and {words[-1]}"
