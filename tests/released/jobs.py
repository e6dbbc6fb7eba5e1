"""Runs of conversion scripts, and how those of an environment are run together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from tests.released.environments import Released
from tests.released.under.running import ENDED

C = TypeVar("C")


@dataclass(frozen=True, kw_only=True)
class Job(Generic[C]):
    """One run of a script."""

    case: C
    checkpoint: Path
    folder: Path
    words: Sequence[str]


def run_listed(
    environment: Released, runner: str, listed: Sequence[Mapping[str, Any]], place: Path
) -> list[str]:
    """What became of each job, in order: `done`, or why the script gave up.

    Args:
        environment: Where the scripts are.
        runner: The script of `tests.released.under` that runs them.
        listed: The jobs, as the runner reads them.
        place: Where they are written, and run.
    """
    (place / "jobs.json").write_text(json.dumps(list(listed)), encoding="utf-8")
    said = environment.run(runner, place / "jobs.json", cwd=place).splitlines()
    return [line.removeprefix(ENDED) for line in said if line.startswith(ENDED)]
