"""Builds fairseq's own classifier from settings and weights that somebody else has read."""

from __future__ import annotations

import os
from argparse import Namespace
from typing import TYPE_CHECKING, Collection, Mapping, Sequence

from toolkit.oracle.loading import load_weights, unfilled
from toolkit.oracle.tasks.base import CLASSES, Settings, maybe_model, register_models
from toolkit.oracle.tasks.classification.reference import ClassReference
from toolkit.oracle.tasks.ctc.build import make_arguments

if TYPE_CHECKING:
    from torch import Tensor

_HIDDEN = "pooling_layer.linear.weight"


def open_reference(
    settings: Settings,
    state_dict: Mapping[str, Tensor],
    data_dir: str,
    *,
    dropped: Collection[str],
    padding: str,  # noqa: ARG001
    tags: Collection[int],  # noqa: ARG001
) -> ClassReference:
    """See `toolkit.oracle.tasks.open_task`; there are no adaptor and no language tags."""
    with open(os.path.join(data_dir, CLASSES), encoding="utf-8") as file:
        labels = [row.rsplit(" ", 1)[0] for row in file.read().split("\n") if row]
    return build_classifier(settings, labels, state_dict, dropped=dropped)


def build_classifier(
    settings: Settings,
    labels: Sequence[str],
    state_dict: Mapping[str, Tensor],
    *,
    dropped: Collection[str] = (),
) -> ClassReference:
    """Fairseq's model with the given weights, in evaluation mode, ready to be asked.

    Args:
        settings: The checkpoint's model and task arguments in one flat mapping; see
            `toolkit.oracle.tasks.ctc.build_ctc`. The width between the layers of the head is read
            off the tensors.
        labels: The rows of the dictionary, of which none is added to.
        state_dict: Weights by name; all must fit.
        dropped: Names that the model may lack: what training alone needed.

    Raises:
        ImportError: fairseq is not installed.
        ValueError: the settings have no `w2v_args`, or this fairseq has no such model.
        AssertionError: `normalize` says one thing for the model, another for its encoder; or the
            model pools in another way than by the mean.
        RuntimeError: the state dict does not fit the model that the settings describe.
    """
    register_models()
    try:
        from fairseq.models.wav2vec import wav2vec2_classification as fairseq
    except ImportError as error:
        raise ValueError(
            "fairseq must have `wav2vec2_classification`, which came in May 2023, but is older: "
            "name a newer one with `--fairseq-python`"
        ) from error
    told = state_dict.get(_HIDDEN)
    width = {} if told is None else {"latent_embed_dim": int(told.shape[0])}
    given = {**settings, **width}
    args = make_arguments(given, state_dict, fairseq.Wav2Vec2ClassificationConfig)
    task = Namespace(target_dictionary=labels)
    found = maybe_model(args, (fairseq.Wav2VecClassification,)) or fairseq.Wav2VecClassification
    with unfilled():
        model = found.build_model(args, task)
    load_weights(model, state_dict, dropped)
    normalize = bool(getattr(args, "task_normalize", args.normalize))
    return ClassReference(labels, model.eval(), normalize=normalize)
