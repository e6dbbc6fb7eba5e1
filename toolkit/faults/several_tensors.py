"""Faults in which tensors hold what belongs elsewhere: swapped, copied, off by a layer, untied."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from toolkit.faults import weights
from toolkit.faults.configs import set_key
from toolkit.faults.facts import CONFIG, EMBEDDING, OUTPUT, WEIGHTS, Facts, Place, owner
from toolkit.faults.fault import Break, Fault, Truth
from toolkit.faults.single_tensors import changed, exchanged, seed_of, tensor_truth

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Change: TypeAlias = Callable[[Tensor], Tensor]

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")
ENDINGS = ("weight", "bias")
TIE_KEY = "decoder.tie_word_embeddings"


def several_tensor_faults(facts: Facts) -> Iterator[Fault]:
    """Every fault that needs more than one tensor to be told."""
    yield from _attention_faults(facts)
    yield from _norm_faults(facts)
    yield from _stack_faults(facts)
    yield from _output_faults(facts)
    yield from _extra_faults(facts)


def moved(kind: str, sources: Mapping[str, str], where: str, *hypotheses: str) -> Fault:
    """A fault in which tensors hold the values of others.

    Args:
        kind: The class of the fault.
        sources: Whose values a tensor gets, by the tensor's name.
        where: What the fault is called after.
        *hypotheses: Names that are right.
    """
    return Fault(
        name=f"{kind}:{where}",
        kind=kind,
        part=Place(name=next(iter(sources)), shape=()).part,
        truth=tensor_truth(sources, *hypotheses),
        break_folder=partial(weights.move_tensors, sources=dict(sources)),
    )


def _attention_faults(facts: Facts) -> Iterator[Fault]:
    for turn, attention in enumerate(facts.attentions):
        swaps = (("q_proj", "k_proj"), ("v_proj", "out_proj"), ("k_proj", "v_proj"))
        left, right = swaps[turn % len(swaps)]
        both = _exchange(facts, f"{attention}.{left}", f"{attention}.{right}")
        # A copy the other way round, so that every attention has one of each.
        copy = {f"{attention}.{right}.weight": f"{attention}.{left}.weight"}
        if both:
            yield moved("projections_swapped", both, f"{attention}.{left}-{right}", "swapped_with")
        if _alike(facts, copy):
            yield moved("projection_copied", copy, f"{attention}.{left}-{right}", "swapped_with")
        yield from _permuted_attention(facts, attention)
        yield from _fused_attention(facts, attention, turn)
    yield from _crossed_faults(facts)


def _permuted_attention(facts: Facts, attention: str) -> Iterator[Fault]:
    """Heads in another order in three projections, but not where their outputs meet."""
    heads = facts.heads(attention)
    names = [f"{attention}.{p}.{ending}" for p in PROJECTIONS[:3] for ending in ENDINGS]
    present = [name for name in names if name in facts.shapes]
    if heads > 1 and ".0." in attention:
        permute = partial(weights.permute_blocks, order=exchanged(heads), axis=0)
        changes = dict.fromkeys(present, permute)
        yield changed("heads_permuted_on_one_side", changes, "heads_permuted", where=attention)


def _fused_attention(facts: Facts, attention: str, turn: int) -> Iterator[Fault]:
    """Query, key and value cut out of one tensor as if heads or rows took turns, or misnamed."""
    names = [f"{attention}.{p}.{ending}" for ending in ENDINGS for p in PROJECTIONS[:3]]
    misnamed = dict(zip(names, [*names[1:3], names[0], *names[4:], names[3]], strict=True))
    if not _alike(facts, misnamed):
        return
    yield moved("fused_order_changed", misnamed, attention, "fused_split")
    width = 1 if turn % 2 else facts.width(attention) // facts.heads(attention)
    cuts = [
        partial(weights.cut_fused, names=tuple(fused), width=width)
        for fused in (names[:3], names[3:])
    ]
    yield Fault(
        name=f"fused_cut_in_turns:{attention}-{width}",
        kind="fused_cut_in_turns",
        part=Place(name=names[0], shape=()).part,
        truth=tensor_truth(names, "fused_split"),
        break_folder=partial(_in_turn, breaks=tuple(cuts)),
    )


def _crossed_faults(facts: Facts) -> Iterator[Fault]:
    """Self-attention and cross-attention of a decoder layer taken for each other."""
    for turn, attention in enumerate(a for a in facts.attentions if a.endswith(".self_attn")):
        other = attention.removesuffix("self_attn") + "encoder_attn"
        projection = PROJECTIONS[turn % len(PROJECTIONS)]
        one = _exchange(facts, f"{attention}.{projection}", f"{other}.{projection}")
        whole = _exchange(facts, attention, other)
        if not whole:
            continue
        yield moved("self_and_cross_swapped", one, f"{attention}.{projection}", "swapped_with")
        if turn == 0:
            yield moved("self_and_cross_swapped", whole, attention, "swapped_with")
        copy = {name: source for name, source in whole.items() if name.startswith(f"{other}.")}
        name = sorted(copy)[turn % len(copy)]
        yield moved("cross_copied_from_self", {name: copy[name]}, name, "swapped_with")


def _norm_faults(facts: Facts) -> Iterator[Fault]:
    """Norms of one layer taken for each other, and a norm's weight for its bias."""
    for stack, layers in facts.stacks.items():
        for turn, (index, names) in enumerate(layers.items()):
            norms = sorted({owner(n) for n in names.values() if Place(name=n, shape=()).is_norm})
            if len(norms) > 1:
                left, right = norms[turn % len(norms)], norms[(turn + 1) % len(norms)]
                both = _exchange(facts, left, right)
                where = f"{stack}.{index}.{left.rpartition('.')[2]}"
                if both:
                    yield moved("norms_swapped", both, where, "swapped_with")
            if norms and turn == 0:
                pair = _exchange_pairs(facts, [(f"{norms[0]}.weight", f"{norms[0]}.bias")])
                if pair:
                    yield moved("weight_and_bias_swapped", pair, norms[0], "swapped_with")


