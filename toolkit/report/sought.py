"""Whether a run looked for what another one found: only then it is gone, or was not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toolkit.core.json import JsonDict

FOUND_WITH: Mapping[str, str] = {"missing": "weights"}
"""Kinds of findings that no level is of, each with the kind whose levels show it."""


def was_sought(run: JsonDict, found_by: Sequence[JsonDict], kind: str, *, has_place: bool) -> bool:
    """Whether a run compared what shows findings of a kind.

    A finding with a place is of a tensor, a module or a key, which any level of its kind shows.
    One without is of nothing but the levels that failed, so that all of these must be there.

    Args:
        run: The result that does not have the finding.
        found_by: The results that have it.
        kind: What it is about: `weights`.
        has_place: Whether it names a module or keys.
    """
    compared = {name for name, level in run["levels"].items() if _is_compared(level)}
    shown = {name for told in (run, *found_by) for name in _levels_of(told, kind)}
    if has_place:
        return bool(compared & shown)
    failed = {
        name
        for told in found_by
        for name in _levels_of(told, kind)
        if (told["levels"].get(name) or {}).get("verdict") == "fail"
    }
    return bool(failed or compared & shown) and failed <= compared


def _levels_of(run: JsonDict, kind: str) -> list[str]:
    """The levels that show findings of a kind; in older results levels were called as kinds are."""
    sought = FOUND_WITH.get(kind, kind)
    kinds = run.get("finding_kinds") or {name: name for name in run["levels"]}
    return [name for name, of in kinds.items() if of == sought]


def _is_compared(level: JsonDict) -> bool:
    return level.get("verdict") != "unverified"
