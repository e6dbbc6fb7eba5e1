"""What a failing test says, in torch.testing's manner."""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.core.findings import Finding
from toolkit.core.measures import Level, Measure
from toolkit.parity.catalogue import ParityTest
from toolkit.parity.verdicts import Explanation, ModuleVerdict
from toolkit.report.text import format_error

MAX_FINDINGS = 3


def describe_module(verdict: ModuleVerdict, explanation: Explanation) -> str:
    """Why a module pair fails."""
    worst = verdict.worst
    if worst is None:
        lines = [
            f"`{verdict.path}` is not compared",
            "",
            "Nothing was compared: the model stops before it, or calls it several times",
        ]
    else:
        allowed = format_error(verdict.tolerance)
        error = format_error(worst.isolated)
        lines = [
            f"`{verdict.path}` errs by {error}, {allowed} allowed",
            "",
            f"`{worst.pair.source}` gives another output on the same input, fairseq's own",
            f"Greatest relative difference: {worst.isolated!r} "
            f"(up to {verdict.tolerance!r} allowed)",
            "    of the largest expected value, in float64",
            f"Where: clip `{worst.clip}`, output of shape {worst.shape}, "
            f"axes {worst.pair.layout.output_axes[1]}",
            f"Smallest tolerance that would pass: {worst.isolated!r}",
        ]
        lines += [f"Its input cannot be taken: {worst.reason}"] if worst.reason else []
    return "\n".join([*lines, *_explain(explanation)])


def describe_level(test: ParityTest, level: Level, explanation: Explanation) -> str:
    """Why a level fails."""
    failing = [measure for measure in level.measures if measure.verdict == "fail"]
    first = f"`{test.ident}` fails: {failing[0].name if failing else 'nothing was compared'}"
    where = [f", at {failing[0].where}" for _ in failing[:1] if failing[0].where]
    lines = ["".join([first, *where]), "", level.summary]
    for measure in failing:
        lines += _measure_lines(measure)
    return "\n".join([*lines, *_explain(explanation)])


def _measure_lines(measure: Measure) -> Iterator[str]:
    yield (
        f"{measure.name}: {format_error(measure.error)} {measure.unit} "
        f"(up to {format_error(measure.tolerance)} allowed), {measure.compared} compared"
    )
    if measure.where:
        yield f"    Where: {measure.where}"
    yield f"    Smallest tolerance that would pass: {measure.error!r}"


def _explain(explanation: Explanation) -> Iterator[str]:
    if explanation.unexplained:
        yield f"No explanation: {explanation.unexplained}"
        return
    findings = explanation.findings
    if not findings:
        yield "Likely cause: none found by `toolkit diff`, which looks at tensors, keys and modules"
    for finding in findings[:MAX_FINDINGS]:
        yield from _finding_lines(finding)
    if len(findings) > MAX_FINDINGS:
        yield f"... and {len(findings) - MAX_FINDINGS} more in the report"
    if explanation.report is not None:
        yield f"Report: {explanation.report}"
    else:
        yield f"No report: {explanation.unreported}"


def _finding_lines(finding: Finding) -> Iterator[str]:
    yield f"Likely cause: {finding.summary}"
    if finding.hypothesis is not None:
        tested = "confirmed by undoing it" if finding.hypothesis.confirmed else "not confirmed"
        yield f"    {finding.hypothesis.name}, {tested}"
    place = finding.target_module or ", ".join(finding.config_keys)
    if place:
        yield f"    at:   {place}"
    if finding.rule:
        yield f"    rule: {finding.rule}"
    first, *more = finding.fix.split("\n")
    yield f"    fix:  {first}"
    yield from (f"          {line}" for line in more)
