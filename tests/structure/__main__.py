"""Prints the figures of the package's shape: `make structure`."""

from __future__ import annotations

import argparse
import re

from tests.structure.figures import BARS, ROOT, Figure, measure, read_bars
from tests.structure.sources import read_package


def main() -> None:
    """Prints the table, or lowers the ceilings to what is measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.structure", description=__doc__)
    parser.add_argument("--details", action="store_true", help="list what makes a figure up")
    parser.add_argument("--lower", action="store_true", help="lower ceilings to what is measured")
    asked = parser.parse_args()
    figures = measure(read_package(ROOT / "toolkit"), read_bars())
    print_table(figures, details=asked.details)
    if asked.lower:
        BARS.write_text(lowered(BARS.read_text(encoding="utf-8"), figures), encoding="utf-8")


def print_table(figures: tuple[Figure, ...], *, details: bool) -> None:
    """One line for each figure."""
    print(f"{'':46}{'now':>6}{'ceiling':>9}{'bar':>6}")
    for figure in figures:
        bar = "" if figure.bar is None else figure.bar
        state = "risen" if figure.rises else "" if figure.is_reached else "not yet"
        print(f"{figure.name:46}{figure.value:6}{figure.today:9}{bar:>6}  {state}".rstrip())
        for line in figure.details if details else ():
            print(f"    {line}")


def lowered(text: str, figures: tuple[Figure, ...]) -> str:
    """The text of `bars.yaml` with each ceiling at most at what is measured."""
    for figure in figures:
        ceiling = min(figure.value, figure.today)
        text = re.sub(rf"(?<={re.escape(figure.name)}: {{today: )\d+", str(ceiling), text)
    return text


if __name__ == "__main__":
    main()
