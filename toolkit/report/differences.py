"""What a finding says of keys and rows, as rows of a table: its name, what must be, what is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from toolkit.core.findings import Finding

_BECAME = re.compile(r"(?P<name>.+?): (?P<expected>'.*') became (?P<found>'.*')", re.DOTALL)
_NOT = re.compile(r"(?P<found>'.*'), not (?P<expected>'.*')", re.DOTALL)
_OF_A_TOKEN = re.compile(r"tokens?(_ids?)?$")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One key or one row of the vocabulary."""

    name: str
    expected: str
    found: str


def differences(finding: Finding, pieces: Mapping[int, str]) -> list[Difference]:
    """The keys and rows that a finding is about; empty where it is about weights.

    Args:
        finding: Whatever was found.
        pieces: Words of token ids, which are told beside ids.
    """
    detail = finding.hypothesis.detail if finding.hypothesis else {}
    rows = detail.get("rows")
    if isinstance(rows, (list, tuple)):
        return [_row(str(row), ", ".join(finding.config_keys)) for row in rows]
    if not finding.config_keys or not {"expected", "found"} <= {*detail}:
        return []
    return [
        Difference(
            name=key,
            expected=_told(key, str(detail["expected"]), pieces),
            found=_told(key, str(detail["found"]), pieces),
        )
        for key in finding.config_keys
    ]


def token_ids(finding: Finding) -> Iterator[int]:
    """The ids of tokens that a finding about a key names."""
    detail = finding.hypothesis.detail if finding.hypothesis else {}
    if any(_OF_A_TOKEN.search(key) for key in finding.config_keys):
        for name in ("expected", "found"):
            yield from map(int, re.findall(r"\d+", str(detail.get(name, ""))))


def _row(said: str, key: str) -> Difference:
    found = _BECAME.fullmatch(said) or _NOT.fullmatch(said)
    if found is None:
        return Difference(name=key, expected="", found=said)
    parts = found.groupdict()
    name = parts.get("name") or key
    named = f"id {name}" if name.isdigit() else name
    return Difference(name=named, expected=parts["expected"], found=parts["found"])


def _told(key: str, value: str, pieces: Mapping[int, str]) -> str:
    if not _OF_A_TOKEN.search(key):
        return value
    return re.sub(
        r"\d+", lambda n: f"{n[0]} {pieces[int(n[0])]}" if int(n[0]) in pieces else n[0], value
    )
