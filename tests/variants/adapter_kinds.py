"""CTC models of several languages: adapters in one tensor, or a set of weights for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch

from tests.variants.ctc_kinds import (
    ADAPTERS,
    GROUP_NORM,
    LETTERS,
    CtcVariant,
    Groups,
    State,
    as_hydra,
    as_namespace,
    in_half,
)

EVERYWHERE = {**ADAPTERS, "adp_trf_idx": "all"}
ONE_EACH = {**EVERYWHERE, "adp_num": 1}
"""As published: the model has the adapters of one language, which those of any replace."""
SYMBOLS: Mapping[str, Sequence[str]] = {
    "fra": (*LETTERS, "é"),
    "eng": LETTERS[:20],
    "aze-script_latin": (*LETTERS[::-1], "ə", "ch"),
}
"""The rows of each language's dictionary; no two have as many."""
LANGUAGES = "eng,fra,deu"
HEAD = "w2v_encoder.proj."


def named(groups: Groups, state: State) -> dict[str, Any]:
    """As a run on several corpora, whose names choose an adapter by their order."""
    return as_hydra({**groups, "task": {**groups["task"], "multi_corpus_keys": LANGUAGES}}, state)


def in_sets(groups: Groups, state: State) -> dict[str, Any]:
    """As published: beside the model, weights and a dictionary for each language."""
    generator = torch.Generator().manual_seed(5)
    sets = {lang: language_set(state, rows, generator) for lang, rows in SYMBOLS.items()}
    return {**as_hydra(groups, state), "adapter": sets}


def in_half_sets(groups: Groups, state: State) -> dict[str, Any]:
    """The same in float16."""
    saved = in_sets(groups, state)
    halves = {
        language: {**held, "model": {name: t.half() for name, t in held["model"].items()}}
        for language, held in saved["adapter"].items()
    }
    return {**in_half(groups, state), "adapter": halves}


def in_namespace_sets(groups: Groups, state: State) -> dict[str, Any]:
    """The same with the arguments of 2020."""
    return {**as_namespace(groups, state), "adapter": in_sets(groups, state)["adapter"]}


def language_set(
    state: State, symbols: Sequence[str], generator: torch.Generator
) -> dict[str, Any]:
    """The weights and the dictionary of one language, as fairseq reads them."""
    from fairseq.data import Dictionary

    dictionary = Dictionary()
    for symbol in symbols:
        dictionary.add_symbol(symbol)
    width = state[HEAD + "weight"].shape[1]
    own = {n: _random(t.shape, generator) for n, t in state.items() if ".adapter_layer." in n}
    own[HEAD + "weight"] = _random((len(dictionary), width), generator)
    own[HEAD + "bias"] = _random((len(dictionary),), generator)
    return {"model": own, "task_state": {"target_dictionary": dictionary}}


def _random(shape: Sequence[int], generator: torch.Generator) -> torch.Tensor:
    return torch.randn(tuple(shape), generator=generator)


_stacked = partial(CtcVariant, inner=EVERYWHERE, outer=EVERYWHERE, save=named)
_sets = partial(CtcVariant, inner=ONE_EACH, outer=ONE_EACH, save=in_sets)
_gelu = {**EVERYWHERE, "adp_act_fn": "gelu"}

ADAPTER_VARIANTS = (
    _stacked(name="several languages, adapters in one tensor"),
    _stacked(name="several languages, not named", save=as_hydra),
    _stacked(name="several languages, adapters in some layers", inner=ADAPTERS, outer=ADAPTERS),
    _stacked(
        name="several languages, group norm, norms first",
        kind={**GROUP_NORM, "layer_norm_first": True},
    ),
    _sets(name="MMS, a set of weights for each language"),
    _sets(name="MMS, float16 weights", save=in_half_sets),
    _sets(name="MMS, Namespace", save=in_namespace_sets),
    _stacked(
        name="several languages, gelu in adapters",
        inner=_gelu,
        outer=_gelu,
        ends="refused: w2v_args.adp_act_fn",
    ),
    _stacked(
        name="several languages, norms behind",
        inner={**EVERYWHERE, "layer_norm_first": False},
        ends="refused: w2v_args.adp_num",
    ),
)
