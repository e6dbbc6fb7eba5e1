"""Stacks of layers that are one stack on the other side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from toolkit.inference.tree import SLOT, Kind


def merge_stacks(sources: Sequence[Kind], targets: Iterable[Kind]) -> tuple[Kind, ...]:
    """The source's kinds, with stacks put one behind the other that the target has as one.

    They are of the same parts and shapes, and together as many layers as a stack of the target.

    Args:
        sources: In the order of the file.
        targets: The other side's.
    """
    wanted = {_block(stack): _depth(stack) for stack in _stacks(targets).values()}
    alike: dict[object, list[str]] = defaultdict(list)
    stacks = _stacks(sources)
    for stem, stack in stacks.items():
        alike[_parts(stack)].append(stem)
    merged: dict[str, str] = {}
    for stems in alike.values():
        block, depth = _block(stacks[stems[0]]), sum(_depth(stacks[stem]) for stem in stems)
        depths = {_depth(stacks[stem]) for stem in stems}
        if len(stems) > 1 and wanted.get(block) == depth and depth not in depths:
            merged |= dict.fromkeys(stems[1:], stems[0])
    return _merged(sources, merged) if merged else tuple(sources)


def _stacks(kinds: Iterable[Kind]) -> dict[str, list[Kind]]:
    """Kinds of layers, by what stands before the number of the layer."""
    found: dict[str, list[Kind]] = defaultdict(list)
    for kind in kinds:
        if kind.pattern.count(SLOT) == 1:
            found[kind.pattern.partition(SLOT)[0]].append(kind)
    return found


def _parts(stack: Sequence[Kind]) -> object:
    return frozenset((kind.pattern.partition(SLOT)[2], kind.shapes[0]) for kind in stack)


def _block(stack: Sequence[Kind]) -> object:
    return tuple(sorted(kind.shapes[0] for kind in stack))


def _depth(stack: Sequence[Kind]) -> int:
    return max(len(kind.names) for kind in stack)


def _merged(sources: Sequence[Kind], merged: Mapping[str, str]) -> tuple[Kind, ...]:
    kept: dict[str, Kind] = {}
    for kind in sources:
        stem, slot, rest = kind.pattern.partition(SLOT)
        first = f"{merged.get(stem, stem)}{slot}{rest}"
        if first not in kept:
            kept[first] = kind
            continue
        before = kept[first]
        kept[first] = replace(
            before,
            names=before.names + kind.names,
            shapes=before.shapes + kind.shapes,
            ranks=tuple((rank,) for rank in range(len(before.names) + len(kind.names))),
            is_numbered=False,
        )
    return tuple(kept.values())
