"""A runner out of a user's own file, and out of nothing else."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import cast

from toolkit.core.errors import BadInput, reason_of
from toolkit.handoff.example import Runner

MAX_CHARS = 500
"""Of what somebody else's error says."""


def parse_runner(named: str) -> tuple[Path, str]:
    """The file and the name in it of `FILE.py:NAME`.

    Raises:
        BadInput: it is not of that form.
    """
    file, _, name = named.rpartition(":")
    if not file.endswith(".py") or not name.isidentifier():
        raise BadInput(
            f"`--runner` must be FILE.py:NAME, the name of a class in a file of yours, but is "
            f"{named!r:.200}. Write both."
        )
    return Path(file), name


def expect_own_file(named: str, strangers: Sequence[Path]) -> None:
    """Makes sure that a runner's file is there, and comes with nothing of somebody else's.

    Args:
        named: `FILE.py:NAME`.
        strangers: Folders whose code must not run.

    Raises:
        BadInput: it is not so.
    """
    file, _ = parse_runner(named)
    if not file.is_file():
        raise BadInput(
            f"`--runner` must name a file, but `{file}` is none. Name the file that defines it."
        )
    for folder in strangers:
        for place in (file.absolute(), file.resolve()):
            if folder.resolve() in place.parents or folder.absolute() in place.parents:
                raise BadInput(
                    f"`--runner` must be a file of your own, but `{file}` lies in `{folder}`, "
                    "whose code is not run. Copy it elsewhere if you trust it."
                )


def load_runner(named: str, folder: Path) -> Runner:
    """The runner that a file makes of a folder. Its code runs here.

    Args:
        named: `FILE.py:NAME`.
        folder: What the runner's name is called with.

    Raises:
        BadInput: the file does not run, has no such name, or that makes no runner.
    """
    file, name = parse_runner(named)
    made = getattr(_imported(named, file), name, None)
    if not callable(made):
        raise BadInput(
            f"`{named}` must name a class, or a function that makes a runner, but `{file}` has "
            f"{'no such name' if made is None else 'something else by that name'}. Correct it."
        )
    try:
        runner = made(folder)
    except Exception as error:
        raise BadInput(
            f"`{named}` must make a runner when it is called with the folder, but raises "
            f"{describe_error(error, file)}. Correct it."
        ) from error
    if not callable(getattr(runner, "ask", None)):
        raise BadInput(
            f"`{named}` must make what has a method `ask`, but makes a {type(runner).__name__}. "
            "See docs/handoff.md."
        )
    return cast(Runner, runner)


def describe_error(error: BaseException, file: Path | None = None) -> str:
    """Somebody else's error in one line, with the line of the file that it comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if file and frame.filename == str(file.resolve())]
    where = f" (line {lines[-1]} of {file.name})" if file and lines else ""
    said = "".join(c if c.isprintable() else "?" for c in reason_of(error)[:MAX_CHARS])
    return f"{type(error).__name__}: {said}{where}"


def _imported(named: str, file: Path) -> ModuleType:
    """The file as a module; what lies beside it can be imported, and hides no package."""
    sys.path.append(str(file.resolve().parent))
    spec = spec_from_file_location(f"runner_{file.stem}", file.resolve())
    assert spec is not None, "a file .py has a loader"
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise BadInput(
            f"`{named}` must be a file that Python imports, but importing it raises "
            f"{describe_error(error, file)}. Correct it."
        ) from error
    return module
