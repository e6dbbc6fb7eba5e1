"""What verify and diff say of a folder, for assertions on whole corpora."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import toolkit
from tests.judged.wrong import Wrong

AT_MOST = 3
"""How many findings one cause may have."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What one command said."""

    verdict: str
    """A result's verdict, or `refused`."""
    findings: tuple[str, ...]
    """All that each finding names, or what the refusal says."""


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Both commands over one checkpoint, which answer from a recording."""

    checkpoint: Path
    recording: Path

    def judge(self, folder: Path) -> dict[str, Said]:
        """What each command says of a folder."""
        return {
            "diff": self._ask(toolkit.diff, folder),
            "verify": self._ask(toolkit.verify, folder),
        }

    def _ask(self, command: Callable[..., toolkit.Result], folder: Path) -> Said:
        try:
            result = command(self.checkpoint, folder, recording=self.recording)
        except toolkit.BadInput as refusal:
            return Said(verdict="refused", findings=(str(refusal),))
        named = tuple(all_of(finding.to_dict(1)) for finding in result.findings)
        failed = tuple(level.name for level in result.levels if level.verdict == "fail")
        return Said(verdict=result.verdict, findings=named or failed)


def open_judge(checkpoint: Path, place: Path) -> Judge:
    """A judge who records one short clip first."""
    from toolkit.audio import golden_folder

    toolkit.record(checkpoint, place, audio=[golden_folder() / "tiny.flac"])
    return Judge(checkpoint=checkpoint, recording=place)


def all_of(finding: dict[str, Any]) -> str:
    """All that a finding names, of its JSON."""
    target = finding["target"]
    named = (target["module"], *target["parameters"], *target["config_keys"])
    return " ".join((finding["summary"], finding["fix"], *named))


def complaints_about_right(said: dict[str, Said]) -> list[str]:
    """What is amiss where a right folder is not a match without a finding."""
    return [
        f"{command}: {one.verdict}, {list(one.findings)}"
        for command, one in said.items()
        if one.verdict != "match" or one.findings
    ]


def complaints_about_wrong(case: Wrong, said: dict[str, Said]) -> list[str]:
    """What is amiss where a wrong folder passes, or is told otherwise than by its cause."""
    amiss = []
    for command, one in said.items():
        if one.verdict not in ("mismatch", "refused"):
            amiss.append(f"{command}: {one.verdict}")
        elif len(one.findings) > AT_MOST:
            amiss.append(f"{command}: {len(one.findings)} findings, {list(one.findings)[:5]}")
        elif not any(case.says in finding for finding in one.findings):
            amiss.append(f"{command}: nothing says `{case.says}`, {list(one.findings)}")
    return amiss
