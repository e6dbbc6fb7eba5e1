"""What changed between runs: before and after a correction of the mapping, say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from toolkit.core.artifact import SCHEMA_VERSION
from toolkit.core.errors import BadInput, reason_of
from toolkit.core.folding import fold
from toolkit.core.json import JsonDict
from toolkit.core.measures import Measure
from toolkit.report import measured, text
from toolkit.report.overlay import Overlay, draw_overlay
from toolkit.report.sought import was_sought

if TYPE_CHECKING:
    from rich.console import Console

MAX_BYTES = 1 << 28
Change = Literal["better", "worse", "changed", "same", "not compared"]
UNKNOWN: Change = "not compared"
"""Of what a run did not look at: it is neither better nor worse."""
_SHA256 = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
NOTHING = "(nothing)"
"""Said by a model that says no word."""
WHOLE = "the whole folder"
SYMBOLS: Mapping[Change, str] = {
    "better": "↑",
    "worse": "↓",
    "changed": "≠",
    "same": "=",
    UNKNOWN: "–",
}
ASCII_SYMBOLS: Mapping[Change, str] = {
    "better": "+",
    "worse": "-",
    "changed": "!",
    "same": "=",
    UNKNOWN: "?",
}
_RANKS = {"match": 0, "pass": 0, "deviation": 1, "unverified": 2}
_RANKS |= {"mismatch": 3, "fail": 3}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that the runs speak of."""

    name: str
    before: str
    """What the first run says."""
    after: str
    """What the last run says."""
    change: Change
    """From the first to the last."""
    between: tuple[str, ...] = ()
    """What the runs between say."""

    @property
    def values(self) -> tuple[str, ...]:
        """What each run says."""
        return (self.before, *self.between, self.after)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs side by side, in the order in which they were named."""

    paths: tuple[Path, ...]
    verdict: Row
    files: tuple[Row, ...]
    """Hashes, versions and commands that differ."""
    levels: tuple[Row, ...]
    findings: tuple[Row, ...]
    modules: tuple[Row, ...]
    """Those whose verdict or coverage changed."""
    tokens: tuple[Row, ...]
    """Clips whose converted words changed."""
    overlay: Overlay | None = None
    """Errors over depth; None where no modules were compared."""

    @property
    def matches(self) -> bool:
        """Whether the last run found no mismatch."""
        return self.verdict.after != "mismatch"

    def to_dict(self) -> JsonDict:
        """The comparison as plain data."""
        parts = ("files", "levels", "findings", "modules", "tokens")
        return {
            "schema_version": SCHEMA_VERSION,
            "command": "report",
            "first": str(self.paths[0]),
            "second": str(self.paths[-1]),
            "runs": [str(path) for path in self.paths],
            "verdict": vars(self.verdict),
            **{part: [vars(row) for row in getattr(self, part)] for part in parts},
        }


def compare_runs(first: Path, second: Path, further: Sequence[Path] = ()) -> Comparison:
    """What changed from one run to the next.

    Args:
        first: The JSON of one run, from `--json`.
        second: The JSON of another, of the same checkpoint or not.
        further: Those of more runs, in the order in which they are to stand.

    Raises:
        BadInput: a file cannot be read or is no result of a run.
    """
    paths = (first, second, *further)
    runs = [_read(path) for path in paths]
    return Comparison(
        paths=paths,
        verdict=_row("verdict", *(run["verdict"] for run in runs)),
        files=tuple(_changed(_files(runs))),
        levels=tuple(_changed(_levels(runs))),
        findings=tuple(_findings(runs)),
        modules=tuple(_modules(runs)),
        tokens=tuple(_tokens(runs)),
        overlay=draw_overlay(runs),
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
        if console.is_terminal:
            shown = fold(shown, console.width, hang=len(_head("", UNKNOWN, symbols)))
        console.print(Text(shown, style=style), soft_wrap=True)

    styles = {"better": "green", "worse": "bold red", "changed": "yellow", "same": "", UNKNOWN: ""}
    for title, rows in _sections(comparison):
        line(f"{title}:" if rows else f"{title}: nothing changed")
        for row in rows:
            said = " -> ".join(_SHA256.sub(r"\1…", value) or NOTHING for value in row.values)
            line(f"{_head(row.name, row.change, symbols)}: {said}", styles[row.change])


def _head(name: str, change: Change, symbols: Mapping[Change, str]) -> str:
    """What a line begins with."""
    return f"  {symbols[change]} {change:{len(UNKNOWN)}} {name}"


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


def _row(name: str, *said: str) -> Row:
    return _told(name, said, _judge(said))


def _told(name: str, said: Sequence[str], change: Change) -> Row:
    return Row(name=name, before=said[0], between=tuple(said[1:-1]), after=said[-1], change=change)


def _judge(said: Sequence[str]) -> Change:
    if len(set(said)) == 1:
        return "same"
    ends = [word.split(" (")[0] for word in (said[0], said[-1])]
    if UNKNOWN in ends:
        return UNKNOWN
    left, right = map(_RANKS.get, ends)
    if left is None or right is None or left == right:
        return "changed"
    return "better" if right < left else "worse"


def _changed(rows: Iterable[Row]) -> Iterator[Row]:
    return (row for row in rows if row.change != "same")


def _named(runs: Sequence[JsonDict], part: str) -> dict[str, None]:
    """The names that any run has in one of its parts, those of the last run first."""
    return {str(name): None for run in reversed(runs) for name in run[part]}


def _files(runs: Sequence[JsonDict]) -> Iterator[Row]:
    for side in ("source", "target"):
        for key in ("path", "sha256"):
            yield _row(f"{side} {key}", *(str(run[side].get(key)) for run in runs))
    for name in _named(runs, "environment"):
        said = [str(run["environment"].get(name, "not recorded")) for run in runs]
        yield _row(name, *said)
    yield _row("command", *(str(run.get("reproduce")) for run in runs))


def _levels(runs: Sequence[JsonDict]) -> Iterator[Row]:
    for name in _named(runs[::-1], "levels"):
        yield _row(name, *(_level(run, name) for run in runs))


def _level(run: JsonDict, name: str) -> str:
    level = run["levels"].get(name)
    if level is None:
        return UNKNOWN
    return f"{level.get('verdict')} ({_worst(level)})"


def _worst(level: JsonDict) -> str:
    """The largest error of a level, in its unit where the run says which."""
    worst = level.get("worst") or {}
    error = worst.get("error")
    for said in level.get("measures") or ():
        if isinstance(said, dict) and all(said.get(key) == worst[key] for key in worst):
            with suppress(AttributeError, KeyError, TypeError, ValueError):
                known = {field.name: said[field.name] for field in fields(Measure)}
                return measured.describe_error(Measure(**known))
    return _error(error)


def _error(value: object) -> str:
    return text.format_error(float(value)) if isinstance(value, (int, float)) else str(value)


def _findings(runs: Sequence[JsonDict]) -> Iterator[Row]:
    """A finding is known by its kind and place; its sentence may have changed."""
    by_place = [_by_place(run["findings"]) for run in runs]
    for place in dict.fromkeys(name for run in reversed(by_place) for name in run):
        was = list(_told_by_each(place, by_place, runs))
        yield _told(place, _since(was), _judge_finding(was))


def _told_by_each(
    place: str, by_place: Sequence[dict[str, str]], runs: Sequence[JsonDict]
) -> Iterator[str | None]:
    """What each run says of a finding: None where it looked for it in vain."""
    kind, _, where = place.partition(" at ")
    found_by = [run for told, run in zip(by_place, runs, strict=True) if place in told]
    for told, run in zip(by_place, runs, strict=True):
        if place in told:
            yield told[place]
        else:
            sought = was_sought(run, found_by, kind, has_place=where != WHOLE)
            yield None if sought else UNKNOWN


def _since(was: Sequence[str | None]) -> list[str]:
    """What each run says of a finding, told by what the run before said."""
    said = []
    for before, now in zip((None, *was), was, strict=False):
        if now is None:
            said.append("gone" if before not in (None, UNKNOWN) else "not there")
        else:
            said.append("still there" if now == before != UNKNOWN else now)
    return said


def _judge_finding(was: Sequence[str | None]) -> Change:
    first, last = was[0], was[-1]
    if UNKNOWN in (first, last):
        return UNKNOWN
    if (first is None) != (last is None):
        return "worse" if first is None else "better"
    return "same" if len(set(was)) == 1 else "changed"


def _by_place(findings: list[JsonDict]) -> dict[str, str]:
    places: dict[str, str] = {}
    for finding in findings:
        target = finding.get("target") or {}
        where = target.get("module") or ", ".join(map(str, target.get("config_keys") or ()))
        place = f"{finding.get('kind')} at {where or WHOLE}"
        places[place] = str(finding.get("summary"))
    return places


def _modules(runs: Sequence[JsonDict]) -> Iterator[Row]:
    by_path = [{str(m.get("target")): m for m in run["modules"]} for run in runs]
    for path in dict.fromkeys(name for rows in reversed(by_path) for name in rows):
        said = [_module(rows.get(path)) for rows in by_path]
        if len({word.split(" (")[0] for word in said}) > 1:
            yield _row(path, *said)


def _module(row: JsonDict | None) -> str:
    if row is None:
        return UNKNOWN
    return f"{row.get('verdict')} ({_error(row.get('isolated_error'))})"


def _tokens(runs: Sequence[JsonDict]) -> Iterator[Row]:
    for clip in _named(runs, "tokens"):
        told = [run["tokens"].get(clip) for run in runs]
        said = [UNKNOWN if each is None else str(each.get("converted_text")) for each in told]
        if len(set(said)) > 1:
            yield _told(clip, said, _judge_tokens(told[0], told[-1]))


def _judge_tokens(first: JsonDict | None, last: JsonDict | None) -> Change:
    if first is None or last is None:
        return UNKNOWN
    equal = [bool(each.get("equal")) for each in (first, last)]
    if equal[0] == equal[1]:
        return "changed"
    return "better" if equal[1] else "worse"
