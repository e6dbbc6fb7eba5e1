"""Tolerances of one's own: `pattern -> tolerance because reason`, one a line."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from toolkit.core.errors import BadInput, reason_of

_LINE = re.compile(r"(?P<pattern>.+?)\s+->\s+(?P<tolerance>\S+)\s+because\s+(?P<because>\S.*)")
_NUMBERED = ("front_end", "modules", "logits", "beam", "padding")
"""Levels with tolerances that are not exact; a rule for one names the measure as well."""


@dataclass(frozen=True, kw_only=True)
class ToleranceRule:
    """What one line says."""

    pattern: str
    measure: str | None
    """Measure of a level; None for module pairs, which have one."""
    tolerance: float
    because: str
    where: str
    """File and line."""

    def applies_to(self, ident: str) -> bool:
        """Whether the rule is about a test; `*` stands for any text, `{i}` is not needed."""
        return fnmatchcase(ident, self.pattern)


Rules = Mapping[str, tuple[ToleranceRule, ...]]
"""The rules by the test that they are about."""


def read_rules(path: Path) -> tuple[ToleranceRule, ...]:
    """The rules of a file; empty lines and those that begin with `#` say nothing.

    Raises:
        BadInput: the file is unreadable or has lines of another form; all of them at once.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise BadInput(
            f"`{path}` must be a readable file of tolerance rules, but {reason_of(error)}. "
            "Check the path."
        ) from error
    rules, problems = [], []
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            rule = _read_line(line.strip(), f"{path.name}, line {number}")
            if isinstance(rule, ToleranceRule):
                rules.append(rule)
            else:
                problems.append(rule)
    if problems:
        raise BadInput("\n".join(problems))
    return tuple(rules)


def assign_rules(
    rules: Iterable[ToleranceRule], modules: Iterable[str], levels: Iterable[str]
) -> Rules:
    """The rules by the test that they are about.

    Args:
        rules: All of a file.
        modules: Module pairs that are compared.
        levels: Other tests with tolerances, such as `logits:clip`.

    Raises:
        BadInput: a rule is about no test, about an exact one, or two are about the same.
    """
    found: dict[str, tuple[ToleranceRule, ...]] = {}
    problems = []
    named = {True: tuple(levels), False: tuple(modules)}
    for rule in rules:
        candidates = named[rule.measure is not None]
        fitting = [ident for ident in candidates if rule.applies_to(ident)]
        if not fitting:
            problems.append(_unmatched(rule))
        for ident in fitting:
            others = found.get(ident, ())
            clash = [other for other in others if other.measure == rule.measure]
            problems += [
                f"{rule.where}: `{ident}` has a tolerance by `{other.pattern}` already "
                f"({other.where}). Let one rule say it."
                for other in clash
            ]
            found[ident] = (*others, rule)
    if problems:
        raise BadInput("\n".join(problems))
    return found


def has_tolerance(level: str) -> bool:
    """Whether a level compares numbers that need not be equal."""
    return level in _NUMBERED


def _unmatched(rule: ToleranceRule) -> str:
    what = "level with a tolerance" if rule.measure is not None else "module pair"
    return (
        f"{rule.where}: `{rule.pattern}` must be the pattern of a {what}, but matches none. "
        "Remove the rule, or take names from `pytest --collect-only -q`; levels are written "
        "`logits:* / float32 logits`."
    )


def _read_line(line: str, where: str) -> ToleranceRule | str:
    found = _LINE.fullmatch(line)
    tolerance = _read_tolerance(found["tolerance"]) if found else None
    if found is None or tolerance is None:
        return (
            f"{where}: a tolerance rule must be `pattern -> tolerance because reason`, with a "
            f"number of at least 0, but is `{line}`. Correct it."
        )
    pattern, slash, measure = found["pattern"].partition(" / ")
    return ToleranceRule(
        pattern=pattern.strip(),
        measure=measure.strip() if slash else None,
        tolerance=tolerance,
        because=found["because"],
        where=where,
    )


def _read_tolerance(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
