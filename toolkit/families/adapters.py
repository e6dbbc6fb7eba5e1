"""Checkpoints whose layers have adapters, a small set of weights for each language.

One of several languages has all its adapters in one tensor, whose first axis counts languages, and
one head for all; or a file holds for each language adapters, a head and a dictionary of its own,
which fairseq puts in the place of its model's. Both are told as a set of tensors for each language.
Source: `AdapterFast` in `fairseq/models/wav2vec/wav2vec2.py`, `examples/mms` of fairseq.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from toolkit.blocks.arguments import own_arguments
from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.languages import are_names, check_names, speaking, with_rows
from toolkit.checkpoint.sets import maybe_language, without_language
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput

USUAL = "eng"
"""The language that transformers' own models of this kind speak by default."""
_ADAPTER = re.compile(
    r"(?:.+\.)?encoder\.layers\.\d+\.adapter_layer\.(?:W_a|W_b|b_a|b_b|ln_W|ln_b)"
)
_HEAD = re.compile(r"w2v_encoder\.proj\.(?:weight|bias)")


def tell_languages(
    checkpoint: Checkpoint, target_lang: str | None, folder_language: str | None = None
) -> Checkpoint:
    """The checkpoint with a set of tensors for each language, speaking one; itself without any.

    Args:
        checkpoint: As it lies in the file.
        target_lang: The language that it is to speak where several are there; by default that of
            the folder on trial, else English, else the first.
        folder_language: What the folder on trial speaks, where that is known.

    Raises:
        BadInput: adapters are not as many everywhere, a language lacks tensors or has others than
            adapters and a head, has a name of which no file can be called, or is not there.
    """
    adapters = frozenset(n for n in checkpoint.tensors if _ADAPTER.fullmatch(n))
    adapters = frozenset(n for n in adapters if maybe_language(n) is None)
    heads = frozenset(name for name in checkpoint.tensors if _HEAD.fullmatch(name))
    if not heads or not (adapters or checkpoint.symbols):
        return checkpoint
    count = _count(checkpoint, adapters)
    if not checkpoint.symbols:
        languages = _names(checkpoint, count)
        checkpoint = with_rows(checkpoint, languages, adapters, heads)
    else:
        check_names(checkpoint, tuple(checkpoint.symbols))
        _check_sets(checkpoint, adapters | heads, count)
    language = _choose(checkpoint, languages_of(checkpoint), target_lang, folder_language)
    told = speaking(checkpoint, language) if checkpoint.symbols else checkpoint
    return replace(told, spoken=language)


def languages_of(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The languages of a checkpoint, in its order; none where it has no adapters."""
    found = map(maybe_language, checkpoint.tensors)
    return tuple(dict.fromkeys(language for language in found if language is not None))


def assumed_names(checkpoint: Checkpoint) -> tuple[Reason, ...]:
    """That languages are called by numbers, where nothing says how they are called."""
    languages = languages_of(checkpoint)
    if checkpoint.symbols or not languages or _said(checkpoint, len(languages)):
        return ()
    because = (
        f"`task.multi_corpus_keys` does not name {len(languages)} languages, so that they are called "
        "by the numbers of their adapters"
    )
    return (Reason(name="languages", because=because),)


def _count(checkpoint: Checkpoint, adapters: Iterable[str]) -> int:
    """How many adapters each layer has."""
    shapes = {name: checkpoint.tensors[name].shape for name in adapters}
    counts = {shape[0] if shape else 0 for shape in shapes.values()}
    if not counts:
        raise BadInput(
            f"`{checkpoint.path}` must have adapters in its layers, as it holds tensors for several "
            "languages, but has none. Get the file again from its origin."
        )
    if len(counts) > 1 or 0 in counts:
        raise BadInput(
            f"`{checkpoint.path}` must have as many adapters in each layer, but has "
            f"{', '.join(map(str, sorted(counts)))}. Get the file again from its origin."
        )
    return counts.pop()


def _names(checkpoint: Checkpoint, count: int) -> tuple[str, ...]:
    return _said(checkpoint, count) or tuple(map(str, range(count)))


def _said(checkpoint: Checkpoint, count: int) -> tuple[str, ...]:
    """The languages as the task names its corpora, the order of which chooses an adapter."""
    said = own_arguments(checkpoint).task.get("multi_corpus_keys")
    names = tuple(name.strip() for name in said.split(",")) if isinstance(said, str) else ()
    return names if len(names) == count and are_names(names) else ()


def _check_sets(checkpoint: Checkpoint, wanted: frozenset[str], count: int) -> None:
    """Makes sure that each language has what fairseq replaces, of one adapter, and nothing else."""
    if count != 1:
        raise BadInput(
            f"`{checkpoint.path}` must have one adapter in each layer for those of its languages to "
            f"take their place, but has {count}. Convert the model without its other languages."
        )
    held: dict[str, set[str]] = {language: set() for language in checkpoint.symbols}
    for name in checkpoint.tensors:
        language = maybe_language(name)
        if language is not None:
            held[language].add(without_language(name))
    for language, names in held.items():
        lacking, further = sorted(wanted - names), sorted(names - wanted)
        if lacking or further:
            found = f"lacks `{lacking[0]}`" if lacking else f"has `{further[0]}`"
            raise BadInput(
                f"`{checkpoint.path}` must have an adapter for every layer and a head in each "
                f"language, as transformers reads no other tensors of one, but `{language}` "
                f"{found}. There is no exact conversion; nothing was written."
            )


def _choose(
    checkpoint: Checkpoint,
    languages: tuple[str, ...],
    target_lang: str | None,
    folder_language: str | None,
) -> str:
    likely = (name for name in (folder_language, USUAL) if name in languages)
    chosen = target_lang or next(likely, None) or languages[0]
    if chosen not in languages:
        listed = ", ".join(languages[:10]) + (", …" if len(languages) > 10 else "")
        raise BadInput(
            f"`--target-lang {chosen}` must be one of the {len(languages)} languages of "
            f"`{checkpoint.path}`, but is not. It has {listed}."
        )
    return chosen
