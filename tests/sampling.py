"""What the fast part of the suite takes of a corpus; all else is marked `slow`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

REPEATING: Mapping[str, Mapping[str, int]] = yaml.safe_load(
    Path(__file__).with_name("repeating.yaml").read_text(encoding="utf-8")
)
"""By file: of how many cases of a test that take the same path one is run each time."""


def slow(*values: Any, **options: Any) -> Any:
    """Parameters of a test that repeats what another one shows."""
    return pytest.param(*values, marks=pytest.mark.slow, **options)


def wide(*values: Any, **options: Any) -> Any:
    """Parameters of a test that repeats in another case what `make test` shows in one."""
    return pytest.param(*values, marks=pytest.mark.wide, **options)


def mark_repeats(
    items: Iterable[pytest.Item], of: Mapping[str, Mapping[str, int]] = REPEATING
) -> None:
    """Marks the cases `wide` that repeat another one of their test, by their order in it."""
    places: Counter[str] = Counter()
    for item in items:
        name = item.nodeid.partition("[")[0].removeprefix("tests/")
        file, _, function = name.partition("::")
        share = of.get(file, {}).get(function)
        if share is None or any(item.iter_markers("slow")) or any(item.iter_markers("wide")):
            continue
        if share == 0 or places[name] % share:
            item.add_marker(pytest.mark.wide)
        places[name] += 1


def all_but(left_out: Collection[str], names: Iterable[str]) -> list[Any]:
    """The names as parameters of a test, those left out marked `slow`."""
    listed = list(names)
    unknown = set(left_out) - set(listed)
    assert not unknown, f"nothing is called {sorted(unknown)}"
    return [
        slow(name, id=name) if name in left_out else pytest.param(name, id=name) for name in listed
    ]


def one_in(
    number: int,
    rows: Iterable[Any],
    name: Callable[[Any], str],
    mark: pytest.MarkDecorator = pytest.mark.slow,
) -> list[Any]:
    """The rows as parameters of a test, all but one in so many marked `slow`, or otherwise."""
    return [
        pytest.param(row, id=name(row), marks=mark if place % number else ())
        for place, row in enumerate(rows)
    ]


def first_of_each(
    kind: Callable[[Any], object], rows: Iterable[Any], name: Callable[[Any], str]
) -> list[Any]:
    """The rows as parameters of a test, all but the first of each kind marked `slow`."""
    listed, seen = [], set()
    for row in rows:
        marks = pytest.mark.slow if kind(row) in seen else ()
        seen.add(kind(row))
        listed.append(pytest.param(row, id=name(row), marks=marks))
    return listed
