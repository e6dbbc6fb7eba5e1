"""What families of models without words have in common: files and options that they refuse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolkit.blocks.arguments import Arguments
from toolkit.blocks.evidence import Derived
from toolkit.checkpoint import Checkpoint
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonObject
from toolkit.families.base import Form, Network, Options
from toolkit.families.hearing import Hearing
from toolkit.families.sidecars import Named, Sidecars
from toolkit.families.waveforms import derive_normalization

SPEAKERS = "spk_proj.weight"
"""What tells speakers apart, by which UniSpeech-SAT is known where its arguments are lost."""
CONDITIONED = "encoder.cond_layer_norm."
"""What the names of a norm begin with that is told who speaks, as ContentVec has in training."""


class Wordless(Hearing):
    """A family whose checkpoints need no file beside them."""

    def sidecars(self, checkpoint: Checkpoint, named: Named) -> Sidecars:  # noqa: ARG002
        """None: all is in the checkpoint.

        Raises:
            BadInput: a file that turns ids into words is named.
        """
        because = "a pretrained encoder has no words"
        named.refuse("config_yaml", "dictionary", "pieces", because=because)
        return Sidecars()


def own_arguments(arguments: Arguments) -> tuple[JsonObject, str]:
    """The arguments of an encoder that is the whole model, and what evidence calls them.

    Where they were lost, those of another checkpoint of the same encoder; empty without one.
    """
    if "conv_feature_layers" in arguments.model:
        return arguments.model, "args"
    return arguments.w2v_model, arguments.w2v_model_where


def refuse_options(options: Options) -> None:
    """Refuses what says something of a part that an encoder has not.

    Raises:
        BadInput: an option does.
    """
    if options.target_lang is not None:
        raise BadInput(
            f"`--target-lang {options.target_lang}` must choose among several target languages, "
            "but a pretrained encoder has no words. Leave the option out."
        )
    if options.padding_reference != "masked":
        raise BadInput(
            f"`--padding-reference {options.padding_reference}` must say what an adaptor does with "
            "padded frames, but a pretrained encoder has none. Leave the option out."
        )


def does_without(form: Form | None, model_type: str, name: str, heads: Sequence[str]) -> bool:
    """Whether a folder on trial is meant to hold an encoder alone: its class and its weights say so.

    Args:
        form: The folder's classes and weights; None without one.
        model_type: That of the class.
        name: What the class is called.
        heads: What the names of heads begin with in a folder that has them.
    """
    return (
        form is not None
        and form.kinds.get("") == model_type
        and form.architectures == (name,)
        and any(parameter.startswith("feature_extractor.") for parameter in form.parameters)
        and not any(parameter.startswith(tuple(heads)) for parameter in form.parameters)
    )


def normalization(
    arguments: Arguments, network: Network, options: Options
) -> tuple[Derived, tuple[Reason, ...]]:
    """Whether the audio is standardized; see `toolkit.families.waveforms.derive_normalization`."""
    norm = network.config.get("feat_extract_norm")
    return derive_normalization(
        dict(_normalization_claims(arguments)),
        # A class without the key has one norm for each convolution.
        norm="layer" if norm is None else norm.value,
        chosen=options.chosen,
        remedy="`--w2v`, a checkpoint of the same training, whose task says",
    )


def _normalization_claims(arguments: Arguments) -> Iterator[tuple[str, bool]]:
    """What says whether the audio is standardized, by where it says it."""
    for where, group in (
        ("task.normalize", arguments.task),
        (f"{arguments.w2v_task_where}.normalize", arguments.w2v_task),
    ):
        if isinstance(group.get("normalize"), bool):
            yield where, group["normalize"]
