"""Both module trees as one picture: a row for each layer, a tile for each module pair."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise
from typing import Literal

from toolkit.core.coverage import Reason
from toolkit.core.pictures import Edge
from toolkit.core.result import ModuleRow, Result
from toolkit.diagnosis.findings import smallest_failing
from toolkit.report import text
from toolkit.report.rails import Rails, lay_rails

TileState = Literal["pass", "fail", "above", "tail", "uncompared"]
"""`above`: wrong, as one of its parts is; `tail`: right by itself, but wrong end to end, because of
something before it."""

SIGNS: Mapping[TileState, str] = {
    "pass": "",
    "fail": "✗",
    "above": "▾",
    "tail": "",
    "uncompared": "–",
}
STATE_WORDS: Mapping[TileState, str] = {
    "pass": "right",
    "fail": "wrong by itself",
    "above": "wrong, as a part of it is",
    "tail": "right by itself, wrong end to end",
    "uncompared": "not compared",
}
MAX_ABREAST = 12
"""Layers side by side, of which a window of 1280 pixels shows all."""
LOWEST_EXPONENT, HIGHEST_EXPONENT = -18, 0


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a module pair came to."""

    state: TileState
    propagated: float | None
    """The largest end-to-end error; None where it was not measured."""
    spoiled: bool
    """Whether it is wrong end to end: beyond its tolerance, whatever the cause."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One module of the converted model."""

    path: str
    name: str
    """What stands beside the layer's path: `attention.q_proj`."""
    state: TileState
    label: str
    """All of it in words, for those who do not see the tile."""
    isolated: float | None
    """Strength of the colour, 0 to 1; None where nothing was measured."""
    propagated: float | None
    spoiled: bool
    """Whether the module is wrong end to end."""

    @property
    def sign(self) -> str:
        """The state as a character."""
        return SIGNS[self.state]


@dataclass(frozen=True, kw_only=True)
class Band:
    """One layer: the modules that share a path up to its number."""

    path: str
    source: str
    tiles: Mapping[str, Tile]
    """By name."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Layers one after the other, or one block that stands by itself."""

    path: str
    columns: tuple[str, ...]
    bands: tuple[Band, ...]
    rails: Rails

    @property
    def is_grid(self) -> bool:
        """Whether its layers stand side by side."""
        return len(self.bands) > 1

    @property
    def abreast(self) -> tuple[tuple[Band, ...], ...]:
        """Its layers in runs of about equal length, none wider than the page has room for."""
        runs = math.ceil(len(self.bands) / MAX_ABREAST)
        length = math.ceil(len(self.bands) / runs)
        return tuple(self.bands[i : i + length] for i in range(0, len(self.bands), length))


def draw_map(result: Result) -> tuple[Stack, ...]:
    """The picture, first to last as the signal flows: in the order in which modules answered."""
    judged = judge_rows(result)
    rows = [(row.target, _compared(row, judged[row.target])) for row in as_they_ran(result.modules)]
    reasons = () if result.coverage is None else result.coverage.uncompared
    tiles = _inserted(rows, [(r.name, _uncompared(r)) for r in reasons if r.name not in judged])
    sources = {row.target: row.source for row in result.modules}
    bands = [
        _band(path, list(same), sources) for path, same in groupby(tiles, lambda t: band_path(t[0]))
    ]
    flow = () if result.pictures is None else result.pictures.flow
    return tuple(_stack(path, list(same), flow) for path, same in groupby(_merged(bands), _parent))


def as_they_ran(rows: Sequence[ModuleRow]) -> list[ModuleRow]:
    """The rows in the order in which modules answered, each after its parts.

    Those that were never called come last, and the model's own order stays where none is known.
    """
    return sorted(rows, key=lambda row: (row.order is None, row.order or 0))


def judge_rows(result: Result) -> dict[str, Judged]:
    """What is to be shown of each compared module."""
    smallest = {row.target for row in smallest_failing(result.modules)}
    propagated = _propagated_errors(result)
    return {
        row.target: _judge(row, row.target in smallest, propagated.get(row.target))
        for row in result.modules
    }


@lru_cache(maxsize=4096)
def band_path(path: str) -> str:
    """A path up to and with its first number; without its last part where it has none."""
    parts = path.split(".")
    number = next((i for i, part in enumerate(parts) if part.isdigit()), None)
    if number is not None:
        return ".".join(parts[: number + 1])
    return ".".join(parts[:-1]) or path


def strength(error: float) -> float:
    """An error on a logarithmic scale: 0 at 1e-18 and below, 1 from 1 on, and for no number."""
    if not math.isfinite(error):
        return 1.0
    if error <= 0:
        return 0.0
    share = (math.log10(error) - LOWEST_EXPONENT) / (HIGHEST_EXPONENT - LOWEST_EXPONENT)
    return round(min(1.0, max(0.0, share)), 3)


