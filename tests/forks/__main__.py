"""Forks, inferred, converted and proven: `python -m tests.forks [COUNT [SHIFT [TABLE...]]]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.forks.bar import MANY, Outcome, chosen, try_fork


def main(count: int = MANY, shift: int = 0, *tables: str) -> int:
    """Prints a row for each fork and what they come to; 1 where the bar is missed."""
    outcomes: list[Outcome] = []
    for number, case in enumerate(chosen(count, shift, tables)):
        with tempfile.TemporaryDirectory(prefix="toolkit-forks-") as folder:
            outcome = try_fork(case, Path(folder))
        outcomes.append(outcome)
        print(f"{number:3} {case.row()} {outcome.row()}", flush=True)
    right, wrong = (sum(getattr(o, name) for o in outcomes) for name in ("is_right", "is_wrong"))
    left = count - right - wrong
    print(f"mapped and proven match: {right} of {count}; not: {left}; wrong called match: {wrong}")
    return int(wrong > 0 or right < 0.95 * count)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3]), *sys.argv[3:]))
