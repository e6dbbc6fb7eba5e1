"""Clips without their sound, to plan by: all of a corpus fit into memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from toolkit.audio.clips import (
    SAMPLE_RATE_HZ,
    Clip,
    ClipFacts,
    ClipFile,
    expect_usable,
    find_clips,
    lasting,
)
from toolkit.core.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class Outline(ClipFacts):
    """What is known of a clip that was read once, and how to read it again."""

    num_samples: int
    """At 16 kHz."""
    sha256: str
    """Of its samples; see `Clip`."""
    file: ClipFile | None = None
    """None where it is not to be read again."""
    parts: tuple[int, ...] = ()
    """Samples of the loudest part of the file, and of the loudest part of that, that the clip is;
    nothing where it is all."""
    samples_a_second: int = SAMPLE_RATE_HZ
    """0 of what has no duration."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return lasting(self.num_samples, self.samples_a_second)

    def read(self) -> Clip:
        """The clip.

        Raises:
            BadInput: its file is gone, or holds another by now.
        """
        assert self.file is not None, "it was to be read once"
        part = self.file.read()
        for samples in self.parts:
            part = part.excerpt(samples)
        if part.sha256 != self.sha256:
            raise BadInput(
                f"`{self.file.path}` must stay as it is while a batch runs, but holds other sound "
                "than when its clips were counted. Begin again when it is whole."
            )
        return replace(
            part, **{field.name: getattr(self, field.name) for field in fields(ClipFacts)}
        )

    def excerpt(self, samples: int) -> Outline:
        """The loudest part of it as a clip of its own; see `toolkit.audio.excerpt`."""
        part = outline_of(self.read().excerpt(samples))
        return replace(part, file=self.file, parts=(*self.parts, samples))


def outline_of(clip: Clip, file: ClipFile | None = None) -> Outline:
    """What is to be known of a clip without its sound.

    Args:
        clip: The clip.
        file: Where it can be read again, as a whole.
    """
    told = {field.name: getattr(clip, field.name) for field in fields(ClipFacts)}
    return Outline(
        **told,
        num_samples=clip.num_samples,
        sha256=clip.sha256,
        file=file,
        samples_a_second=clip.samples_a_second,
    )


def outline_clips(paths: Sequence[Path], *, min_samples: int = 1) -> tuple[Outline, ...]:
    """The clips of `toolkit.audio.read_clips`, each read by itself and let go of.

    Args:
        paths: Files or folders; none means the golden audio.
        min_samples: Fewest samples at 16 kHz that the model can take.

    Raises:
        BadInput: a path holds no audio, or a clip is unreadable, too short or too long.
    """
    outlines = tuple(outline_of(file.read(), file) for file in find_clips(paths))
    expect_usable(outlines, min_samples)
    return outlines
