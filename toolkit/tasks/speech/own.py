"""The modules that have other weights in each language, in one language that a clip is heard in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit.oracle.asking import Pass
from toolkit.trial.measuring import PairErrors, Sides, measure_pairs

if TYPE_CHECKING:
    from toolkit.tasks.speech.hearing import Heard, HeardBench


def compare_own(
    bench: HeardBench, heard: Heard, received: Pass, made: Pass
) -> tuple[PairErrors, ...]:
    """How far each of them errs by itself, on what fairseq gave its own in a float32 pass.

    What lies between them is the same in every language, and is compared in one; how far all is
    apart together shows in the result.

    Args:
        bench: The models.
        heard: The clip.
        received: fairseq's pass over it, in which its modules were recorded.
        made: The folder's.
    """
    pairing = bench.pairing.own
    exact = bench.reference.again(
        [heard.source], [heard.prefix], heard=received, only=pairing.sources
    )
    sides = Sides(
        target=bench.target,
        source=bench.source,
        pairing=pairing,
        clip=heard.clip.name,
        made=made.calls,
        received=exact,
    )
    # When a module answered is counted among all, in a language of which all are compared.
    return tuple(replace(errors, order=None) for errors in measure_pairs(sides))
