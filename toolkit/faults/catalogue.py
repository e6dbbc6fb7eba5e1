"""Every fault of a converted folder, in a fixed order; and pairs of them."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from toolkit.core.breakable import Breakable
from toolkit.faults.configs import config_faults
from toolkit.faults.dropped import dropped_faults
from toolkit.faults.facts import read_facts
from toolkit.faults.fault import DoubleFault, Fault, Truth
from toolkit.faults.languages import language_faults
from toolkit.faults.several_tensors import several_tensor_faults
from toolkit.faults.single_tensors import KINDS, single_tensor_faults
from toolkit.faults.tokenizers import tokenizer_faults

__all__ = ["DoubleFault", "Fault", "Truth", "double_faults", "single_faults"]

PAIRS = {"weight+config": 32, "weight+weight": 16, "config+config": 12}
"""How many double faults of each kind there are."""
SEED = 20_100
ROUNDED = "rounded_to_"
"""What kinds are called that round a tensor."""

PAIRED_WEIGHT_KINDS = frozenset({"element_nudged", *(kind.name for kind in KINDS)})
"""Kinds that read no tensor but the one that they break: their order does not matter."""
PAIRED_CONFIG_KINDS = frozenset(
    {
        "activation_changed",
        "head_count_changed",
        "norm_order_changed",
        "epsilon_changed",
        "stride_changed",
        "embedding_scale_changed",
        "start_token_changed",
        "token_id_changed",
        "language_changed",
        "search_changed",
        "length_changed",
        "suppression_changed",
        "normalization_changed",
        "padding_changed",
        "rows_swapped",
        "row_renamed",
        "scores_changed",
        "special_token_changed",
        "setting_changed",
        "special_rows_swapped",
        "dtype_changed",
    }
)
"""Kinds that leave the shapes of the model alone, so that a weight beside them still loads."""


def single_faults(folder: Path, breakable: Breakable) -> tuple[Fault, ...]:
    """Every single fault of a right folder, the same ones in the same order each time.

    A few may change nothing in a certain folder, such as a permutation of equal rows: those are
    told by `toolkit.faults.proof.maybe_harmless`.

    Args:
        folder: What a conversion wrote.
        breakable: What its family and its task say of such folders.

    Raises:
        BadInput: the folder is none that a conversion wrote.
    """
    facts = read_facts(folder, breakable)
    return (
        *single_tensor_faults(facts),
        *several_tensor_faults(facts),
        *dropped_faults(facts),
        *config_faults(facts),
        *tokenizer_faults(facts),
        *language_faults(facts),
    )


def double_faults(folder: Path, breakable: Breakable) -> tuple[DoubleFault, ...]:
    """Pairs of single faults that share no module, no tensor, no key and no explanation.

    Args:
        folder: What a conversion wrote.
        breakable: What its family and its task say of such folders.

    Raises:
        BadInput: the folder is none that a conversion wrote.
    """
    singles = single_faults(folder, breakable)
    weights = _mixed(f for f in singles if f.kind in PAIRED_WEIGHT_KINDS)
    configs = _mixed(f for f in singles if f.kind in PAIRED_CONFIG_KINDS)
    sides = {
        "weight+config": (weights, configs),
        "weight+weight": (weights[len(weights) // 2 :], weights[: len(weights) // 2]),
        "config+config": (configs[len(configs) // 2 :], configs[: len(configs) // 2]),
    }
    return tuple(
        DoubleFault(name=f"{first.name} + {second.name}", kind=kind, first=first, second=second)
        for kind, (left, right) in sides.items()
        for first, second in _pairs(left, right, PAIRS[kind])
    )


def are_independent(first: Fault, second: Fault) -> bool:
    """Whether neither fault can hide or explain the other."""
    left, right = first.truth, second.truth
    shared = (
        left.modules & right.modules,
        left.parameters & right.parameters,
        left.config_keys & right.config_keys,
        _name_parts(first) & _name_parts(second),
    )
    return not any(shared) and not _hides(first, second) and not _hides(second, first)


def _hides(first: Fault, second: Fault) -> bool:
    """Whether all weights are rounded on loading, so that one that was rounded is like the rest."""
    return "dtype" in first.truth.config_keys and second.kind.startswith(ROUNDED)


def _name_parts(fault: Fault) -> frozenset[str]:
    """What keys are about: one name in two files is one thing, and so is the whole tokenizer."""
    names = {key.rpartition(".")[2] for key in fault.truth.config_keys}
    return frozenset({"tokenizer"} if fault.part == "tokenizer" else names)


def _pairs(
    left: Sequence[Fault], right: Sequence[Fault], count: int
) -> Iterator[tuple[Fault, Fault]]:
    """Pairs of independent faults; each side goes round its faults."""
    used: set[tuple[str, str]] = set()
    step = 0
    while len(used) < count and step < len(left) * len(right):
        first, second = left[step % len(left)], right[(step + step // len(left)) % len(right)]
        step += 1
        if are_independent(first, second) and (first.name, second.name) not in used:
            used.add((first.name, second.name))
            yield first, second


def _mixed(faults: Iterable[Fault]) -> list[Fault]:
    """Faults in a seeded order in which every kind comes once before any comes twice."""
    by_kind: dict[str, list[Fault]] = defaultdict(list)
    for fault in faults:
        by_kind[fault.kind].append(fault)
    chance = random.Random(SEED)
    groups = [by_kind[kind] for kind in sorted(by_kind)]
    for group in groups:
        chance.shuffle(group)
    chance.shuffle(groups)
    longest = max((len(group) for group in groups), default=0)
    return [group[turn] for turn in range(longest) for group in groups if turn < len(group)]
