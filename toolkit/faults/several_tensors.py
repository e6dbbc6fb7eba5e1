"""Faults in which tensors hold what belongs elsewhere: swapped, copied, off by a layer, untied."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from toolkit.faults import weights
from toolkit.faults.facts import Block, Facts, is_norm, owner
from toolkit.faults.fault import Fault, in_turn
from toolkit.faults.outputs import output_faults, with_key
from toolkit.faults.single_tensors import broken, changed, exchanged, seed_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Change: TypeAlias = Callable[[Tensor], Tensor]

ENDINGS = ("weight", "bias")
DTYPE = "dtype"
"""The key that says in which dtype a model is loaded."""


def several_tensor_faults(facts: Facts) -> Iterator[Fault]:
    """Every fault that needs more than one tensor to be told."""
    yield from _attention_faults(facts)
    yield from _norm_faults(facts)
    yield from _stack_faults(facts)
    yield from output_faults(facts)
    yield from _extra_faults(facts)
    yield from _narrow_faults(facts)


def moved(
    facts: Facts, kind: str, sources: Mapping[str, str], where: str, *hypotheses: str
) -> Fault:
    """A fault in which tensors hold the values of others.

    Args:
        facts: The right folder.
        kind: The class of the fault.
        sources: Whose values a tensor gets, by the tensor's name.
        where: What the fault is called after.
        *hypotheses: Names that are right.
    """
    move = partial(weights.move_tensors, sources=dict(sources))
    return broken(facts, f"{kind}:{where}", sources, hypotheses, move)


def _attention_faults(facts: Facts) -> Iterator[Fault]:
    for turn, block in enumerate(facts.attentions):
        query, key, value, output = block.projections
        swaps = ((query, key), (value, output), (key, value))
        left, right = swaps[turn % len(swaps)]
        where = f"{left}-{right.rpartition('.')[2]}"
        both = _exchange(facts, left, right)
        # A copy the other way round, so that every attention has one of each.
        copy = {f"{right}.weight": f"{left}.weight"}
        if both:
            yield moved(facts, "projections_swapped", both, where, "swapped_with")
        if _alike(facts, copy):
            yield moved(facts, "projection_copied", copy, where, "swapped_with")
        yield from _permuted_attention(facts, block)
        yield from _fused_attention(facts, block, turn)
    yield from _crossed_faults(facts)


def _permuted_attention(facts: Facts, block: Block) -> Iterator[Fault]:
    """Heads in another order in three projections, but not where their outputs meet."""
    heads = facts.heads(block.path)
    names = [f"{path}.{ending}" for path in block.inputs for ending in ENDINGS]
    present = [name for name in names if name in facts.shapes]
    if heads > 1 and ".0." in block.path:
        permute = partial(weights.permute_blocks, order=exchanged(heads), axis=0)
        changes = dict.fromkeys(present, permute)
        yield changed(
            facts, "heads_permuted_on_one_side", changes, "heads_permuted", where=block.path
        )


def _fused_attention(facts: Facts, block: Block, turn: int) -> Iterator[Fault]:
    """Query, key and value cut out of one tensor as if heads or rows took turns, or misnamed."""
    names = [f"{path}.{ending}" for ending in ENDINGS for path in block.inputs]
    misnamed = dict(zip(names, [*names[1:3], names[0], *names[4:], names[3]], strict=True))
    if not _alike(facts, misnamed):
        return
    yield moved(facts, "fused_order_changed", misnamed, block.path, "fused_split")
    width = 1 if turn % 2 else facts.width(block.path) // facts.heads(block.path)
    cuts = [
        partial(weights.cut_fused, names=tuple(fused), width=width)
        for fused in (names[:3], names[3:])
    ]
    cut = partial(in_turn, breaks=tuple(cuts))
    yield broken(facts, f"fused_cut_in_turns:{block.path}-{width}", names, ["fused_split"], cut)


def _crossed_faults(facts: Facts) -> Iterator[Fault]:
    """Attention to the own sequence and to another one, in one layer, taken for each other."""
    crossing = [block for block in facts.attentions if block.kind.crossed is not None]
    for turn, block in enumerate(crossing):
        attention, other = block.path, f"{owner(block.path)}.{block.kind.crossed}"
        projection = block.kind.projections[turn % len(block.kind.projections)]
        one = _exchange(facts, f"{attention}.{projection}", f"{other}.{projection}")
        whole = _exchange(facts, attention, other)
        if not whole:
            continue
        where = f"{attention}.{projection}"
        yield moved(facts, "self_and_cross_swapped", one, where, "swapped_with")
        if turn == 0:
            yield moved(facts, "self_and_cross_swapped", whole, attention, "swapped_with")
        copy = {name: source for name, source in whole.items() if name.startswith(f"{other}.")}
        name = sorted(copy)[turn % len(copy)]
        yield moved(facts, "cross_copied_from_self", {name: copy[name]}, name, "swapped_with")


def _norm_faults(facts: Facts) -> Iterator[Fault]:
    """Norms of one layer taken for each other, and a norm's weight for its bias."""
    for stack, layers in facts.stacks.items():
        for turn, (index, names) in enumerate(layers.items()):
            norms = sorted({owner(n) for n in names.values() if is_norm(n)})
            if len(norms) > 1:
                left, right = norms[turn % len(norms)], norms[(turn + 1) % len(norms)]
                both = _exchange(facts, left, right)
                where = f"{stack}.{index}.{left.rpartition('.')[2]}"
                if both:
                    yield moved(facts, "norms_swapped", both, where, "swapped_with")
            if norms and turn == 0:
                pair = _exchange_pairs(facts, [(f"{norms[0]}.weight", f"{norms[0]}.bias")])
                if pair:
                    yield moved(facts, "weight_and_bias_swapped", pair, norms[0], "swapped_with")


