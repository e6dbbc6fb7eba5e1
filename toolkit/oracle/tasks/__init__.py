"""fairseq's half of every task: one module each, which builds the model and asks it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Collection, Mapping, Tuple

if TYPE_CHECKING:
    from torch import Tensor

    from toolkit.oracle.asking import AnyModel, Pass
    from toolkit.oracle.tasks.base import Settings


def open_task(
    name: str,
    settings: Settings,
    state_dict: Mapping[str, Tensor],
    data_dir: str,
    *,
    dropped: Collection[str] = (),
    padding: str = "masked",
    tags: Collection[int] = (),
) -> AnyModel:
    """Fairseq's model with the given weights, in evaluation mode, ready to be asked.

    Args:
        name: What the task is called, as `toolkit.tasks` does.
        settings: The checkpoint's model and task arguments in one flat mapping, with `w2v_args` as
            a mapping.
        state_dict: Weights by name; all must fit.
        data_dir: Folder with what fairseq's task reads.
        dropped: Names that the model may lack: what training alone needed.
        padding: How an adaptor treats padded frames; see `speech_seq2seq.build.build_model`.
        tags: Ids of language tags that fairseq does not know as such, which no text shows.

    Raises:
        ImportError: fairseq is not installed.
        ValueError: the settings cannot be used.
        RuntimeError: the state dict does not fit the model that the settings describe.
    """
    from fairseq.modules.checkpoint_activations import unwrap_checkpoint

    reference: AnyModel = import_module(f"{__name__}.{name}").open_reference(
        settings, state_dict, data_dir, dropped=dropped, padding=padding, tags=tags
    )
    # Layers that forgot their activations in training hide keywords from whoever listens to them.
    unwrap_checkpoint(reference.model)
    return reference


def further_prefixes(name: str, made: Pass) -> Tuple[Tuple[int, ...], ...]:
    """What else a comparison gives a model of a task, after a pass over one clip.

    Args:
        name: What the task is called.
        made: What the pass gave.
    """
    ask = getattr(import_module(f"{__name__}.{name}"), "further_prefixes", None)
    return () if ask is None else tuple(ask(made))
