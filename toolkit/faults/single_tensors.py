"""Faults of one tensor, or of the tensors of one module: every kind, in every part it fits.

Within a part the kinds go round its tensors, so that every role and both weights and biases of
every layer get their share without every kind meeting every tensor.
"""

# The tables keep their columns.
# ruff: noqa: E501

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias
from zlib import crc32

from toolkit.faults import weights
from toolkit.faults.facts import DIRECTION, GAIN, WEIGHTS, Block, Facts, Place, owners, template
from toolkit.faults.fault import Break, Fault, Truth

if TYPE_CHECKING:
    from torch import Tensor

    Change: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One way to break a tensor of any role."""

    name: str
    hypothesis: str
    make: Callable[[Place, Facts, int], Change]
    """The change for a tensor, given a seed."""
    fits: Callable[[Place], bool]


def single_tensor_faults(facts: Facts) -> Iterator[Fault]:
    """Faults of one tensor each, then those of whole modules."""
    yield from _smallest_faults(facts)
    for turn, kind in enumerate(KINDS):
        for group in _by_part(facts).values():
            fitting = [place for place in group if _fits(kind, place)]
            if fitting:
                yield kind_fault(kind, fitting[turn % len(fitting)], facts)
    yield from _tap_faults(facts)
    yield from _weight_norm_faults(facts)
    yield from _unfilled_faults(facts)
    yield from _scaled_faults(facts)


def _fits(kind: Kind, place: Place) -> bool:
    """Whether a kind of break shows on a tensor."""
    shows = not place.part.is_zero or kind.hypothesis == "wrong_value"
    return shows and kind.fits(place)


def kind_fault(kind: Kind, place: Place, facts: Facts) -> Fault:
    """One kind of break on one tensor."""
    change = kind.make(place, facts, seed_of(f"{kind.name}:{place.name}"))
    return changed(facts, kind.name, {place.name: change}, kind.hypothesis)


def changed(
    facts: Facts,
    kind: str,
    changes: Mapping[str, Change],
    *hypotheses: str,
    where: str | None = None,
) -> Fault:
    """A fault that changes tensors each on its own.

    Args:
        facts: The right folder.
        kind: The class of the fault.
        changes: What happens to a tensor, by its name.
        *hypotheses: Names that are right.
        where: What the fault is called after; the tensor if there is but one.
    """
    names = tuple(changes)
    return broken(
        facts,
        f"{kind}:{where or names[0]}",
        names,
        hypotheses,
        partial(weights.change_tensors, changes=dict(changes)),
    )


def removed(facts: Facts, kind: str, names: Iterable[str], where: str) -> Fault:
    """A fault that leaves tensors out of the file, where transformers fills them at random."""
    names = tuple(names)
    remove = partial(weights.remove_tensors, names=names)
    return broken(facts, f"{kind}:{where}", names, ["not_filled"], remove)


def broken(
    facts: Facts,
    name: str,
    tensors: Iterable[str],
    hypotheses: Iterable[str],
    break_folder: Break,
) -> Fault:
    """A fault of tensors, in the part of the first of them.

    Args:
        facts: The right folder.
        name: The class of the fault, a colon, and what it is called after.
        tensors: All that are broken, and no others.
        hypotheses: Names that are right.
        break_folder: Breaks a folder.
    """
    tensors = tuple(tensors)
    return Fault(
        name=name,
        kind=name.partition(":")[0],
        part=facts.part_of(tensors[0]).name,
        truth=tensor_truth(tensors, *hypotheses),
        break_folder=break_folder,
    )


def tensor_truth(names: Iterable[str], *hypotheses: str) -> Truth:
    """The truth about broken tensors."""
    names = tuple(names)
    return Truth(
        modules=owners(names),
        parameters=frozenset(names),
        hypotheses=frozenset(hypotheses),
        files=frozenset({WEIGHTS}),
    )


def seed_of(name: str) -> int:
    """A seed that depends on a name alone."""
    return crc32(name.encode())


def _any(_: Place) -> bool:
    return True


def _rescalable(place: Place) -> bool:
    # A weight norm divides any factor of its direction out again.
    return place.size > 1 and not place.name.endswith(DIRECTION)


def _clearable(place: Place) -> bool:
    # A direction of zeros has no length to be divided by: the weight would be no number at all.
    return not place.name.endswith(DIRECTION)


def _has_rows(place: Place) -> bool:
    return place.shape[0] >= 4


def _has_many_rows(place: Place) -> bool:
    return len(place.shape) > 1 and place.shape[0] >= 20


def _has_columns(place: Place) -> bool:
    return len(place.shape) > 1 and place.shape[1] >= 4


def _has_many_values(place: Place) -> bool:
    return place.size >= 12


def _looks_initialized(place: Place) -> bool:
    # Norms and biases start as ones and zeros, which are faults of their own.
    return len(place.shape) > 1 or place.part.is_bare


def _square_axes(place: Place) -> tuple[int, int] | None:
    for first in range(len(place.shape)):
        for second in range(first + 1, len(place.shape)):
            if place.shape[first] == place.shape[second] > 1:
                return first, second
    return None


def _is_square(place: Place) -> bool:
    return _square_axes(place) is not None


def _in_attention(place: Place) -> bool:
    return place.projection in ("query", "key", "value")


def _after_attention(place: Place) -> bool:
    return place.projection == "output" and len(place.shape) == 2


def _fixed(change: Callable[..., Tensor], **options: object) -> Callable[..., Change]:
    def make(_place: Place, _facts: Facts, _seed: int) -> Change:
        return partial(change, **options)

    return make


def _seeded(change: Callable[..., Tensor], **options: object) -> Callable[..., Change]:
    def make(_place: Place, _facts: Facts, seed: int) -> Change:
        return partial(change, seed=seed, **options)

    return make


def _times_root_of_width(place: Place, facts: Facts, _: int) -> Change:
    return partial(weights.scale_values, factor=math.sqrt(facts.width(place.name)))


def _transpose(place: Place, _facts: Facts, _seed: int) -> Change:
    axes = _square_axes(place)
    assert axes is not None, "`fits` lets square tensors through only"
    return partial(weights.transpose_axes, axes=axes)


def _swap_two_rows(place: Place, _: Facts, seed: int) -> Change:
    first, second = random.Random(seed).sample(range(place.shape[0]), 2)
    return partial(weights.swap_rows, rows=(first, second))


def _interleave_halves(place: Place, facts: Facts, _: int) -> Change:
    """As rotary positions want it, which these models do not have."""
    return partial(weights.deal_rows, rows=2, heads=facts.heads(place.name))


def _interleave_heads(place: Place, facts: Facts, _: int) -> Change:
    return partial(weights.deal_rows, rows=facts.heads(place.name))


def _exchange_heads(axis: int) -> Callable[..., Change]:
    def make(place: Place, facts: Facts, _: int) -> Change:
        return partial(weights.permute_blocks, order=exchanged(facts.heads(place.name)), axis=axis)

    return make


def exchanged(count: int) -> tuple[int, ...]:
    """An order with the first two in each other's place."""
    return (1, 0, *range(2, count)) if count > 1 else (0,)