def _stack_faults(facts: Facts) -> Iterator[Fault]:
    for stack, layers in facts.stacks.items():
        alike = _alike_run(facts, layers)
        if len(alike) < 2:
            continue
        first, second = alike[:2]
        pairs = [(layers[first][tail], layers[second][tail]) for tail in sorted(layers[first])]
        # Each of two neighbours that are swapped is also off by one layer.
        names = ("swapped_with", "layer_offset")
        yield moved("layers_swapped", _exchange_pairs(facts, pairs), f"{stack}.{first}", *names)
        yield from _neighbour_faults(facts, layers, alike)
        repeated = {layers[alike[-2]][tail]: layers[alike[-1]][tail] for tail in layers[first]}
        yield moved("layer_repeated", repeated, f"{stack}.{alike[-2]}", "layer_offset")
        if len(alike) > 2:
            yield from _rotations(stack, layers, alike)


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
        yield moved("neighbours_swapped", pair, layers[left][tail], *names)
    for tail in tails[-3:]:
        copy = {layers[right][tail]: layers[left][tail]}
        yield moved("neighbour_copied", copy, layers[right][tail], "layer_offset")


def _rotations(
    stack: str, layers: Mapping[int, Mapping[str, str]], alike: list[int]
) -> Iterator[Fault]:
    """All layers one further, the first one last; then one role of tensor alone."""
    following = [*alike[1:], alike[0]]
    pairs = list(zip(alike, following, strict=True))
    tails = sorted(layers[alike[0]])
    every = {layers[i][tail]: layers[after][tail] for i, after in pairs for tail in tails}
    yield moved("layers_rotated", every, stack, "layer_offset")
    for tail in random.Random(seed_of(stack)).sample(tails, min(2, len(tails))):
        one = {layers[i][tail]: layers[after][tail] for i, after in pairs}
        yield moved("role_rotated", one, f"{stack}.{tail}", "layer_offset")


def _output_faults(facts: Facts) -> Iterator[Fault]:
    """The output layer untied from, or tied to, the embedding against the checkpoint."""
    if EMBEDDING not in facts.shapes:
        return
    if facts.tied:
        seed = seed_of(OUTPUT)
        for label, change in (
            ("fresh", partial(weights.fresh_values, seed=seed)),
            ("shifted", partial(weights.shift_rows, by=1)),
            ("scaled", partial(weights.scale_values, factor=1.01)),
            ("nudged", partial(weights.nudge_element, seed=seed)),
        ):
            add = partial(weights.add_tensor, name=OUTPUT, model=EMBEDDING, change=change)
            yield _output_fault("output_added", label, add)
            yield _with_key(_output_fault("output_untied", label, add), value=False)
    elif OUTPUT in facts.shapes:
        remove = partial(weights.remove_tensors, names=(OUTPUT,))
        fault = _with_key(_output_fault("output_tied", "removed", remove), value=True)
        truth = replace(fault.truth, hypotheses=frozenset({"tie_invented"}))
        yield replace(fault, truth=truth)


def _output_fault(kind: str, label: str, break_folder: Break) -> Fault:
    return Fault(
        name=f"{kind}:{OUTPUT}-{label}",
        kind=kind,
        part="output layer",
        truth=tensor_truth([OUTPUT], "tie_broken"),
        break_folder=break_folder,
    )


def _with_key(fault: Fault, *, value: bool) -> Fault:
    """The fault together with the key that makes the model believe it."""
    truth = replace(
        fault.truth, config_keys=frozenset({TIE_KEY}), files=frozenset({WEIGHTS, CONFIG})
    )
    both = (fault.break_folder, partial(set_key, file=CONFIG, path=TIE_KEY, value=value))
    return replace(fault, truth=truth, break_folder=partial(_in_turn, breaks=both))


def _in_turn(folder: Path, *, breaks: Iterable[Break]) -> None:
    for break_folder in breaks:
        break_folder(folder)


def _extra_faults(facts: Facts) -> Iterator[Fault]:
    """Tensors that the model has no place for."""
    for stack, layers in facts.stacks.items():
        last = max(layers)
        model = layers[last][sorted(layers[last])[0]]
        beyond = model.replace(f"{stack}.{last}.", f"{stack}.{last + 1}.")
        yield _extra_fault("layer_beyond_the_last", beyond, model, weights.keep_values)
    for attention in facts.attentions[:1]:
        model = f"{attention}.q_proj.weight"
        change = partial(weights.single_value, value=1.0)
        yield _extra_fault("tensor_invented", f"{attention}.q_proj.weight_scale", model, change)


def _extra_fault(kind: str, name: str, model: str, change: Change) -> Fault:
    truth: Truth = tensor_truth([name], "wrong_value")
    return Fault(
        name=f"{kind}:{name}",
        kind=kind,
        part=Place(name=name, shape=()).part,
        truth=truth,
        break_folder=partial(weights.add_tensor, name=name, model=model, change=change),
    )


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
