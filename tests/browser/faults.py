"""Real results of a dozen real faults: what `diff` says of the golden conversion, broken."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from toolkit.audio import read_clips
from toolkit.compare.pictures import Sketchbook, shortest
from toolkit.core.result import Result
from toolkit.faults import Fault, single_faults
from toolkit.pipeline.difference import diff_folder, open_session
from toolkit.pipeline.faulting import breakable_of
from toolkit.pipeline.golden import golden_checkpoint
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.pipeline.writing import write_converted

KINDS = (
    "projections_swapped",
    "rows_shuffled",
    "tensor_missing",
    "scaled_by_root_of_width",
    "activation_changed",
    "norm_order_changed",
    "embedding_scale_changed",
    "language_changed",
    "normalization_changed",
    "rows_swapped",
    "row_renamed",
    "special_token_changed",
)
"""One fault each: of weights, of what is computed, of keys, of searches, of the tokenizer."""


def broken_results(folder: Path) -> Iterator[tuple[Fault, Result]]:
    """Each fault with what a diff says of it; folders are made and removed in `folder`."""
    prepared = prepare(Inputs(checkpoint=golden_checkpoint()))
    right, broken = folder / "right", folder / "broken"
    right.mkdir()
    write_converted(prepared, right)
    faults = {f.kind: f for f in reversed(single_faults(right, breakable_of(prepared)))}
    with open_session(prepared, shortest(read_clips([]))) as session:
        for kind in KINDS:
            shutil.copytree(right, broken)
            faults[kind].break_folder(broken)
            book = Sketchbook(pairs_of=[clip.name for clip in session.clips])
            result = diff_folder(session, broken, book)
            shutil.rmtree(broken)
            yield faults[kind], replace(result, next="toolkit diff model.pt broken --fix mended")
