"""What may have happened to one tensor. Each hypothesis is tested by undoing it.

A test returns the undone tensor; the hypothesis is confirmed if that is the expected tensor again.
The first test that confirms wins, so the order is from the most to the least specific.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolkit.core.findings import Hypothesis
from toolkit.core.json import JsonDict, JsonObject
from toolkit.diagnosis.provenance import NARROW, Registry, is_constant

if TYPE_CHECKING:
    from torch import Tensor

EQUAL_PART = 0.9
"""A tensor with this share of right elements has wrong values; with less, it was partly copied."""
COPIED_PART = 0.1
"""With a smaller share of right elements, a tensor was not filled from its source at all."""
SCALE_ROUNDING = 1e-6
"""Scaling and back rounds by a few units in the last place of float32."""
UNRELATED = 0.5
"""Correlation with the expected values below which nothing of them is left."""


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """A tensor that does not hold what it should."""

    name: str
    actual: Tensor
    expected: Tensor
    head_width: int | None
    """Rows or columns per attention head; None outside attention."""
    fused: Mapping[str, Tensor] = field(default_factory=dict)
    """The expected query, key and value that may have been one tensor, by name, itself included."""


Test = Callable[[Suspect, Registry], Hypothesis | None]


def explain(suspect: Suspect, registry: Registry) -> Hypothesis:
    """The first hypothesis that is confirmed, or the likeliest one as mere evidence."""
    for test in _TESTS:
        hypothesis = test(suspect, registry)
        if hypothesis is not None:
            return hypothesis
    return _unexplained(suspect)


def _zeroed(suspect: Suspect, _: Registry) -> Hypothesis | None:
    same = suspect.actual.shape == suspect.expected.shape
    zero = same and not suspect.actual.any() and bool(suspect.expected.any())
    return _confirmed("zeroed") if zero else None


def _sign_flipped(suspect: Suspect, _: Registry) -> Hypothesis | None:
    return _confirmed("sign_flipped") if (-suspect.actual).equal(suspect.expected) else None


def _transposed(suspect: Suspect, _: Registry) -> Hypothesis | None:
    actual, expected = suspect.actual, suspect.expected
    for first in range(actual.dim()):
        for second in range(first + 1, actual.dim()):
            if actual.transpose(first, second).equal(expected):
                return _confirmed("transposed", axes=[first, second])
    return None


def _kernel_flipped(suspect: Suspect, _: Registry) -> Hypothesis | None:
    """A convolution's taps in the reverse order: in time, or along both axes of two."""
    if suspect.actual.shape != suspect.expected.shape:
        return None
    for axes in ((-1,), (-2, -1))[: suspect.actual.dim() - 2]:
        if suspect.actual.flip(axes).equal(suspect.expected):
            return _confirmed("kernel_flipped", axes=[axis % suspect.actual.dim() for axis in axes])
    return None


def _moved(suspect: Suspect, registry: Registry) -> Hypothesis | None:
    """Holds the values of another tensor: a neighbour's by a layer offset, or anybody's."""
    twins = {suspect.name, *registry.twins(suspect.expected)}
    homes = [home for home in registry.homes(suspect.actual) if home.name not in twins]
    for home in sorted(homes, key=lambda home: _distance(suspect.name, home.name)):
        offset = layer_offset(suspect.name, home.name)
        detail = {
            "with": home.name,
            "transposed": home.transposed,
            "precision": home.precision,
            "rows_permuted": home.rows_permuted,
        }
        if offset is not None:
            return _confirmed("layer_offset", offset=offset, **detail)
        return _confirmed("swapped_with", **detail)
    return None


def _distance(name: str, home: str) -> int:
    """In how many parts two names differ: of several places that hold the same, one is nearest."""
    mine, theirs = name.split("."), home.split(".")
    differing = sum(a != b for a, b in zip(mine, theirs, strict=False))
    return differing + abs(len(mine) - len(theirs)) * max(len(mine), len(theirs))


def _precision_lost(suspect: Suspect, registry: Registry) -> Hypothesis | None:
    for home in registry.homes(suspect.actual):
        if home.name == suspect.name and home.precision and home.transposed:
            return _confirmed("transposed", axes=[0, 1], precision=home.precision)
        if home.name == suspect.name and home.precision:
            return _confirmed("precision_lost", dtype=home.precision)
    return _constant_rounded(suspect) if is_constant(suspect.expected) else None


def _constant_rounded(suspect: Suspect) -> Hypothesis | None:
    """Of a tensor of one value, as of one element, the registry knows no home."""
    import torch

    for name in NARROW:
        rounded = suspect.expected.to(getattr(torch, name)).float()
        if rounded.equal(suspect.actual.float()):
            return _confirmed("precision_lost", dtype=name)
    return None


