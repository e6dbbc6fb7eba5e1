"""Turns what failed into findings, the most certain first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from toolkit.compare import tolerances
from toolkit.compare.static import DIRECTION, KeyDifference, WeightError
from toolkit.core.result import Finding, FindingKind, Level, ModuleRow
from toolkit.mapping import Plan
from toolkit.replay.pairs import owner


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that was measured, as far as findings need it."""

    plan: Plan
    weights: tuple[WeightError, ...]
    missing: tuple[str, ...]
    """Tensors that the folder lacks and transformers initialized at random."""
    keys: tuple[KeyDifference, ...]
    modules: tuple[ModuleRow, ...]
    levels: tuple[Level, ...]


def find_faults(evidence: Evidence) -> tuple[Finding, ...]:
    """The findings, ranked; none exactly when every level passes or is a declared deviation.

    A failed weight explains the modules above it, so a module is a finding of its own only if none
    of its tensors and none of its parts is wrong.
    """
    found = [*_weight_findings(evidence), *_key_findings(evidence)]
    blamed = {finding.target_module for finding in found}
    found += _module_findings(evidence.modules, blamed)
    return (*found, *_remaining_findings(evidence.levels, bool(found)))


def _weight_findings(evidence: Evidence) -> Iterator[Finding]:
    wrong = [error for error in evidence.weights if _is_wrong(error)]
    for module, errors in groupby(wrong, key=lambda error: owner(error.target)):
        yield _weight_finding(evidence, module, tuple(errors))


def _is_wrong(error: WeightError) -> bool:
    normed = error.target.endswith(DIRECTION)
    tolerance = tolerances.EFFECTIVE_WEIGHT if normed else tolerances.EXACT
    return math.isnan(error.error) or error.error > tolerance


def _weight_finding(evidence: Evidence, module: str, errors: tuple[WeightError, ...]) -> Finding:
    names = tuple(error.target for error in errors)
    absent = set(names) <= set(evidence.missing)
    twins = {tie.target: tie.target_twin for tie in evidence.plan.ties}
    assignments = [evidence.plan.assignments[twins.get(name, name)] for name in names]
    sources = tuple(dict.fromkeys(a.source for a in assignments if a.source is not None))
    worst = max(errors, key=lambda error: error.error)
    state = "is missing from the folder" if absent else "does not hold the source's values"
    return Finding(
        kind="missing" if absent else "weights",
        target_module=module,
        target_parameters=names,
        source_module=owner(sources[0]) if sources else "",
        source_parameters=sources,
        rule=assignments[0].origin,
        summary=f"`{', '.join(names)}` {state} (largest error {worst.error:.1e})",
        fix=f"write {', '.join(f'`{s}`' for s in sources) or assignments[0].op.name} there",
        evidence={
            "error": worst.error,
            "expected_shape": worst.expected_shape,
            "actual_shape": worst.actual_shape,
        },
    )


def _key_findings(evidence: Evidence) -> Iterator[Finding]:
    for difference in evidence.keys:
        yield Finding(
            kind=_key_kind(difference.key),
            target_module="",
            config_keys=(difference.key,),
            summary=(
                f"`{difference.key}` must be {difference.expected!r} as the checkpoint says, but "
                f"is {difference.actual!r}"
            ),
            fix=f"set `{difference.key}` to {difference.expected!r}",
            evidence={"expected": repr(difference.expected), "actual": repr(difference.actual)},
        )


def _key_kind(key: str) -> FindingKind:
    if key.startswith("generation_config."):
        return "generation"
    return "front_end" if key.startswith("preprocessor_config.") else "config"


def _module_findings(modules: Sequence[ModuleRow], blamed: set[str]) -> Iterator[Finding]:
    failed = {row.target for row in modules if row.verdict == "fail"}
    for row in modules:
        inside = any(_within(path, row.target) for path in (failed | blamed) - {row.target})
        if row.target in failed and row.target not in blamed and not inside:
            yield Finding(
                kind="wiring",
                target_module=row.target,
                source_module=row.source,
                summary=(
                    f"`{row.target}` gives another output than `{row.source}` on the same input, "
                    "although its parts agree"
                ),
                fix="compare the forward passes of the two modules and the keys that steer them",
                evidence={
                    "isolated_error": row.isolated_error,
                    "propagated_ratio": row.propagated_ratio,
                    "clip": row.clip,
                },
            )


def _within(path: str, parent: str) -> bool:
    return path.startswith(f"{parent}.")


def _remaining_findings(levels: Sequence[Level], explained: bool) -> Iterator[Finding]:
    """Failed levels that no finding above accounts for."""
    kinds: dict[str, FindingKind] = {
        "vocabulary": "vocabulary",
        "front_end": "front_end",
        "padding": "padding",
        "weights": "weights",
        "config": "config",
        "modules": "wiring",
        "logits": "wiring",
    }
    own = ("vocabulary", "front_end")
    for level in levels:
        if level.verdict == "fail" and (level.name in own or not explained):
            worst = level.worst
            where = worst.where if worst else ""
            yield Finding(
                kind=kinds.get(level.name, "generation"),
                target_module="",
                summary=f"level `{level.name}` fails: {level.summary}; worst: {where}",
                fix=f"look at the measures of level `{level.name}`",
                evidence={"measures": [measure.to_dict() for measure in level.measures]},
            )
