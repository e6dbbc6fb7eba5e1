"""What of a folder that names classes can be broken: its head, its labels, and its small files."""

# The tables keep their columns.
# ruff: noqa: E501

from __future__ import annotations

from toolkit.core.breakable import Breakable, Output, Part, joined
from toolkit.core.slips import (
    CONFIG,
    Invention,
    Right,
    Value,
    activations,
    halved,
    other,
    others,
    slip,
    unseen,
)
from toolkit.tasks.speech import breakable

HIDDEN, HEAD = "projector", "classifier"
"""What transformers' classifiers call the layer before the pooling, and the one behind it."""


def _other_labels(right: Right) -> tuple[Value, ...]:
    """Two labels in each other's place, all one further, one with another name, one too few."""
    first, second, *rest = right.value.values()
    swapped, rotated = (second, first, *rest), (*rest, first, second)
    renamed, fewer = (f"{first}\u2047", second, *rest), (first, second, *rest)[:-1]
    lists = (swapped, rotated, renamed, fewer)
    return tuple({str(i): label for i, label in enumerate(labels)} for labels in lists)


# fmt: off
_HEAD = Breakable(
    parts=(Part(name="projection of frames", modules=HIDDEN), Part(name="output layer", modules=HEAD)),
    outputs=(Output(module=HEAD),),
    slips=(
        slip("classifier_activation", "activation_changed", activations,                   "wrong_activation", absent=True),
        slip("classifier_proj_size",  "width_changed",      halved),
        slip("id2label",              "labels_changed",     _other_labels,                 "wrong_vocabulary", absent=True),
        slip("dtype",                 "dtype_changed",      others("float16", "bfloat16"), "wrong_dtype"),
        unseen("architectures",       "unread_key_changed", other(["Wav2Vec2Model"])),
        unseen("label2id",            "unread_key_changed", other({})),
        unseen("final_dropout",       "dropout_changed",    other(0.1, 0.0)),
    ),
    inventions=(
        Invention(file=CONFIG, path="output_attentions",      value=True),
        Invention(file=CONFIG, path="use_weighted_layer_sum", value=True),
        Invention(file=CONFIG, path="problem_type",           value="multi_label_classification"),
        Invention(file=CONFIG, path="ctc_zero_infinity",      value=True, noted=True),
    ),
    narrow_dtypes=("float16", "bfloat16"),
)
# fmt: on

BREAKABLE = joined((_HEAD, breakable.BREAKABLE))
"""The head with its labels, and the file of the feature extractor."""