def _scaled(suspect: Suspect, _: Registry) -> Hypothesis | None:
    import torch

    expected, actual = suspect.expected.double(), suspect.actual.double()
    if expected.shape != actual.shape or not expected.any():
        return None
    if float((actual == expected).double().mean()) > UNRELATED:
        return None  # A scale leaves nothing but zeros as it was.
    factor = float((actual * expected).sum() / expected.square().sum())
    if factor == 0 or not torch.isfinite(torch.tensor(factor)):
        return None
    error = float((actual / factor - expected).abs().max() / expected.abs().max())
    few = expected.numel() < 2
    return None if error > SCALE_ROUNDING or few else _confirmed("scaled", factor=factor)


def _rows_moved(suspect: Suspect, _: Registry) -> Hypothesis | None:
    """Rows, columns or whole heads in another order."""
    if suspect.actual.shape != suspect.expected.shape:
        return None
    for axis in range(suspect.actual.dim()):
        order = _row_order(suspect.actual.transpose(0, axis), suspect.expected.transpose(0, axis))
        if order is not None and -1 not in order:
            return _name_order(order, axis, suspect.head_width)
    return None


def _rows_shifted(suspect: Suspect, _: Registry) -> Hypothesis | None:
    """Rows shifted, with some lost at one end."""
    if suspect.actual.shape != suspect.expected.shape or suspect.actual.dim() == 0:
        return None
    order = _row_order(suspect.actual, suspect.expected)
    if order is None:
        return None
    shifts = [source - row for row, source in enumerate(order) if source >= 0]
    if not shifts or 0 in shifts or len(set(shifts)) > 1:
        return None
    kept = len(shifts) >= len(order) - abs(shifts[0])
    return _confirmed("rows_shifted", by=-shifts[0], axis=0) if kept else None


def _fused_split(suspect: Suspect, _: Registry) -> Hypothesis | None:
    """Rows of query, key and value dealt in another way than they lay in one tensor."""
    places: dict[bytes, tuple[str, int]] = {}
    for name, tensor in suspect.fused.items():
        places |= {row: (name, index) for index, row in enumerate(_row_bytes(tensor))}
    homes = [places.get(row) for row in _row_bytes(suspect.actual)] if len(places) > 1 else []
    found = [home for home in homes if home is not None]
    if not found or len(found) < len(homes) or not {name for name, _ in found} - {suspect.name}:
        return None
    first = [f"{name}[{row}]" for name, row in found[:4]]
    return _confirmed("fused_split", first=first, layout=_fused_layout(suspect, found))


def _partly_right(suspect: Suspect, _: Registry) -> Hypothesis | None:
    if suspect.actual.shape != suspect.expected.shape:
        return None
    different = suspect.actual != suspect.expected
    share = 1 - float(different.double().mean())
    if share < COPIED_PART or not different.any():
        return None
    index, elements = different.nonzero()[0].tolist(), int(different.sum())
    detail = {"equal_share": share, "elements": elements, "first_index": index}
    # Of a small tensor one element is a large part; nobody copies all but one.
    is_value = share >= EQUAL_PART or elements == 1
    return _confirmed("wrong_value" if is_value else "partly_copied", **detail)


def _not_filled(suspect: Suspect, _: Registry) -> Hypothesis | None:
    """Nothing of the source is left: a fresh initialization, or values from nowhere."""
    if suspect.actual.shape != suspect.expected.shape:
        return None
    if is_constant(suspect.actual) and not is_constant(suspect.expected):
        return _confirmed("not_filled", values=float(suspect.actual.flatten()[0]))
    correlation = _correlation(suspect.actual, suspect.expected)
    if abs(correlation) < UNRELATED and suspect.actual.numel() > 8:
        return _confirmed("not_filled", correlation=correlation)
    return None


_TESTS: tuple[Test, ...] = (
    _zeroed,
    _sign_flipped,
    _precision_lost,
    _transposed,
    _kernel_flipped,
    _moved,
    _scaled,
    _rows_moved,
    _fused_split,
    _rows_shifted,
    _partly_right,
    _not_filled,
)


def _unexplained(suspect: Suspect) -> Hypothesis:
    detail: JsonDict = {"shape": list(suspect.actual.shape)}
    if suspect.actual.shape == suspect.expected.shape:
        detail["correlation"] = _correlation(suspect.actual, suspect.expected)
    return Hypothesis(name="wrong_value", confirmed=False, detail=detail)


def layer_offset(name: str, home: str) -> int | None:
    """By how many layers two names differ, if that is all they differ by."""
    mine, theirs = name.split("."), home.split(".")
    if len(mine) != len(theirs):
        return None
    parts = [(a, b) for a, b in zip(mine, theirs, strict=True) if a != b]
    if len(parts) != 1 or not (parts[0][0].isdigit() and parts[0][1].isdigit()):
        return None
    return int(parts[0][1]) - int(parts[0][0])