# fmt: off
KINDS: tuple[Kind, ...] = (
    Kind(name="element_replaced",        hypothesis="wrong_value",    fits=_has_many_values,   make=_seeded(weights.replace_element)),
    Kind(name="row_replaced",            hypothesis="wrong_value",    fits=_has_many_rows,     make=_seeded(weights.replace_row)),
    Kind(name="rounded_to_float16",      hypothesis="precision_lost", fits=_any,               make=_fixed(weights.round_values, dtype="float16")),
    Kind(name="rounded_to_bfloat16",     hypothesis="precision_lost", fits=_any,               make=_fixed(weights.round_values, dtype="bfloat16")),
    Kind(name="scaled_by_a_hundredth",   hypothesis="scaled",         fits=_rescalable,        make=_fixed(weights.scale_values, factor=1.01)),
    Kind(name="halved",                  hypothesis="scaled",         fits=_rescalable,        make=_fixed(weights.scale_values, factor=0.5)),
    Kind(name="scaled_by_root_of_width", hypothesis="scaled",         fits=_rescalable,        make=_times_root_of_width),
    Kind(name="sign_flipped",            hypothesis="sign_flipped",   fits=_any,               make=_fixed(weights.flip_sign)),
    Kind(name="zeroed",                  hypothesis="zeroed",         fits=_clearable,         make=_fixed(weights.fill_values, value=0.0)),
    Kind(name="transposed",              hypothesis="transposed",     fits=_is_square,         make=_transpose),
    Kind(name="rows_shifted_down",       hypothesis="rows_shifted",   fits=_has_rows,          make=_fixed(weights.shift_rows, by=1)),
    Kind(name="rows_shifted_up",         hypothesis="rows_shifted",   fits=_has_rows,          make=_fixed(weights.shift_rows, by=-1)),
    Kind(name="rows_shifted_with_loss",  hypothesis="rows_shifted",   fits=_has_rows,          make=_fixed(weights.shift_rows_out, by=1)),
    Kind(name="two_rows_swapped",        hypothesis="rows_permuted",  fits=_has_rows,          make=_swap_two_rows),
    Kind(name="rows_shuffled",           hypothesis="rows_permuted",  fits=_has_rows,          make=_seeded(weights.shuffle_rows)),
    # No name of its own: columns are the rows of another axis.
    Kind(name="columns_shuffled",        hypothesis="rows_permuted",  fits=_has_columns,       make=_seeded(weights.shuffle_rows, axis=1)),
    Kind(name="heads_of_rows_permuted",  hypothesis="heads_permuted", fits=_in_attention,      make=_exchange_heads(0)),
    Kind(name="halves_of_heads_interleaved", hypothesis="heads_permuted", fits=_in_attention,  make=_interleave_halves),
    Kind(name="heads_interleaved",       hypothesis="heads_permuted", fits=_in_attention,      make=_interleave_heads),
    Kind(name="heads_of_columns_permuted", hypothesis="heads_permuted", fits=_after_attention, make=_exchange_heads(1)),
    Kind(name="first_half_cleared",      hypothesis="partly_copied",  fits=_has_many_values,   make=_fixed(weights.clear_part, first=0.0, last=0.5)),
    Kind(name="second_half_cleared",     hypothesis="partly_copied",  fits=_has_many_values,   make=_fixed(weights.clear_part, first=0.5, last=1.0)),
    Kind(name="last_third_refilled",     hypothesis="partly_copied",  fits=_has_many_values,   make=_seeded(weights.refill_part, first=2 / 3, last=1.0)),
    Kind(name="filled_afresh",           hypothesis="not_filled",     fits=_looks_initialized, make=_seeded(weights.fresh_values)),
)
# fmt: on
"""Each kind takes one tensor of every part in which one fits."""


