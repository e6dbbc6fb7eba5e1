"""What models of a kind are asked about, as data: a task names its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.audio.clips import Clip, ClipFile, expect_usable, find_clips
from toolkit.audio.outlines import Outline, outline_of
from toolkit.core.errors import BadInput
from toolkit.examples.sentences import Sentence, find_sentences
from toolkit.examples.units import Units, find_units


@dataclass(frozen=True, kw_only=True)
class Medium:
    """What examples are made of, and how they are named and read.

    Whatever it is, an example travels as a `toolkit.audio.Clip`: numbers in a row, which float32
    holds exactly. Each side makes the network's input of them.
    """

    name: str
    """What requests call what is named of it: the option is `--audio`."""
    many: str
    """What reports call several of its examples: clips."""
    find: Callable[[Sequence[Path]], Iterable[ClipFile]]
    """The examples in files that are named; where none is, the golden ones."""
    example: type[Clip]
    """What holds one of its examples."""

    @property
    def option(self) -> str:
        """What names examples on a command line."""
        return f"--{self.name}"

    def read(self, paths: Sequence[Path], *, min_samples: int = 1) -> tuple[Clip, ...]:
        """The examples in files.

        Args:
            paths: What is named; nothing means the golden ones.
            min_samples: Shortest example that the model can take.

        Raises:
            BadInput: a file holds none, or one that is unreadable, too short or too long.
        """
        examples = tuple(file.read() for file in self.find(paths))
        expect_usable(examples, min_samples)
        return examples

    def outline(self, paths: Sequence[Path], *, min_samples: int = 1) -> tuple[Outline, ...]:
        """What is known of the examples of `read`, each read by itself and let go of.

        Args:
            paths: What is named; nothing means the golden ones.
            min_samples: Shortest example that the model can take.

        Raises:
            BadInput: a file holds none, or one that is unreadable, too short or too long.
        """
        outlines = tuple(outline_of(file.read(), file) for file in self.find(paths))
        expect_usable(outlines, min_samples)
        return outlines


AUDIO = Medium(name="audio", many="clips", find=find_clips, example=Clip)
TEXT = Medium(name="text", many="sentences", find=find_sentences, example=Sentence)
UNITS = Medium(name="units", many="unit sequences", find=find_units, example=Units)
MEDIA = (AUDIO, TEXT, UNITS)
"""All that a request can name; a field of it is called after each."""


def expect_medium(medium: Medium, named: Iterable[str]) -> None:
    """Makes sure that what is named is what a model is asked about.

    Args:
        medium: What that is.
        named: Names of the media of which something is named.

    Raises:
        BadInput: something else is.
    """
    others = [other for other in MEDIA if other.name in named and other is not medium]
    if others:
        raise BadInput(
            f"`{others[0].option}` must name what the model is asked about, but that is "
            f"{medium.many}, not {others[0].many}. Name them with `{medium.option}`, or leave the "
            "option out for the golden ones."
        )
