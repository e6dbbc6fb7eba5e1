"""What the parameters of a command are: which it writes, and that it keeps all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from toolkit.core.outputs import Kept, Output, check_outputs
from toolkit.session.options import Item, Role


def check_given(given: Mapping[str, Any], items: Sequence[Item], *, force: bool) -> list[Output]:
    """Lets a command begin that will lose nothing of the user's.

    Args:
        given: The values of all its parameters, by name.
        items: What can be named of the command.
        force: Whether plain files may be replaced.

    Returns:
        What it is to write.

    Raises:
        BadInput: what it is to write is, or would change, something that it must keep.
    """
    from toolkit.report.files import is_report

    options = {item.name: item.typed for item in items}
    roles = {item.name: item.named.role for item in items if item.named.role is not None}
    _expect_order(given, options)
    outputs = [
        Output(option=options[name], path=value, kind=role.value)
        for name, role in roles.items()
        if role is not Role.SHELF and (value := given.get(name)) is not None
    ]
    if outputs:
        check_outputs(outputs, _kept(given, roles), force=force, is_report=is_report)
    return outputs


def _expect_order(given: Mapping[str, Any], options: Mapping[str, str]) -> None:
    from toolkit.checkpoint.lookalikes import expect_order

    checkpoint = given.get("checkpoint")
    for name in ("out", "hf_dir", "rec_dir"):
        if isinstance(checkpoint, Path) and isinstance(given.get(name), Path):
            expect_order(checkpoint, given[name], options[name])


def _kept(given: Mapping[str, Any], roles: Mapping[str, Role]) -> Kept:
    from toolkit.audio import golden_folder

    read = {n: v for n, v in given.items() if roles.get(n, Role.SHELF) is Role.SHELF}
    paths = [(name, path) for name, value in read.items() for path in _paths(value)]
    folders = [(name, path) for name, path in paths if path.is_dir()]
    files = [path for _, path in paths if not path.is_dir()]
    return Kept(
        files=[*files, *_companions(read)],
        wholes=[path for name, path in folders if name not in roles],
        shelves=[golden_folder(), *(path for name, path in folders if name in roles)],
    )


def _paths(value: Any) -> Iterator[Path]:
    """The files and folders that a value names; text may name a file of JSON, never a folder."""
    for part in value if isinstance(value, (list, tuple)) else (value,):
        if isinstance(part, (str, Path)) and _is_named(part):
            yield Path(part)


def _is_named(part: str | Path) -> bool:
    try:
        return part.exists() if isinstance(part, Path) else Path(part).is_file()
    except (OSError, ValueError):
        return False


def _companions(read: Mapping[str, Any]) -> Iterator[Path]:
    """What stands beside the checkpoint and is found there without being named."""
    from toolkit.families.sidecars import companions

    checkpoint = read.get("checkpoint")
    if isinstance(checkpoint, Path):
        yield from companions(checkpoint)
