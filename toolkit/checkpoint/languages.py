"""A checkpoint whose tensors are told apart by language, or that speaks one language."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from toolkit.checkpoint.reader import Checkpoint
from toolkit.checkpoint.sets import name_in
from toolkit.checkpoint.tensors import TensorView
from toolkit.checkpoint.values import quote
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def are_names(languages: tuple[str, ...]) -> bool:
    """Whether files can be called after languages of these names, each after one."""
    distinct = len(set(languages)) == len(languages)
    return distinct and all(map(_NAME.fullmatch, languages))


def check_names(checkpoint: Checkpoint, languages: tuple[str, ...]) -> None:
    """Makes sure that languages have names of which files can be called.

    Raises:
        BadInput: one has another.
    """
    odd = [quote(name) for name in languages if not _NAME.fullmatch(name)]
    if odd:
        raise BadInput(
            f"`{checkpoint.path}` must name its languages by at most 64 letters, digits, `-` and "
            f"`_`, as files are called after them, but has `{'`, `'.join(odd[:5])}`. Rename them "
            "in the file."
        )


def with_rows(
    checkpoint: Checkpoint,
    languages: tuple[str, ...],
    stacked: frozenset[str],
    shared: frozenset[str],
) -> Checkpoint:
    """The checkpoint with a set of tensors for each language, of what it holds for all of them.

    Args:
        checkpoint: The checkpoint.
        languages: In the order of the first axes of stacked tensors.
        stacked: Names of tensors with one row for each language.
        shared: Names of tensors that all languages have in common.
    """
    views = dict(checkpoint._views)
    for row, language in enumerate(languages):
        for name in (n for n in checkpoint.tensors if n in stacked or n in shared):
            view = _row(views[name], row) if name in stacked else views[name]
            views[name_in(language, name)] = view
    return _with_views(checkpoint, views)


def speaking(checkpoint: Checkpoint, language: str) -> Checkpoint:
    """The checkpoint after a language's tensors took the place of its model's, as fairseq's do.

    What they replace is left out, with the reason.
    """
    views = dict(checkpoint._views)
    prefix = name_in(language, "")
    own = {
        name.removeprefix(prefix): view for name, view in views.items() if name.startswith(prefix)
    }
    replaced = [name for name in own if name in views]
    views.update({name: own[name] for name in replaced})
    if not replaced:
        return _with_views(checkpoint, views)
    reasons = (*checkpoint.replaced, _reason(replaced))
    return replace(_with_views(checkpoint, views), replaced=reasons, unspoken=checkpoint)


def _reason(names: Sequence[str]) -> Reason:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    because = "fairseq puts those of a language in their place before it is asked anything"
    return Reason(name=f"{names[0]}{more} of `model`", because=because)


def _row(view: TensorView, row: int) -> TensorView:
    """One row of a stacked tensor, shape (1, ...)."""
    shape = (1, *view.spec.shape[1:])
    offset = view.offset + row * view.stride[0]
    return replace(view, spec=replace(view.spec, shape=shape), offset=offset)


def _with_views(checkpoint: Checkpoint, views: Mapping[str, TensorView]) -> Checkpoint:
    """The checkpoint with other tensors, those of the same file."""
    named = {n: replace(view, spec=replace(view.spec, name=n)) for n, view in views.items()}
    specs = {name: view.spec for name, view in named.items()}
    return replace(checkpoint, tensors=MappingProxyType(specs), _views=MappingProxyType(named))
