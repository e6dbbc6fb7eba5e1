"""What families of models without words have in common: files and options that they refuse."""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.blocks.arguments import Arguments
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonObject
from toolkit.families.base import Options
from toolkit.families.sidecars import Named


def own_arguments(arguments: Arguments) -> tuple[JsonObject, str]:
    """The arguments of an encoder that is the whole model, and what evidence calls them.

    Where they were lost, those of another checkpoint of the same encoder; empty without one.
    """
    if "conv_feature_layers" in arguments.model:
        return arguments.model, "args"
    return arguments.w2v_model, arguments.w2v_model_where


def refuse_files(named: Named) -> None:
    """Refuses files that turn ids into words.

    Raises:
        BadInput: one is named.
    """
    for option, path in (
        ("--config-yaml", named.config_yaml),
        ("--dict", named.dictionary),
        ("--spm", named.pieces),
    ):
        if path is not None:
            raise BadInput(
                f"`{option} {path}` must name a file that the checkpoint's task reads, but a "
                "pretrained encoder has no words. Leave the option out."
            )


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


def normalization_claims(arguments: Arguments) -> Iterator[tuple[str, bool]]:
    """What says whether the audio is standardized, by where it says it."""
    for where, group in (
        ("task.normalize", arguments.task),
        (f"{arguments.w2v_task_where}.normalize", arguments.w2v_task),
    ):
        if isinstance(group.get("normalize"), bool):
            yield where, group["normalize"]
