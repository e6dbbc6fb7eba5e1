"""Puts what was found in order: each independent fault once, the most certain first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

from toolkit.checkpoint.sets import without_language
from toolkit.core.findings import Consequence, Finding, FindingKind, Hypothesis
from toolkit.core.json import JsonDict
from toolkit.core.measures import Level
from toolkit.core.result import ModuleRow
from toolkit.replay.pairs import owner

RANKS: tuple[FindingKind, ...] = (
    "missing",
    "weights",
    "config",
    "vocabulary",
    "front_end",
    "generation",
    "wiring",
    "padding",
)
"""The kinds of findings, a tensor before what may follow from it."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that was found and measured."""

    inventory: tuple[Finding, ...]
    """Differences between the folder's files and the checkpoint."""
    modules: tuple[ModuleRow, ...]
    levels: tuple[Level, ...]
    kinds: Mapping[str, FindingKind] = field(default_factory=dict)
    """What a finding is about that a level alone shows, by the level's name."""
    twins: Mapping[str, str] = field(default_factory=dict)
    """Parameters that are others' under a second name; a wrong one is wrong in both places."""


def find_faults(evidence: Evidence) -> tuple[Finding, ...]:
    """The findings, ranked; none exactly when every level passes or is a declared deviation.

    A wrong tensor explains its module, those that share the tensor, and all above them; a wrong key
    whatever modules fail beside. A module that nothing explains is a finding of its own, and so is
    a failed level if there is no other finding at all.
    """
    blamed = smallest_failing(evidence.modules)
    found = [_with_module(finding, evidence, blamed) for finding in evidence.inventory]
    found += _wiring_findings(found, evidence.twins, blamed)
    if not found:
        found += _level_findings(evidence)
    return tuple(sorted(found, key=_rank))


def smallest_failing(modules: Sequence[ModuleRow]) -> tuple[ModuleRow, ...]:
    """The failing modules none of whose parts fails: a leaf for a weight, a parent for wiring."""
    failing = [row for row in modules if row.verdict == "fail"]
    paths = {row.target for row in failing}
    return tuple(
        row for row in failing if not any(path.startswith(f"{row.target}.") for path in paths)
    )


def name_culprits(modules: Sequence[ModuleRow], twins: Mapping[str, str]) -> tuple[ModuleRow, ...]:
    """The rows, where those that fail for another one's sake name it."""
    failing = [row.target for row in modules if row.verdict == "fail"]
    same = {owner(name): owner(twin) for name, twin in twins.items()}

    def explain(row: ModuleRow) -> ModuleRow:
        parts = [path for path in failing if path.startswith(f"{row.target}.")]
        other = same.get(row.target)
        parts += [other] if other in failing else []
        return replace(row, fails_in=max(parts, key=_depth)) if parts else row

    return tuple(explain(row) if row.verdict == "fail" else row for row in modules)


def in_training(paths: Sequence[str]) -> Finding:
    """The finding of modules, by path, that are in training mode after loading."""
    return Finding(
        kind="wiring",
        target_module=paths[0],
        summary=(
            f"{len(paths)} modules are in training mode after loading, so that dropout and masking "
            "are at work"
        ),
        hypothesis=Hypothesis(name="train_mode", confirmed=True),
        fix="call `eval()` on the model",
    )


def _depth(path: str) -> int:
    return path.count(".")


def _rank(finding: Finding) -> tuple[int, int, float]:
    error = finding.evidence.get("isolated_error", 0.0)
    consequence = get_args(Consequence).index(finding.consequence)
    return consequence, RANKS.index(finding.kind), -float(error)


def _with_module(finding: Finding, evidence: Evidence, blamed: Sequence[ModuleRow]) -> Finding:
    """The finding with its module's errors; a key's module is the first that no tensor explains."""
    if finding.target_module:
        rows = [row for row in evidence.modules if row.target == finding.target_module]
    elif finding.kind == "config":
        wrong = set(_explained(evidence.inventory, evidence.twins))
        rows = [row for row in blamed if row.target not in wrong][:1]
    else:
        rows = []
    if not rows:
        return finding
    row = rows[0]
    return replace(
        finding,
        target_module=row.target,
        source_module=finding.source_module or row.source,
        evidence={**finding.evidence, **_numbers(row)},
    )


def _numbers(row: ModuleRow) -> JsonDict:
    numbers = {
        "isolated_error": row.isolated_error,
        "propagated_error": row.propagated_ratio,
        "clip": row.clip,
    }
    return {name: number for name, number in numbers.items() if number is not None}


def _explained(found: Iterable[Finding], twins: Mapping[str, str]) -> Iterator[str]:
    """The modules that hold a wrong tensor, under its own or a second name."""
    wrong = {name for finding in found for name in finding.target_parameters}
    yield from map(owner, wrong)
    yield from (owner(without_language(name)) for name in wrong)
    for name, twin in twins.items():
        if wrong & {name, twin}:
            yield from (owner(name), owner(twin))


def _wiring_findings(
    found: Sequence[Finding], twins: Mapping[str, str], blamed: Sequence[ModuleRow]
) -> Iterator[Finding]:
    if any(_is_of_config(finding) for finding in found):
        return
    explained = set(_explained(found, twins))
    for row in blamed:
        if not any(path == row.target or path.startswith(f"{row.target}.") for path in explained):
            yield Finding(
                kind="wiring",
                target_module=row.target,
                source_module=row.source,
                summary=(
                    f"`{row.target}` gives another output than `{row.source}` on the same input, "
                    "although its parts agree"
                ),
                fix="compare the forward passes of the two modules and the keys that steer them",
                evidence=_numbers(row),
            )


def _is_of_config(finding: Finding) -> bool:
    """Whether a key of `config.json` is wrong, be it together with a tensor."""
    return finding.kind == "config" or (finding.kind == "weights" and bool(finding.config_keys))


def _level_findings(evidence: Evidence) -> Iterator[Finding]:
    for level in evidence.levels:
        if level.verdict == "fail":
            worst = level.worst
            yield Finding(
                kind=evidence.kinds[level.name],
                target_module="",
                summary=f"level `{level.name}` fails: {level.summary}; worst: "
                f"{worst.where if worst else 'nothing compared'}",
                fix=f"look at the measures of level `{level.name}`",
                evidence={"measures": [measure.to_dict() for measure in level.measures]},
            )
