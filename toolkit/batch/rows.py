"""A result's JSON as rows of the database."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence

from toolkit.core.json import JsonObject

Row = dict[str, object]

RANKS = {"fail": 0, "deviation": 1, "unverified": 2, "pass": 3}


def number(value: object) -> float | None:
    """A number as SQLite has it: none for NaN, which JSON has as text."""
    read = float(value) if isinstance(value, int | float | str) else math.nan
    return None if math.isnan(read) else read


def headline(result: JsonObject) -> str | None:
    """What one reads first: the worst finding, else what the worst level says; None without any."""
    findings, levels = result.get("findings") or (), (result.get("levels") or {}).items()
    if findings:
        return str(findings[0]["summary"])
    worst = min(levels, key=lambda level: RANKS[level[1]["verdict"]], default=None)
    if worst is None:
        return result.get("unverified_because")
    return f"{worst[0]}: {worst[1]['summary']}"


def levels(result: JsonObject) -> Iterator[Row]:
    """The rows of the table of that name."""
    for position, (name, level) in enumerate((result.get("levels") or {}).items()):
        worst = level["worst"] or {}
        yield {
            "position": position,
            "name": name,
            "verdict": level["verdict"],
            "where": worst.get("where"),
            "error": number(worst.get("error")),
            "tolerance": number(worst.get("tolerance")),
            "clips": level["clips"],
            "summary": level["summary"],
        }


def findings(result: JsonObject) -> Iterator[Row]:
    """The rows of the table of that name."""
    for finding in result.get("findings") or ():
        hypothesis = finding["hypothesis"] or {}
        confirmed = hypothesis.get("confirmed")
        yield {
            "rank": finding["rank"],
            "kind": finding["kind"],
            "module": finding["target"]["module"],
            "parameters": json.dumps(finding["target"]["parameters"]),
            "config_keys": json.dumps(finding["target"]["config_keys"]),
            "hypothesis": hypothesis.get("name"),
            "confirmed": None if confirmed is None else int(confirmed),
            "consequence": finding["consequence"],
            "summary": finding["summary"],
            "fix": finding["fix"],
        }


def modules(result: JsonObject) -> Iterator[Row]:
    """The rows of the table of that name."""
    numbers = ("isolated_error", "isolated_tolerance", "propagated_ratio", "propagated_tolerance")
    texts = ("target", "source", "kind", "clip", "verdict")
    for position, module in enumerate(result.get("modules") or ()):
        yield {
            "position": position,
            **{name: module[name] for name in texts},
            **{name: number(module[name]) for name in numbers},
        }


def tokens(result: JsonObject) -> Iterator[Row]:
    """The rows of the table of that name."""
    texts = ("transcript", "reference_text", "converted_text", "first_difference")
    for clip, said in (result.get("tokens") or {}).items():
        yield {
            "clip": clip,
            **{name: said[name] for name in texts},
            "pipeline_text": said["pipeline_text"] or "",
            "equal": int(said["equal"]),
            "margin": number(said["margin"]),
        }


TABLES = {"levels": levels, "findings": findings, "modules": modules, "tokens": tokens}
"""What each table gets of a result."""


def insertion(table: str, rows: Sequence[Row]) -> str:
    """The statement that takes such rows, with `job` among them."""
    names = ", ".join(f'"{name}"' for name in rows[0])
    values = ", ".join(f":{name}" for name in rows[0])
    return f"INSERT INTO {table} ({names}) VALUES ({values})"
