"""Findings about modules whose tensors are right: the first wrong one first, each cause once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from toolkit.core.counting import counted
from toolkit.core.findings import Finding, Hypothesis
from toolkit.core.result import ModuleRow
from toolkit.modules.gaps import Gap, describe
from toolkit.modules.trials import Blamed, explain_wiring

MOST = 6
"""Modules of one kind that are tried out; others of it are told with the first."""

_SAID: Mapping[str, tuple[str, str]] = {
    "output_scaled": (
        "`{target}` gives {factor:.6g} times what `{source}` gives",
        "multiply as `{source}` does: a factor is missing, or there twice",
    ),
    "residual_missing": (
        "`{target}` gives what `{source}` gives without its input",
        "add the input to the output, as `{source}` does",
    ),
    "residual_added": (
        "`{target}` gives what `{source}` gives and its input",
        "leave the input out of the output, as `{source}` does",
    ),
    "random": (
        "`{target}` gives another output each time, in evaluation too",
        "let its dropout ask `self.training`",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is known of two models beside their findings."""

    rows: tuple[ModuleRow, ...]
    blame: Callable[[str], Blamed]
    """Gives the pair of a module with the calls that show how it differs."""
    find_gap: Callable[[str], Gap | None]
    """Says where in a module something else is given on; in the whole model for an empty path."""
    trouble: str | None
    """The error that the target raised."""
    raised_in: str
    """The module that raised it."""
    often: Mapping[str, tuple[str, int, int]] = field(default_factory=dict)
    """Target modules that are called more or less often than their source modules: these, how
    often they are called, and how often the target is."""


def explain_modules(findings: Sequence[Finding], case: Case) -> tuple[Finding, ...]:
    """The findings, those of wiring explained where trying out tells, in the order of execution.

    Args:
        findings: What a comparison found.
        case: What else is known.
    """
    order = {row.target: row.order or 0 for row in case.rows}
    kinds = {row.target: row.kind for row in case.rows}
    wiring = [f for f in findings if f.kind == "wiring" and f.target_module in kinds]
    wiring.sort(key=lambda finding: order[finding.target_module])
    whole = [f for f in findings if f.kind == "wiring" and f.target_module not in kinds]
    others = [finding for finding in findings if finding.kind != "wiring"]
    told = list(_explained(wiring, kinds, case))
    if whole and not (others or wiring):
        return tuple(_otherwise_often(case)) or (_whole(whole[-1], case),)
    return (*others, *_once(told, kinds))


def _explained(
    wiring: Iterable[Finding], kinds: Mapping[str, str], case: Case
) -> Iterator[Finding]:
    tried: dict[str, int] = {}
    for finding in wiring:
        kind = kinds[finding.target_module]
        tried[kind] = tried.get(kind, 0) + 1
        hypothesis = None
        if tried[kind] <= MOST:
            hypothesis = explain_wiring(case.blame(finding.target_module))
        yield _narrowed(finding, case) if hypothesis is None else _worded(finding, hypothesis)


def _narrowed(finding: Finding, case: Case) -> Finding:
    """The finding with the two parts between which the module goes wrong, where they are known."""
    gap = case.find_gap(finding.target_module)
    said = "" if gap is None else describe(gap)
    if gap is None or not said:
        return finding
    evidence = {**finding.evidence, "before": gap.before, "after": gap.after}
    return replace(
        finding,
        summary=f"{finding.summary}: {said}",
        fix=f"compare what the two do there: {said}",
        evidence=evidence,
    )


def _otherwise_often(case: Case) -> Iterator[Finding]:
    """Modules that one model calls more often than the other, where nothing else is wrong."""
    for path, (source, often, times) in case.often.items():
        yield Finding(
            kind="wiring",
            target_module=path,
            source_module=source,
            summary=f"the target calls `{path}` {counted(times, 'times')}, the source calls "
            f"`{source}` {counted(often, 'times')}",
            hypothesis=Hypothesis(name="called_otherwise", confirmed=True),
            fix=f"call `{path}` as often as the source calls `{source}`",
        )


def _whole(finding: Finding, case: Case) -> Finding:
    """What is wrong with the model itself, as every module that is compared is right."""
    gap = case.find_gap("")
    said = "" if gap is None else describe(gap)
    if case.trouble is not None:
        summary = f"the target raises {case.trouble}"
        fix = f"mend {f'`{case.raised_in}`' if case.raised_in else 'the target'}, which raises it"
        return replace(finding, target_module=case.raised_in, summary=summary, fix=fix)
    where = "" if gap is None else gap.where
    return replace(
        finding,
        target_module=where,
        summary="the models return other values, although every module that is compared does what "
        f"its counterpart does{': ' if said else ''}{said}",
        fix=f"compare the code of {f'`{where}`' if where else 'the two models themselves'}"
        f"{': ' if said else ''}{said}",
    )


def _worded(finding: Finding, hypothesis: Hypothesis) -> Finding:
    names = {"target": finding.target_module, "source": finding.source_module}
    detail = hypothesis.detail
    if hypothesis.name == "setting":
        summary = (
            f"`{detail['attribute']}` is {detail['found']}; with {detail['expected']} "
            f"`{finding.target_module}` does what `{finding.source_module}` does"
        )
        fix = f"set `{detail['attribute']}` to {detail['expected']}"
    else:
        summary, fix = (text.format(**names, **detail) for text in _SAID[hypothesis.name])
    return replace(finding, summary=summary, fix=fix, hypothesis=hypothesis)


def _once(findings: Iterable[Finding], kinds: Mapping[str, str]) -> Iterator[Finding]:
    """Of findings that one mistake explains, the first, with the modules of all."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        groups.setdefault(_cause(finding, kinds), []).append(finding)
    for first, *more in groups.values():
        also = [finding.target_module for finding in more]
        said = f"; so do {counted(len(also), 'more modules')} alike" if also else ""
        evidence = {**first.evidence, **({"also": also} if also else {})}
        yield replace(first, summary=f"{first.summary}{said}", evidence=evidence)


def _cause(finding: Finding, kinds: Mapping[str, str]) -> tuple[object, ...]:
    kind, hypothesis = kinds[finding.target_module], finding.hypothesis
    if hypothesis is None:
        return kind, "unexplained"
    detail = {k: v for k, v in hypothesis.detail.items() if k != "attribute"}
    return hypothesis.name, repr(detail) if detail else kind
