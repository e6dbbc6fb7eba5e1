"""How much of a proof is done on which clip: what takes long, on the clips that show most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from toolkit.core.counting import counted

SEARCHED, BEAMED = 4, 2
"""Clips that are searched greedily, and with a beam."""
REPLAYED_FRAMES = 400
"""Most frames of a clip whose modules are compared, 8 s of most networks: what every module makes
of a clip is held in memory four times over, and attention grows with the square of the length. A
longer clip is compared end to end."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What is compared on one clip beside its input and the logits of one pass."""

    replayed: bool = True
    """Every module, alone and in its place."""
    searched: bool = True
    """Greedy hypotheses and texts."""
    beamed: bool = True
    """Hypotheses of a search with a beam."""
    piped: bool = True
    """What the pipeline says, where the clip is searched."""
    generated: bool = True
    """The folder's own greedy search, where the clip is searched; otherwise one pass says what it
    finds, where that leaves no doubt."""
    own: bool = False
    """The modules alone that have weights of the clip's own language, each by itself."""


FULL = Effort()
OF_LANGUAGE = Effort(replayed=False, piped=False, own=True)
"""On a clip in a language with weights of its own, where all modules are compared, and the pipeline
is asked, in another one."""
NOTHING = Effort(replayed=False, searched=False, beamed=False, piped=False)


def plan_effort(frames: Sequence[int], *, thorough: bool) -> tuple[Effort, ...]:
    """What is done on each clip.

    Modules are compared on the shortest clip, on the longest of at most `REPLAYED_FRAMES`, and on
    the shortest one whose frames are odd where those two have even ones, or the other way round:
    fairseq makes odd ones even, and goes through another branch. Searches take longest on long
    clips, so that only the shortest are searched, and fewer of them with a beam. The pipeline hears
    a clip once more, with an input that is compared on every clip: of those that are searched it is
    asked about the shortest, and about none that is too long to compare modules on. Of such a long
    clip the folder need not search either, step by step, what one pass shows at once.

    Args:
        frames: How many frames the network makes of each clip.
        thorough: Do everything on every clip.
    """
    if thorough:
        return (FULL,) * len(frames)
    by_length = sorted(range(len(frames)), key=lambda clip: frames[clip])
    short = [clip for clip in by_length if is_short(frames[clip])]
    compared = short or by_length[:1]
    replayed = _replayed(compared, frames)
    searched = set(by_length[:SEARCHED])
    beamed = set(by_length[:BEAMED])
    piped = searched.intersection(compared)
    return tuple(
        Effort(
            replayed=clip in replayed,
            searched=clip in searched,
            beamed=clip in beamed,
            piped=clip in piped,
            generated=clip in compared,
        )
        for clip in range(len(frames))
    )


def in_order(efforts: Sequence[Effort]) -> list[int]:
    """The numbers of clips in the order in which they are run: first those that are searched."""
    return sorted(range(len(efforts)), key=lambda clip: not efforts[clip].searched)


def is_short(frames: int) -> bool:
    """Whether modules can be compared on a clip of so many frames without much time and memory."""
    return frames <= REPLAYED_FRAMES


def describe_effort(efforts: Sequence[Effort], many: str = "clips") -> str:
    """What is going to be done, as half a sentence.

    Args:
        efforts: What is compared on each.
        many: What several of them are called.
    """
    counts = {
        "module by module": sum(effort.replayed for effort in efforts),
        "searched": sum(effort.searched for effort in efforts),
        "searched with a beam": sum(effort.beamed for effort in efforts),
    }
    if len(efforts) == 1 and efforts[0] == FULL:
        return f"{counted(1, many)} in every way"
    if set(counts.values()) == {len(efforts)}:
        return f"{len(efforts)} {many}, each in every way"
    own = sum(effort.own for effort in efforts)
    counts |= {"by the modules of their language": own} if own else {}
    said = ", ".join(f"{number} {what}" for what, number in counts.items())
    return f"{counted(len(efforts), many)} end to end, of them {said}"


def _replayed(by_length: Sequence[int], frames: Sequence[int]) -> set[int]:
    ends = {*by_length[:1], *by_length[-1:]}
    parities = {frames[clip] % 2 for clip in ends}
    others = (clip for clip in by_length if frames[clip] % 2 not in parities)
    return ends | set(islice(others, 1))