def _propagated_errors(result: Result) -> dict[str, float]:
    errors: dict[str, float] = {}
    for pair in result.pictures.pairs if result.pictures else ():
        if pair.propagated_error is not None:
            errors[pair.target] = _larger(errors.get(pair.target, 0.0), pair.propagated_error)
    return errors


def _judge(row: ModuleRow, smallest: bool, propagated: float | None) -> Judged:
    spoiled = _spoiled(row, propagated)
    state: TileState = "tail" if spoiled else "pass"
    if row.verdict == "fail":
        state = "fail" if smallest else "above"
    return Judged(state=state, propagated=propagated, spoiled=spoiled)


def _spoiled(row: ModuleRow, propagated: float | None) -> bool:
    if propagated is not None:
        return not propagated <= row.isolated_tolerance
    ratio = row.propagated_ratio
    return ratio is not None and not ratio <= row.propagated_tolerance


def _larger(left: float, right: float) -> float:
    return right if math.isnan(right) else max(left, right)


def _compared(row: ModuleRow, judged: Judged) -> Tile:
    propagated = judged.propagated
    end = "" if propagated is None else f", end to end {text.format_error(propagated)}"
    state = STATE_WORDS[judged.state]
    return Tile(
        path=row.target,
        name=_name(row.target),
        state=judged.state,
        label=f"{state}: isolated error {text.format_error(row.isolated_error)}{end}",
        isolated=strength(row.isolated_error),
        propagated=None if propagated is None else strength(propagated),
        spoiled=judged.spoiled,
    )


def _uncompared(reason: Reason) -> Tile:
    return Tile(
        path=reason.name,
        name=_name(reason.name),
        state="uncompared",
        label=f"not compared: {reason.because}",
        isolated=None,
        propagated=None,
        spoiled=False,
    )


def _name(path: str) -> str:
    return path.removeprefix(band_path(path)).lstrip(".") or "whole"


def _inserted(
    rows: Sequence[tuple[str, Tile]], others: Iterable[tuple[str, Tile]]
) -> list[tuple[str, Tile]]:
    """The modules that were not compared, each at the end of its band, or of its parent's."""
    tiles = list(rows)
    for path, tile in others:
        tiles.insert(_place([p for p, _ in tiles], path), (path, tile))
    return tiles


def _place(paths: Sequence[str], path: str) -> int:
    band = band_path(path)
    same = [i for i, known in enumerate(paths) if band_path(known) == band and known != band]
    if same:
        return same[-1] + 1
    inside = [i for i, known in enumerate(paths) if known.startswith(f"{path}.")]
    return inside[0] if inside else len(paths)


def _band(path: str, tiles: Sequence[tuple[str, Tile]], sources: Mapping[str, str]) -> Band:
    known = [sources[target] for target, _ in tiles if target in sources]
    return Band(path=path, source=_common(known), tiles={tile.name: tile for _, tile in tiles})


def _common(paths: Sequence[str]) -> str:
    """The longest path that all share."""
    if not paths:
        return ""
    split = [path.split(".") for path in paths]
    shared = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return ".".join(shared)


def _merged(bands: Sequence[Band]) -> list[Band]:
    """Pieces of one layer that others came between, as one, where the first stands.

    Other bands stay in pieces: what runs last of a block is to stand below what is inside.
    """
    merged: dict[str, Band] = {}
    for place, band in enumerate(bands):
        key = band.path if _is_layer(band.path) else f"{place} {band.path}"
        before = merged.get(key)
        tiles = {**(before.tiles if before else {}), **band.tiles}
        source = _common([b.source for b in (before, band) if b is not None and b.source])
        merged[key] = Band(path=band.path, source=source, tiles=tiles)
    return list(merged.values())


def _parent(band: Band) -> str:
    return band.path.rpartition(".")[0] if _is_layer(band.path) else band.path


def _is_layer(path: str) -> bool:
    return path.rpartition(".")[2].isdigit()


def _stack(path: str, bands: Sequence[Band], flow: Sequence[Edge]) -> Stack:
    columns = tuple(_columns(bands))
    return Stack(
        path=path, columns=columns, bands=tuple(bands), rails=lay_rails(path, columns, flow)
    )


def _columns(bands: Sequence[Band]) -> Iterator[str]:
    """The names of all bands, each after those that come before it in any band."""
    order: list[str] = []
    for band in bands:
        names = list(band.tiles)
        for before, name in pairwise(["", *names]):
            if name not in order:
                order.insert(order.index(before) + 1 if before in order else 0, name)
    yield from order
