"""A machine's health in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.core.folding import fold
from toolkit.core.health import Health, PythonState
from toolkit.report.text import describe_bytes

_MEND = "  mend it: "


def describe_health(health: Health, columns: int) -> str:
    """Lines of text: what there is, then each problem with the command that mends it.

    Args:
        health: Of this machine.
        columns: Of a line; only a command, which is to be copied, may be longer.
    """
    lines = (line if line.startswith(_MEND) else fold(line, columns) for line in _lines(health))
    return "\n".join(lines)


def _lines(health: Health) -> Iterator[str]:
    versions = (f"{name} {version}" for name, version in health.versions.items())
    yield f"versions: {', '.join(versions)}"
    yield from (_python(python) for python in health.pythons)
    room = (f"{describe_bytes(free)} in {place}" for place, free in health.free_bytes.items())
    yield f"free on disk: {', '.join(room)}"
    if health.memory_bytes is not None:
        yield f"free memory: {describe_bytes(health.memory_bytes)}"
    for problem in health.problems:
        yield f"✗ {problem.summary}"
        yield f"{_MEND}{problem.mend}"
    if not health.problems:
        yield "✓ nothing is missing"


def _python(python: PythonState) -> str:
    name = "this Python" if python.is_own else python.path
    fairseq = python.versions.get("fairseq")
    has = f"fairseq {fairseq}" if fairseq else "no fairseq"
    return f"{name}: {has}; proves {python.proves}"
