"""What a folder must hold, as the checkpoint says."""

from __future__ import annotations

from collections.abc import Iterable

from toolkit.compare.static import PROBE_TEXTS, decodable, framed
from toolkit.diagnosis import Truth
from toolkit.folder.tokenizer import build_tokenizer
from toolkit.folder.weights import target_tensor
from toolkit.oracle.reference import Reference
from toolkit.pipeline.prepare import Prepared


def make_truth(prepared: Prepared, reference: Reference, texts: Iterable[str]) -> Truth:
    """Expected tensors, keys, rows and encodings of a right folder.

    Args:
        prepared: The checkpoint.
        reference: fairseq's model, for the ids of texts.
        texts: What to encode, beside texts at which tokenizers part.
    """
    contents, plan = prepared.task.contents, prepared.proof
    encoded = {text: reference.encode(text) for text in (*texts, *PROBE_TEXTS)}
    return Truth(
        plan=plan,
        contents=contents,
        tensors={
            name: target_tensor(assignment, plan, prepared.checkpoint).float()
            for name, assignment in plan.assignments.items()
        },
        origins={name: a.origin for name, a in prepared.plan.assignments.items()},
        head_widths=prepared.network.head_widths,
        encodings={text: framed(contents, ids) for text, ids in encoded.items()},
        decodings={
            framed(contents, ids): decodable(contents, reference, ids) for ids in encoded.values()
        },
        tokenizer=build_tokenizer(contents),
    )
