"""Writes report files in one step, so that nobody reads half of one, and knows them again."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from toolkit.checkpoint.plain_files import open_plain
from toolkit.core.errors import BadInput
from toolkit.core.outputs import STDOUT

GENERATOR = '<meta name="generator" content="fairseq-hf-toolkit">'
"""Stands in the head of every page; the templates spell it out."""
_HEAD_BYTES = 4096
_JSON_START = re.compile(rb'\s*\{\s*"schema_version":\s*\d+,\s*"(task|command)":')


def write_bytes(path: Path, content: bytes, *, force: bool = True) -> None:
    """Leaves `content` at `path`, or what was there before; see `write_files`."""
    write_files([(path, content)], force=force)


def write_files(files: Iterable[tuple[Path, bytes]], *, force: bool = True) -> None:
    """Leaves every content at its path, or what was there before at each of them.

    Args:
        files: Where each goes, in a folder that exists, and all that it holds. `-` is standard
            output, which comes last.
        force: Whether a file that is no report may be replaced.

    Raises:
        BadInput: a folder does not exist, a path is a folder or, unless forced, a file that is no
            report, or the system refuses to write.
    """
    streams: list[bytes] = []
    with ExitStack() as stack:
        staged: list[tuple[Path, Path]] = []
        for path, content in files:
            if path == STDOUT:
                streams.append(content)
            else:
                staged.append((stack.enter_context(_staged(path, content)), path))
        for _, path in () if force else staged:
            _expect_replaceable(path)
        for temporary, path in staged:
            with _worded(path):
                temporary.replace(path)
    for content in streams:
        _write_to_stdout(content)


def is_report(path: Path) -> bool:
    """Whether a file begins as the toolkit's own JSON or pages do."""
    try:
        with open_plain(path) as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    is_page = head.lstrip()[:15].lower() == b"<!doctype html>" and GENERATOR.encode() in head
    return is_page or _JSON_START.match(head) is not None


def _expect_replaceable(path: Path) -> None:
    """Refuses to replace what has come to lie where a report is to go since the command began."""
    if os.path.lexists(path) and not is_report(path):
        raise BadInput(
            f"`{path}` must be a new name or a report, but by now a file is there that is none. It "
            "was not replaced. Choose another path."
        )


@contextmanager
def _staged(path: Path, content: bytes) -> Iterator[Path]:
    """The content under another name beside its path; removed unless it was renamed."""
    import secrets

    _check_destination(path)
    # Short, because the name of the report itself may already be as long as a name can be.
    temporary = path.parent / f".report-{secrets.token_hex(6)}.part"
    try:
        with _worded(path), open(temporary, "xb") as file:
            file.write(content)
        yield temporary
    finally:
        # Where the folder cannot be written at all, the error that matters is on its way.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def _worded(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadInput(
            f"`{path}` must be a place where a report can be written, but the system says:"
            f" {error.strerror or error}. Choose another path."
        ) from error


def _write_to_stdout(content: bytes) -> None:
    raw = getattr(sys.stdout, "buffer", None)
    if raw is None:
        sys.stdout.write(content.decode("utf-8", errors="backslashreplace"))
        return
    sys.stdout.flush()
    raw.write(content)
    raw.flush()


def _check_destination(path: Path) -> None:
    # `Path.is_dir` raises where a name is too long; the attempt to write words that better.
    if not os.path.isdir(path.parent):
        raise BadInput(
            f"`{path}` cannot be written: its folder must exist, but `{path.parent}` is not a"
            " folder. Create it, or choose another path."
        )
    if os.path.isdir(path):
        raise BadInput(
            f"`{path}` must be the path of a report file, but is a folder."
            " Add a file name to it, or choose another path."
        )
