"""What a folder must hold, as the checkpoint says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.sets import name_in
from toolkit.compare.differences import AnyVocabulary
from toolkit.core.lazy import LazyTensors
from toolkit.diagnosis import Truth
from toolkit.folder.weights import target_tensor
from toolkit.oracle.asking import AnyReference
from toolkit.pipeline.prepare import Prepared

if TYPE_CHECKING:
    from torch import Tensor


def expect_texts(
    prepared: Prepared, reference: AnyReference, texts: Iterable[str]
) -> AnyVocabulary | None:
    """What the checkpoint implies of a tokenizer, with fairseq's answers on these texts."""
    return prepared.task.kind.expect_vocabulary(prepared.task.contents, reference, texts)


def make_truth(prepared: Prepared, vocabulary: AnyVocabulary | None) -> Truth:
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
        vocabulary=vocabulary,
        unspoken=LazyTensors(dict(_unspoken(prepared))),
    )


def _expected(prepared: Prepared, name: str) -> Tensor:
    return _made(prepared, prepared.checkpoint, name)


def _unspoken(prepared: Prepared) -> Iterator[tuple[str, Callable[[], Tensor]]]:
    """What the checkpoint has where its language brings a tensor, by the target's name."""
    language, unspoken = prepared.checkpoint.spoken, prepared.checkpoint.unspoken
    if language is None or unspoken is None:
        return
    for name, assignment in prepared.proof.assignments.items():
        if name_in(language, str(assignment.source)) in unspoken.tensors:
            yield name, partial(_made, prepared, unspoken, name)


def _made(prepared: Prepared, checkpoint: Checkpoint, name: str) -> Tensor:
    plan = prepared.proof
    return target_tensor(plan.assignments[name], plan, checkpoint.mapped).float()
