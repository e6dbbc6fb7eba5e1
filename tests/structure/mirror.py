"""Whether tests stand where the file stands that they are about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def find_strays(tests: Path, package: Path) -> tuple[str, ...]:
    """Files of tests in a room of the package that are named after none of its modules."""
    return tuple(
        name.as_posix()
        for name in _in_rooms(tests, package)
        if not _is_module(package / name.parent / name.stem.removeprefix("test_"))
    )


def _in_rooms(tests: Path, package: Path) -> Iterator[Path]:
    for file in sorted(tests.rglob("test_*.py")):
        name = file.relative_to(tests)
        if len(name.parts) > 1 and (package / name.parts[0]).is_dir():
            yield name


def _is_module(path: Path) -> bool:
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
