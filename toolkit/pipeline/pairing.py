"""Which modules of a folder's model answer to which of fairseq's."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.compare.static import split_otherwise
from toolkit.pipeline.prepare import Prepared
from toolkit.replay.pairs import module_paths
from toolkit.replay.target import Target
from toolkit.trial.pairing import Pairing, pair_modules


def pair_with(prepared: Prepared, source_paths: Sequence[str], target: Target) -> Pairing:
    """The pairing that the checkpoint's mapping implies for a folder's model.

    Args:
        prepared: The checkpoint.
        source_paths: Paths of fairseq's modules.
        target: The folder.

    Raises:
        BrokenRule: a pair has no layout or several.
    """
    plan, network = prepared.proof, prepared.network
    return pair_modules(
        plan,
        source_paths,
        module_paths(target.model),
        layouts=network.layouts,
        bypassed=network.bypassed,
        unpaired=network.unpaired,
        rounded=plan.rounded | split_otherwise(plan, prepared.checkpoint, target),
        frames_of=network.frames_of,
        frames_axis=network.frames_axis,
    )
