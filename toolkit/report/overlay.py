"""The isolated errors of several runs over the depth of the model, as lines of one picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from toolkit.core.json import JsonDict
from toolkit.report.model_map import strength

WIDTH, HEIGHT = 1000, 220
DRAWN_RUNS = 6
"""As many lines as can be told apart."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One run."""

    points: str
    """As SVG has them: `x,y x,y`."""
    first_wrong: str | None
    """The module that was the first to be wrong by itself, as modules ran."""


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """All runs over the same depth."""

    lines: tuple[Line, ...]
    tolerance: float
    """Height of the smallest tolerance."""
    modules: int


def draw_overlay(runs: Sequence[JsonDict]) -> Overlay | None:
    """The picture of some runs; None where fewer than two modules were compared.

    Args:
        runs: Results as plain data, of which the first six are drawn.
    """
    ran = [_as_they_ran(run["modules"]) for run in runs[:DRAWN_RUNS]]
    depth = {path: None for rows in ran for path in rows}
    if len(depth) < 2:
        return None
    step = WIDTH / (len(depth) - 1)
    place = {path: at * step for at, path in enumerate(depth)}
    tolerances = [_number(row.get("isolated_tolerance")) for rows in ran for row in rows.values()]
    return Overlay(
        lines=tuple(
            Line(points=" ".join(_points(rows, place)), first_wrong=_first_wrong(rows))
            for rows in ran
        ),
        tolerance=_height(min(tolerances)),
        modules=len(depth),
    )


def _as_they_ran(rows: Sequence[JsonDict]) -> dict[str, JsonDict]:
    known = [row.get("order") for row in rows]
    orders = [order if isinstance(order, int) else len(rows) for order in known]
    ranked = sorted(range(len(rows)), key=orders.__getitem__)
    return {str(rows[i].get("target")): rows[i] for i in ranked}


def _points(rows: dict[str, JsonDict], place: dict[str, float]) -> Iterator[str]:
    for path, at in place.items():
        if path in rows:
            yield f"{at:.1f},{_height(_number(rows[path].get('isolated_error'))):.1f}"


def _first_wrong(rows: dict[str, JsonDict]) -> str | None:
    return next((path for path, row in rows.items() if row.get("verdict") == "fail"), None)


def _height(error: float) -> float:
    return HEIGHT * (1 - strength(error))


def _number(value: object) -> float:
    """A number of the JSON, where infinity and NaN are words."""
    try:
        return float(str(value))
    except ValueError:
        return float("nan")
