"""What is known of a folder without running its model: what its files hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolkit.compare import tolerances
from toolkit.compare.keys import expected_keys, key_faults
from toolkit.compare.labels import KEY, LABELS, apart_from_labels, wrong_labels
from toolkit.compare.static import foreign_measure
from toolkit.core.findings import Finding
from toolkit.core.measures import Level, Measure
from toolkit.diagnosis import Evidence, Truth, find_faults, take_inventory
from toolkit.diagnosis.vocabulary import DIFFERING
from toolkit.folder.view import FolderView
from toolkit.tasks import TaskKind


def judge_files(
    truth: Truth, kind: TaskKind, view: FolderView, because: str
) -> tuple[tuple[Level, ...], tuple[Finding, ...]]:
    """All levels and the findings of a folder whose model cannot be asked.

    Args:
        truth: What the folder must hold.
        kind: What the checkpoint's task is.
        view: What it holds.
        because: Why it cannot.
    """
    said = " ".join(because.split())[:300]
    inventory = take_inventory(truth, view)
    known = {level.name: level for level in static_levels(truth, kind, view, inventory)}
    levels = tuple(
        known.get(name) or Level(name=name, measures=(), summary=f"not compared: {said}")
        for name in kind.level_names
    )
    if not inventory:
        return levels, (unusable(said),)
    return levels, find_faults(
        Evidence(inventory=inventory, modules=(), levels=levels, kinds=kind.finding_kinds)
    )


def static_levels(
    truth: Truth, kind: TaskKind, view: FolderView, inventory: Sequence[Finding]
) -> Iterator[Level]:
    """The levels of a task that need no model, as counts of differences."""
    tensors = [f for f in inventory if f.kind in ("weights", "missing") or _loses(truth, f)]
    rows = [f for f in inventory if f.kind == "vocabulary"]
    differing = apart_from_labels(truth.contents, key_faults(truth.contents, view))
    keys = sum(1 for _ in expected_keys(truth.contents))
    for name, wrong, compared, unit in (
        ("weights", _tensors_of(tensors), len(truth.tensors), "tensors"),
        ("config", len(differing), keys, "keys"),
        ("vocabulary", sum(map(_rows_of, rows)), len(truth.contents.dictionary), "ids"),
        *_labels(truth, view, kind),
    ):
        if name not in kind.level_names:
            continue
        measure = Measure(
            name="differences",
            where="",
            error=float(wrong),
            tolerance=tolerances.EXACT,
            unit=unit,
            compared=compared,
        )
        more = (foreign_measure(view),) if name == "config" else ()
        yield Level(
            name=name,
            measures=(measure, *more),
            summary=f"{wrong} differ, of {compared} {unit}",
        )


def _labels(truth: Truth, view: FolderView, kind: TaskKind) -> Iterator[tuple[str, int, int, str]]:
    """The level of a task whose models name classes."""
    if LABELS in kind.level_names:
        wrong = wrong_labels(truth.contents, view)
        yield LABELS, len(wrong), len(truth.contents.config[KEY]), "classes"


def _tensors_of(findings: Sequence[Finding]) -> int:
    """How many tensors findings are about; one that names none is about one."""
    named = {name for finding in findings for name in finding.target_parameters}
    return len(named) + sum(not finding.target_parameters for finding in findings)


def _rows_of(finding: Finding) -> int:
    """How many rows, or settings of the tokenizer, a finding is about."""
    return int(finding.evidence.get(DIFFERING, 1))


def _loses(truth: Truth, finding: Finding) -> bool:
    """Whether tensors of the checkpoint are gone for the sake of what a finding is about."""
    return any(name in truth.tensors for name in finding.target_parameters)


def unusable(because: str) -> Finding:
    """What is wrong with a folder of which only transformers knows that it is."""
    return Finding(
        kind="config",
        target_module="",
        summary=f"transformers cannot use the folder: {because}",
        fix="correct what the message names",
    )
