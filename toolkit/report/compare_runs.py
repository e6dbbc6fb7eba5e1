"""What changed between two runs: before and after a correction of the mapping, say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from toolkit.core.errors import BadInput, reason_of
from toolkit.core.json import JsonDict
from toolkit.core.result import SCHEMA_VERSION
from toolkit.report import text

if TYPE_CHECKING:
    from rich.console import Console

MAX_BYTES = 1 << 28
Change = Literal["better", "worse", "changed", "same"]
SYMBOLS: Mapping[Change, str] = {"better": "↑", "worse": "↓", "changed": "≠", "same": "="}
ASCII_SYMBOLS: Mapping[Change, str] = {"better": "+", "worse": "-", "changed": "!", "same": "="}
_RANKS = {"match": 0, "pass": 0, "deviation": 1, "unverified": 2, "not compared": 2}
_RANKS |= {"mismatch": 3, "fail": 3}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that both runs speak of."""

    name: str
    before: str
    after: str
    change: Change


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two runs side by side."""

    first: Path
    second: Path
    verdict: Row
    files: tuple[Row, ...]
    """Hashes, versions and commands that differ."""
    levels: tuple[Row, ...]
    findings: tuple[Row, ...]
    modules: tuple[Row, ...]
    """Those whose verdict or coverage changed."""
    tokens: tuple[Row, ...]
    """Clips whose converted words changed."""

    @property
    def matches(self) -> bool:
        """Whether the second run found no mismatch."""
        return self.verdict.after != "mismatch"

    def to_dict(self) -> JsonDict:
        """The comparison as plain data."""
        parts = ("files", "levels", "findings", "modules", "tokens")
        return {
            "schema_version": SCHEMA_VERSION,
            "command": "report",
            "first": str(self.first),
            "second": str(self.second),
            "verdict": vars(self.verdict),
            **{part: [vars(row) for row in getattr(self, part)] for part in parts},
        }


def compare_runs(first: Path, second: Path) -> Comparison:
    """What changed from one run to the next.

    Args:
        first: The JSON of one run, from `--json`.
        second: The JSON of another, of the same checkpoint or not.

    Raises:
        BadInput: a file cannot be read or is no result of a run.
    """
    before, after = _read(first), _read(second)
    return Comparison(
        first=first,
        second=second,
        verdict=_row("verdict", before["verdict"], after["verdict"]),
        files=tuple(r for r in _files(before, after) if r.change != "same"),
        levels=tuple(_levels(before, after)),
        findings=tuple(_findings(before, after)),
        modules=tuple(_modules(before, after)),
        tokens=tuple(_tokens(before, after)),
    )


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Prints what changed; words and signs stay without colour or Unicode."""
    from rich.text import Text

    ascii_only = not console.encoding.lower().startswith("utf")
    symbols = ASCII_SYMBOLS if ascii_only else SYMBOLS

    def line(plain: str, style: str = "") -> None:
        shown = text.show_controls(plain)
        if ascii_only:
            shown = shown.encode("ascii", errors="backslashreplace").decode("ascii")
        console.print(Text(shown, style=style), soft_wrap=True)

    styles = {"better": "green", "worse": "bold red", "changed": "yellow", "same": ""}
    for title, rows in _sections(comparison):
        line(f"{title}:" if rows else f"{title}: nothing changed")
        for row in rows:
            told = f"  {symbols[row.change]} {row.change:7} {row.name}: {row.before} -> {row.after}"
            line(told, styles[row.change])


def render_comparison(comparison: Comparison) -> str:
    """The comparison as one page without scripts."""
    from toolkit.report.html import create_environment

    template = create_environment().get_template("comparison.html.j2")
    return template.render(
        comparison=comparison, sections=list(_sections(comparison)), symbols=SYMBOLS
    )


def _sections(comparison: Comparison) -> Iterator[tuple[str, tuple[Row, ...]]]:
    yield "Verdict", (comparison.verdict,)
    yield "Findings", comparison.findings
    yield "Levels", comparison.levels
    yield "Modules", comparison.modules
    yield "Tokens", comparison.tokens
    yield "Files, versions and commands", comparison.files


def _read(path: Path) -> JsonDict:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES} bytes")
        said = json.loads(path.read_text(encoding="utf-8"))
        _check(said)
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(
            f"`{path}` must be the JSON of a run of verify, diff or convert, but "
            f"{reason_of(error)}. Write one with `--json FILE`."
        ) from error
    return dict(said)