def _stack_faults(facts: Facts) -> Iterator[Fault]:
    for stack, layers in facts.stacks.items():
        alike = _alike_run(facts, layers)
        if len(alike) < 2:
            continue
        first, second = alike[:2]
        pairs = [(layers[first][tail], layers[second][tail]) for tail in sorted(layers[first])]
        # Each of two neighbours that are swapped is also off by one layer.
        names = ("swapped_with", "layer_offset")
        both = _exchange_pairs(facts, pairs)
        yield moved(facts, "layers_swapped", both, f"{stack}.{first}", *names)
        yield from _neighbour_faults(facts, layers, alike)
        repeated = {layers[alike[-2]][tail]: layers[alike[-1]][tail] for tail in layers[first]}
        yield moved(facts, "layer_repeated", repeated, f"{stack}.{alike[-2]}", "layer_offset")
        if len(alike) > 2:
            yield from _rotations(facts, stack, layers, alike)


def _neighbour_faults(
    facts: Facts, layers: Mapping[int, Mapping[str, str]], alike: list[int]
) -> Iterator[Fault]:
    """One tensor swapped with, or copied from, its like in the next layer."""
    names = ("swapped_with", "layer_offset")
    left, right = alike[-2:]
    tails = sorted(layers[left])
    random.Random(seed_of(layers[left][tails[0]])).shuffle(tails)
    for tail in tails[:3]:
        pair = _exchange_pairs(facts, [(layers[left][tail], layers[right][tail])])
        yield moved(facts, "neighbours_swapped", pair, layers[left][tail], *names)
    for tail in tails[-3:]:
        copy = {layers[right][tail]: layers[left][tail]}
        yield moved(facts, "neighbour_copied", copy, layers[right][tail], "layer_offset")


def _rotations(
    facts: Facts, stack: str, layers: Mapping[int, Mapping[str, str]], alike: list[int]
) -> Iterator[Fault]:
    """All layers one further, the first one last; then one role of tensor alone."""
    following = [*alike[1:], alike[0]]
    pairs = list(zip(alike, following, strict=True))
    tails = sorted(layers[alike[0]])
    every = {layers[i][tail]: layers[after][tail] for i, after in pairs for tail in tails}
    yield moved(facts, "layers_rotated", every, stack, "layer_offset")
    for tail in random.Random(seed_of(stack)).sample(tails, min(2, len(tails))):
        one = {layers[i][tail]: layers[after][tail] for i, after in pairs}
        yield moved(facts, "role_rotated", one, f"{stack}.{tail}", "layer_offset")


def _extra_faults(facts: Facts) -> Iterator[Fault]:
    """Tensors that the model has no place for."""
    for stack, layers in facts.stacks.items():
        last = max(layers)
        model = layers[last][sorted(layers[last])[0]]
        beyond = model.replace(f"{stack}.{last}.", f"{stack}.{last + 1}.")
        yield _extra_fault(facts, "layer_beyond_the_last", beyond, model, weights.keep_values)
    for block in facts.attentions[:1]:
        model = f"{block.inputs[0]}.weight"
        change = partial(weights.single_value, value=1.0)
        yield _extra_fault(facts, "tensor_invented", f"{model}_scale", model, change)


def _extra_fault(facts: Facts, kind: str, name: str, model: str, change: Change) -> Fault:
    add = partial(weights.add_tensor, name=name, model=model, change=change)
    return broken(facts, f"{kind}:{name}", [name], ["wrong_value"], add)


def _narrow_faults(facts: Facts) -> Iterator[Fault]:
    """The whole folder in a dtype of less precision, which `config.json` may say or not."""
    for dtype in facts.breakable.narrow_dtypes:
        cast = partial(weights.cast_values, dtype=dtype)
        changes = dict.fromkeys(facts.shapes, cast)
        fault = changed(facts, "saved_narrower", changes, "precision_lost", where=dtype)
        yield fault
        yield with_key(replace(fault, name=f"{fault.name}-said"), DTYPE, dtype)


def _exchange(facts: Facts, left: str, right: str) -> dict[str, str]:
    """Every tensor under one path swapped with its like under another; empty if shapes differ."""
    tails = [p.name.removeprefix(left) for p in facts.places if p.name.startswith(f"{left}.")]
    return _exchange_pairs(facts, [(left + tail, right + tail) for tail in tails])


def _exchange_pairs(facts: Facts, pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    sources = {name: source for pair in pairs for name, source in (pair, pair[::-1])}
    return sources if _alike(facts, sources) else {}


def _alike(facts: Facts, sources: Mapping[str, str]) -> bool:
    """Whether both tensors of every pair exist in one shape."""
    return all(
        facts.shapes.get(name, None) == facts.shapes.get(source, ())
        for name, source in sources.items()
    )


def _alike_run(facts: Facts, layers: Mapping[int, Mapping[str, str]]) -> list[int]:
    """The longest run of layers at the end of a stack that have the same tensors."""
    looks = {
        index: {tail: facts.shapes[name] for tail, name in names.items()}
        for index, names in layers.items()
    }
    runs: list[list[int]] = [[]]
    for index in sorted(looks):
        if runs[-1] and looks[runs[-1][-1]] != looks[index]:
            runs.append([])
        runs[-1].append(index)
    return max(runs, key=len)
