"""Adapters behind the layers of an encoder, a set for each language.

Source: `AdapterFast` in `fairseq/models/wav2vec/wav2vec2.py`; Pratap et al. 2023
(arXiv:2305.13516).
"""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.blocks.evidence import Derived
from toolkit.blocks.forms import Lack
from toolkit.blocks.wav2vec2.trunk import LAYERS, Trunk
from toolkit.checkpoint.sets import name_in
from toolkit.mapping import Fill, Pick, Row, Rule, Zeros

PARTS = {
    "ln_W": "norm.weight",
    "ln_b": "norm.bias",
    "W_a": "linear_1.weight",
    "b_a": "linear_1.bias",
    "W_b": "linear_2.weight",
    "b_b": "linear_2.bias",
}
"""fairseq's names of an adapter's tensors, whose first axis counts languages, and transformers'."""
OWN = "adapter_layer"
"""What both call an adapter in its layer."""
ACTIVATION = "relu"
"""The one that `Wav2Vec2AttnAdapterLayer` has."""


def language_slot(languages: tuple[str, ...]) -> str:
    """The part of a pattern that stands for any of the languages."""
    return languages[0] if len(languages) == 1 else f"{{{'|'.join(languages)}}}"


def config(trunk: Trunk) -> Iterator[tuple[str, Derived]]:
    """How wide the adapters are."""
    if trunk.languages:
        name = f"{LAYERS}{trunk.adapted[0]}.{OWN}.W_a"
        yield "adapter_attn_dim", trunk.facts.shaped(trunk.facts.shape(name)[1], name)


def rows(trunk: Trunk) -> Iterator[Row]:
    """The rules of the adapters of all languages, and of those that the model begins with."""
    if not trunk.languages:
        return
    kept = trunk.adapter_row
    yield from trunk.place.rows(_rules(kept))
    slot = language_slot(trunk.languages)
    for rule in trunk.place.rows(_rules(0)):
        yield rule.under(name_in(slot, ""), name_in(slot, ""))
    yield from _fillings(trunk)


def lacks(trunk: Trunk, *, fits: bool, norms_first: bool) -> Iterator[Lack]:
    """What a class lacks for the adapters of languages.

    Args:
        trunk: The encoder.
        fits: Whether the class has such layers at all.
        norms_first: Whether each layer normalizes before it computes.
    """
    if not trunk.languages:
        return
    module = trunk.place.module("encoder.layers.0")
    if not fits or not norms_first:
        because = "its layers have adapters for languages, which only layers of Wav2Vec2 have that "
        yield Lack(
            name=f"{trunk.where}.adp_num", because=f"{because}normalize first", module=module
        )
    said = trunk.around.get("adp_act_fn", trunk.w2v.get("adp_act_fn", ACTIVATION))
    if said != ACTIVATION:
        because = f"its adapters have the activation `{said}`, those of Wav2Vec2 `{ACTIVATION}`"
        yield Lack(name=f"{trunk.where}.adp_act_fn", because=because, module=module)


def _rules(row: int) -> Iterator[Rule]:
    for source, target in PARTS.items():
        place = f"{LAYERS}{{i}}.{OWN}."
        yield Rule(place + source, place + target, Pick(row))


def _fillings(trunk: Trunk) -> Iterator[Row]:
    """Adapters that add nothing, for layers without one."""
    because = "fairseq has no adapter in this layer; one of zeros adds nothing"
    bare = [layer for layer in range(trunk.layers) if layer not in trunk.adapted]
    for layer in bare:
        for target in PARTS.values():
            name = trunk.place.module(f"{LAYERS}{layer}.{OWN}.{target}")
            yield Fill(name, Zeros(), because)
            for language in trunk.languages:
                yield Fill(name_in(language, name), Zeros(), because)
