"""Where a command may write: never over anything that the user has."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from toolkit.core.errors import BadInput

STDOUT = Path("-")
"""As a report's path: standard output."""

_KINDS = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True, kw_only=True)
class Output:
    """A path that a command was told to write."""

    option: str
    """As it is typed: `--json`, `OUT`."""
    path: Path
    kind: Literal["report", "file", "folder", "new"]
    """A report may replace a report; a folder must be new, and so must a file of that kind."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a command reads, and must therefore leave as it is."""

    files: Sequence[Path] = ()
    wholes: Sequence[Path] = ()
    """Folders that are one thing: nothing may be added to them."""
    shelves: Sequence[Path] = ()
    """Folders of separate files: a new one may lie among them, none may be replaced."""


def check_outputs(
    outputs: Sequence[Output], kept: Kept, *, force: bool, is_report: Callable[[Path], bool]
) -> None:
    """Lets through what can be written without a loss.

    Args:
        outputs: What is to be written.
        kept: What is read.
        force: Whether a plain file that is no report may be replaced.
        is_report: Whether a file's content says that the toolkit made it.

    Raises:
        BadInput: a path is read too, lies in a folder that is read, is another output's, is no
            plain file or new name, or holds what is no report.
    """
    for number, output in enumerate(outputs):
        _expect_apart(output, outputs[:number])
        if output.path == STDOUT:
            _expect_stream(output)
            continue
        status = _maybe_status(output.path)
        _expect_parent(output.path)
        _expect_unread(output, kept)
        if status is not None:
            _expect_replaceable(output, status, kept, force=force, is_report=is_report)


def describe_mode(mode: int) -> str:
    """What a path leads to, in words: `a folder`, `a pipe`."""
    return next((words for matches, words in _KINDS if matches(mode)), "a file")


def _expect_apart(output: Output, others: Sequence[Output]) -> None:
    for other in others:
        if _is_same(output.path, other.path):
            raise BadInput(
                f"`{output.path}` must be given to one option alone, but both `{other.option}` and "
                f"`{output.option}` name it. Choose two paths."
            )


def _expect_stream(output: Output) -> None:
    if output.kind in ("folder", "new"):
        what = "folder" if output.kind == "folder" else "file"
        raise BadInput(
            f"`{output.option}` must be a new {what}, but `-` is standard output. Name a {what}, "
            "`./-` if it is to have that name."
        )


def _maybe_status(path: Path) -> os.stat_result | None:
    """What is at the path itself, links not followed; None if nothing."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise BadInput(
            f"`{path}` must be a name that can be written, but the system says: "
            f"{getattr(error, 'strerror', None) or error}. Choose another path."
        ) from error


def _expect_parent(path: Path) -> None:
    parent = path.absolute().parent
    if not parent.is_dir():
        raise BadInput(
            f"`{path}` must lie in an existing folder, but `{parent}` is none. Create it first."
        )
    if not os.access(parent, os.W_OK | os.X_OK):
        raise BadInput(
            f"`{path}` must lie in a writable folder, but `{parent}` is not. Choose another path."
        )


def _expect_unread(output: Output, kept: Kept) -> None:
    for file in kept.files:
        if _is_same(output.path, file):
            raise BadInput(
                f"`{output.path}` must be a file of its own, but is `{file}`, which the command "
                f"reads or finds beside the checkpoint, and `{output.option}` would replace. "
                "Choose another path."
            )
    for folder in kept.wholes:
        if _is_inside(output.path, folder):
            raise BadInput(
                f"`{output.path}` must lie outside of `{folder}`, which the command reads as it "
                f"is, but `{output.option}` would change that folder. Choose another path."
            )


def _expect_replaceable(
    output: Output,
    status: os.stat_result,
    kept: Kept,
    *,
    force: bool,
    is_report: Callable[[Path], bool],
) -> None:
    path = output.path
    if output.kind in ("folder", "new"):
        raise BadInput(
            f"`{path}` must not exist yet, but is {describe_mode(status.st_mode)}. Choose a new "
            f"name for `{output.option}`."
        )
    if not stat.S_ISREG(status.st_mode):
        raise BadInput(
            f"`{path}` must be a plain file or a new name, but is "
            f"{describe_mode(status.st_mode)}. Choose another path, or `-` for standard output."
        )
    if output.kind == "report" and is_report(path):
        return
    for folder in kept.shelves:
        if _is_inside(path, folder):
            raise BadInput(
                f"`{path}` must be a new name, since the command reads the files in `{folder}`, "
                "but exists there. Choose another path."
            )
    if not force:
        also = ", or a report of the toolkit" if output.kind == "report" else ""
        raise BadInput(
            f"`{path}` must be a new name{also}, but a file of another kind is there. Choose "
            "another path, or add `--force`, which replaces the file."
        )


def _is_same(path: Path, other: Path) -> bool:
    if os.path.realpath(path) == os.path.realpath(other):
        return True
    try:
        return os.path.samefile(path, other)
    except (OSError, ValueError):
        return False


def _is_inside(path: Path, folder: Path) -> bool:
    real = Path(os.path.realpath(path))
    return Path(os.path.realpath(folder)) in (real, *real.parents)
