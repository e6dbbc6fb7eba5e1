"""Attention with gated relative positions, as WavLM has it: configuration, rules, what it lacks.

Source: `MultiheadAttention` in https://github.com/microsoft/unilm/tree/master/wavlm; Chen et al. 2021
(arXiv:2110.13900).
"""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.blocks.evidence import Derived
from toolkit.blocks.forms import Lack
from toolkit.blocks.wav2vec2.trunk import LAYERS, Trunk
from toolkit.mapping import Row, Rule
from toolkit.replay.pairs import Layout

WAVLM = "wavlm"
"""Model type of the class that has such attention in every layer."""
OWN, THEIRS = "encoder.layers.{i}.self_attn.", "encoder.layers.{i}.attention."
GATE, BUCKETS = f"{LAYERS}0.self_attn.grep_a", f"{LAYERS}0.self_attn.relative_attention_bias.weight"

# fmt: off
ROWS: tuple[Row, ...] = (
    Rule(OWN + "grep_linear.{weight|bias}",         THEIRS + "gru_rel_pos_linear.{weight|bias}"),
    Rule(OWN + "grep_a",                            THEIRS + "gru_rel_pos_const"),
    # The first layer alone has the table of distances; the others are given what it makes.
    Rule(BUCKETS,                                   "encoder.layers.0.attention.rel_attn_embed.weight"),
)
LAYOUTS = (
    Layout(THEIRS + "gru_rel_pos_linear",           "B H T D",          "B H T D"),
    # P positions that are looked at from T, the same for every clip.
    Layout(THEIRS + "rel_attn_embed",               "T P -> T P H",     "T P -> T P H"),
)
# fmt: on
MAX_DISTANCE = 1280
"""What the fork takes where its arguments say nothing."""


def has_gates(trunk: Trunk) -> bool:
    """Whether the encoder's attention has gates and distances."""
    return trunk.facts.has(GATE) and trunk.facts.has(BUCKETS)


def rows(trunk: Trunk, kind: str) -> tuple[Row, ...]:
    """The rules of gates and distances, where the class has them."""
    return ROWS if kind == WAVLM and has_gates(trunk) else ()


def config(trunk: Trunk, kind: str) -> Iterator[tuple[str, Derived]]:
    """How distances are counted, where the class counts them."""
    if kind != WAVLM or not has_gates(trunk):
        return
    yield "num_buckets", trunk.facts.shaped(trunk.facts.shape(BUCKETS)[0], BUCKETS)
    name = "max_distance"
    told = f"the fork's default, as {trunk.where}.{name} is absent"
    assumed = Derived(value=MAX_DISTANCE, evidence=told, candidates=(800, MAX_DISTANCE))
    yield "max_bucket_distance", trunk.argued(name) if name in trunk.w2v else assumed


def unpaired(trunk: Trunk) -> Iterator[str]:
    """Target tensors that no pair of modules has.

    transformers reads the weights of these linear layers without calling them, so that the attention
    as a whole is compared.
    """
    for layer in range(trunk.layers if has_gates(trunk) else 0):
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            for tensor in ("weight", "bias"):
                yield f"encoder.layers.{layer}.attention.{name}.{tensor}"


def maybe_heads(trunk: Trunk) -> Derived | None:
    """How many heads there are, where gates tell: each has one."""
    if not has_gates(trunk):
        return None
    return trunk.facts.shaped(trunk.facts.shape(BUCKETS)[1], BUCKETS)


def lacks(trunk: Trunk, kind: str, name: str) -> Iterator[Lack]:
    """What the encoder has and a stock class cannot express, or the other way round."""
    if has_gates(trunk) is (kind == WAVLM):
        return
    has, other = ("", "none") if has_gates(trunk) else ("no ", "has them")
    yield Lack(
        name=f"{trunk.where}.gru_rel_pos",
        because=f"its attention has {has}gated relative positions, that of {name} {other}",
        module=trunk.place.module("encoder.layers.0.attention"),
    )