def _name_order(order: list[int], axis: int, head_width: int | None) -> Hypothesis | None:
    count = len(order)
    shift = order[0]
    if order == list(range(count)):
        return None
    heads = _head_order(order, head_width)
    if heads is not None:
        return _confirmed("heads_permuted", axis=axis, **heads)
    if all(source == (row + shift) % count for row, source in enumerate(order)):
        by = -shift if shift <= count // 2 else count - shift
        return _confirmed("rows_shifted", by=by, axis=axis)
    moved = [row for row, source in enumerate(order) if source != row]
    return _confirmed("rows_permuted", axis=axis, moved=len(moved), first=moved[:4])


def _head_order(order: list[int], head_width: int | None) -> JsonDict | None:
    """How heads moved as wholes, or rows within each head or between heads by one interleaving."""
    if not head_width or len(order) % head_width or head_width == 1:
        return None
    blocks = [order[i : i + head_width] for i in range(0, len(order), head_width)]
    heads = [block[0] // head_width for block in blocks]
    within = [row - blocks[0][0] // head_width * head_width for row in blocks[0]]
    shifted = [[head * head_width + row for row in within] for head in heads]
    if shifted == blocks:
        return _name_heads(heads, within)
    for layout, rows in (
        ("rows of all heads interleaved", len(heads)),
        ("rows of all heads separated", head_width),
    ):
        if order == _dealt(len(order), rows):
            return {"layout": layout}
    return None


def _name_heads(heads: list[int], within: list[int]) -> JsonDict | None:
    """Whole heads in another order, or each head's rows interleaved as rotary positions want it."""
    straight = list(range(len(within)))
    if within == straight:
        return {"heads": heads} if len(heads) > 1 else None
    if heads != list(range(len(heads))) or len(within) % 2:
        return None
    layouts = {
        "halves of each head interleaved": 2,
        "pairs of each head separated": len(within) // 2,
    }
    named = [name for name, rows in layouts.items() if within == _dealt(len(within), rows)]
    return {"layout": named[0]} if named else None


def _fused_layout(suspect: Suspect, found: list[tuple[str, int]]) -> str | None:
    """How one tensor of query, key and value was cut, and how they lie in it."""
    names, count = list(suspect.fused), len(found)
    third = names.index(suspect.name)
    places = [names.index(name) * count + row for name, row in found]
    for unit, width in (("head", suspect.head_width or 1), ("row", 1)):
        turns = [row // width * len(names) * width + row % width for row in range(count)]
        if places == [third * width + turn for turn in turns]:
            return f"lies in thirds, was cut per {unit}"
        rows = range(third * count, third * count + count)
        if places == [_thirds(row, count, len(names), width) for row in rows]:
            return f"lies per {unit}, was cut in thirds"
    return None


def _thirds(place: int, count: int, parts: int, width: int) -> int:
    """Where a row stands with its own kind, of a tensor in which the kinds take turns."""
    turn, row = divmod(place, width)
    return turn % parts * count + turn // parts * width + row


def _dealt(count: int, rows: int) -> list[int]:
    """The order in which a table of so many rows is read column by column."""
    columns = count // rows
    return [row * columns + column for column in range(columns) for row in range(rows)]


def _row_order(actual: Tensor, expected: Tensor) -> list[int] | None:
    """For each row of `actual` the row of `expected` that it holds, -1 for none of them.

    Equal rows are interchangeable; the nearest unused one is taken.
    """
    places: dict[bytes, list[int]] = {}
    for row, values in enumerate(_row_bytes(expected)):
        places.setdefault(values, []).append(row)
    if len(places) < 2:
        return None
    order = []
    for row, values in enumerate(_row_bytes(actual)):
        free = places.get(values, [])
        source = min(free, key=lambda place: abs(place - row), default=-1)
        if source >= 0:
            free.remove(source)
        order.append(source)
    return order


def _row_bytes(tensor: Tensor) -> Iterator[bytes]:
    rows = tensor.detach().float().contiguous().flatten(1) if tensor.dim() > 1 else tensor.float()
    for row in rows.contiguous().numpy():
        yield row.tobytes()


def _correlation(left: Tensor, right: Tensor) -> float:
    import torch

    values = torch.stack([left.flatten().double(), right.flatten().double()])
    if values.shape[1] < 2 or is_constant(left) or is_constant(right):
        return 0.0
    return float(torch.corrcoef(values)[0, 1])


def _confirmed(name: str, **detail: object) -> Hypothesis:
    return Hypothesis(name=name, confirmed=True, detail=_plain(detail))


def _plain(detail: JsonObject) -> JsonDict:
    return {key: value for key, value in detail.items() if value is not None and value is not False}