def _by_part(facts: Facts) -> dict[str, list[Place]]:
    """The tensors of each part in an order in which neighbours play different roles."""
    groups: dict[str, list[Place]] = defaultdict(list)
    for place in facts.places:
        groups[place.part.name].append(place)
    for part, group in groups.items():
        random.Random(seed_of(part)).shuffle(group)
    return dict(sorted(groups.items()))


def _smallest_faults(facts: Facts) -> Iterator[Fault]:
    """One element off by a thousandth, in one tensor of every role."""
    by_role = sorted(facts.places, key=lambda place: place.template)
    for role, group in groupby(by_role, key=lambda place: place.template):
        place = random.Random(seed_of(role)).choice(list(group))
        change = partial(weights.nudge_element, seed=seed_of(place.name))
        yield changed(facts, "element_nudged", {place.name: change}, "wrong_value")


def _tap_faults(facts: Facts) -> Iterator[Fault]:
    """Kernels reversed in time, and moved by one step, in one convolution of every part."""
    for group in _by_part(facts).values():
        kernels = [p for p in group if len(p.shape) == 3 and min(p.shape[0], p.shape[2]) >= 3]
        if kernels:
            reverse = partial(weights.reverse_axis, axis=2)
            shift = partial(weights.shift_rows, by=1, axis=2)
            yield changed(facts, "taps_reversed", {kernels[0].name: reverse}, "kernel_flipped")
            yield changed(facts, "taps_shifted", {kernels[-1].name: shift}, "rows_shifted")
        for place in kernels:
            if place.part.is_gated:
                halves = partial(weights.permute_blocks, order=(1, 0), axis=0)
                names = ("rows_shifted", "rows_permuted")
                yield changed(facts, "gates_and_values_swapped", {place.name: halves}, *names)