_PARTS: Mapping[str, type] = {
    "verdict": str,
    "source": dict,
    "target": dict,
    "levels": dict,
    "findings": list,
    "tokens": dict,
    "modules": list,
    "environment": dict,
}


def _check(said: Any) -> None:
    if not isinstance(said, dict) or said.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(f"it has no schema_version {SCHEMA_VERSION}")
    for name, kind in _PARTS.items():
        if not isinstance(said.get(name), kind):
            raise ValueError(f"its `{name}` is no {kind.__name__}")
    for name in ("levels", "tokens", "findings", "modules"):
        values = said[name].values() if isinstance(said[name], dict) else said[name]
        if not all(isinstance(value, dict) for value in values):
            raise ValueError(f"its `{name}` holds something else than objects")


def _row(name: str, before: str, after: str) -> Row:
    return Row(name=name, before=before, after=after, change=_judge(before, after))


def _judge(before: str, after: str) -> Change:
    if before == after:
        return "same"
    left, right = (_RANKS.get(word.split(" (")[0]) for word in (before, after))
    if left is None or right is None or left == right:
        return "changed"
    return "better" if right < left else "worse"


def _files(before: JsonDict, after: JsonDict) -> Iterator[Row]:
    for side in ("source", "target"):
        for key in ("path", "sha256"):
            yield _row(f"{side} {key}", str(before[side].get(key)), str(after[side].get(key)))
    for name in dict.fromkeys((*before["environment"], *after["environment"])):
        pair = [str(run["environment"].get(name, "not recorded")) for run in (before, after)]
        yield _row(str(name), *pair)
    yield _row("command", str(before.get("reproduce")), str(after.get("reproduce")))


def _levels(before: JsonDict, after: JsonDict) -> Iterator[Row]:
    for name in dict.fromkeys((*before["levels"], *after["levels"])):
        row = _row(name, _level(before, name), _level(after, name))
        if row.change != "same":
            yield row


def _level(run: JsonDict, name: str) -> str:
    level = run["levels"].get(name)
    if level is None:
        return "not compared"
    worst = level.get("worst") or {}
    return f"{level.get('verdict')} ({_error(worst.get('error'))})"


def _error(value: object) -> str:
    return text.format_error(float(value)) if isinstance(value, (int, float)) else str(value)


def _findings(before: JsonDict, after: JsonDict) -> Iterator[Row]:
    """A finding is known by its kind and place; its sentence may have changed."""
    left, right = (_by_place(run["findings"]) for run in (before, after))
    for place in dict.fromkeys((*right, *left)):
        was, now = left.get(place), right.get(place)
        change: Change = "worse" if was is None else "better" if now is None else "same"
        if was is not None and now is not None and was != now:
            change = "changed"
        yield Row(
            name=place,
            before="not there" if was is None else was,
            after="gone" if now is None else "still there" if was == now else now,
            change=change,
        )


def _by_place(findings: list[JsonDict]) -> dict[str, str]:
    places: dict[str, str] = {}
    for finding in findings:
        target = finding.get("target") or {}
        where = target.get("module") or ", ".join(map(str, target.get("config_keys") or ()))
        place = f"{finding.get('kind')} at {where or 'the whole folder'}"
        places[place] = str(finding.get("summary"))
    return places


def _modules(before: JsonDict, after: JsonDict) -> Iterator[Row]:
    left, right = ({str(m.get("target")): m for m in run["modules"]} for run in (before, after))
    for path in dict.fromkeys((*right, *left)):
        was, now = (_module(rows.get(path)) for rows in (left, right))
        if was.split(" (")[0] != now.split(" (")[0]:
            yield _row(path, was, now)


def _module(row: JsonDict | None) -> str:
    if row is None:
        return "not compared"
    return f"{row.get('verdict')} ({_error(row.get('isolated_error'))})"


def _tokens(before: JsonDict, after: JsonDict) -> Iterator[Row]:
    for clip in dict.fromkeys((*after["tokens"], *before["tokens"])):
        was, now = (run["tokens"].get(clip) for run in (before, after))
        said = ["not compared" if t is None else str(t.get("converted_text")) for t in (was, now)]
        if said[0] == said[1]:
            continue
        equal = [bool(t and t.get("equal")) for t in (was, now)]
        change: Change = "changed"
        if equal[0] != equal[1] and was is not None and now is not None:
            change = "better" if equal[1] else "worse"
        yield Row(name=str(clip), before=said[0], after=said[1], change=change)
