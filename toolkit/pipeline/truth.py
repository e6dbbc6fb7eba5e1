"""What a folder must hold, as the checkpoint says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from toolkit.compare.static import framed, probe_texts
from toolkit.core.lazy import LazyTensors
from toolkit.diagnosis import Truth
from toolkit.folder.tokenizer import row_scores
from toolkit.folder.weights import target_tensor
from toolkit.oracle.asking import AnyReference
from toolkit.pipeline.prepare import Prepared

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Encodings:
    """What fairseq makes of texts and ids."""

    ids: Mapping[str, tuple[int, ...]]
    """Texts and their ids, tag and end included."""
    texts: Mapping[tuple[int, ...], str]
    """Ids and their text, without tags, ends and unknowns."""


def encode_texts(prepared: Prepared, reference: AnyReference, texts: Iterable[str]) -> Encodings:
    """Ids of the texts, and of texts at which tokenizers part, and back."""
    contents = prepared.task.contents
    encoded = {text: reference.encode(text) for text in (*texts, *probe_texts(contents))}
    return Encodings(
        ids={text: framed(contents, ids) for text, ids in encoded.items()},
        texts={framed(contents, ids): reference.text(ids) for ids in encoded.values()},
    )


def make_truth(prepared: Prepared, encodings: Encodings) -> Truth:
    """Expected tensors, keys, rows and encodings of a right folder."""
    contents, plan = prepared.task.contents, prepared.proof
    return Truth(
        plan=plan,
        contents=contents,
        tensors=LazyTensors(
            {name: partial(_expected, prepared, name) for name in plan.assignments}
        ),
        origins={name: a.origin for name, a in prepared.plan.assignments.items()},
        head_widths=prepared.network.head_widths,
        encodings=encodings.ids,
        decodings=encodings.texts,
        scores=row_scores(contents),
    )


def _expected(prepared: Prepared, name: str) -> Tensor:
    plan = prepared.proof
    return target_tensor(plan.assignments[name], plan, prepared.checkpoint.mapped).float()