def _weight_norm_faults(facts: Facts) -> Iterator[Fault]:
    for place in facts.places:
        if place.name.endswith(GAIN):
            axis = max(range(len(place.shape)), key=place.shape.__getitem__)
            scale = partial(weights.scale_values, factor=1.01)
            shift = partial(weights.shift_rows, by=1, axis=axis)
            ones = partial(weights.fill_values, value=1.0)
            yield changed(facts, "gain_scaled", {place.name: scale}, "scaled")
            yield changed(facts, "gain_shifted", {place.name: shift}, "rows_shifted")
            yield changed(facts, "gain_not_filled", {place.name: ones}, "not_filled")
        if place.name.endswith(DIRECTION):
            yield from _direction_faults(place, facts)


def _direction_faults(place: Place, facts: Facts) -> Iterator[Fault]:
    groups = facts.groups(place.name)
    if groups > 1:
        clear = partial(weights.clear_part, first=1 / groups, last=2 / groups)
        swap = partial(weights.permute_blocks, order=exchanged(groups), axis=0)
        # Of many groups, one is so little that it may pass for a few wrong values.
        names = ("partly_copied",) if groups < 10 else ("partly_copied", "wrong_value")
        yield changed(facts, "group_cleared", {place.name: clear}, *names)
        yield changed(facts, "groups_permuted", {place.name: swap}, "rows_permuted")
    # Divided out again by the weight norm: the same bits, and so no fault at all.
    halve = partial(weights.scale_values, factor=0.5)
    yield changed(facts, "direction_halved", {place.name: halve}, "scaled")


def _unfilled_faults(facts: Facts) -> Iterator[Fault]:
    """Tensors and modules that are missing, and norms as a new model has them."""
    for turn, group in enumerate(_by_part(facts).values()):
        left_out = group[turn % len(group)].name
        yield removed(facts, "tensor_missing", [left_out], left_out)
        modules = sorted({p.module for p in group if not p.part.is_bare})
        for module in modules[turn % max(len(modules), 1) :][:1]:
            names = [p.name for p in facts.places if p.module == module]
            if len(names) > 1:
                yield removed(facts, "module_missing", names, module)
    norms = sorted((p for p in facts.places if p.is_norm), key=lambda place: place.template)
    for role, of_role in groupby(norms, key=lambda place: place.template):
        place = random.Random(seed_of(f"norm {role}")).choice(list(of_role))
        if place.name.endswith(".weight"):
            ones = partial(weights.fill_values, value=1.0)
            yield changed(facts, "norm_not_filled", {place.name: ones}, "not_filled")


def _scaled_faults(facts: Facts) -> Iterator[Fault]:
    """Scales that fairseq and transformers apply, baked into weights as well."""
    for block in _one_per_role(facts.attentions):
        query = block.inputs[0]
        factor = (facts.width(query) / facts.heads(query)) ** -0.5
        scale = partial(weights.scale_values, factor=factor)
        names = [f"{query}.{ending}" for ending in ("weight", "bias")]
        present = {name: scale for name in names if name in facts.shapes}
        yield changed(facts, "query_scaled", present, "scaled", where=query)


def _one_per_role(blocks: Iterable[Block]) -> Iterator[Block]:
    by_role: dict[str, list[Block]] = defaultdict(list)
    for block in blocks:
        by_role[template(block.path)].append(block)
    for role, group in sorted(by_role.items()):
        yield random.Random(seed_of(f"role {role}")).choice(group)
