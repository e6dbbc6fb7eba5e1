"""JOBS.toml: what to do with which checkpoints, as requests of the commands that do it."""

from __future__ import annotations

import glob
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass
from difflib import get_close_matches
from pathlib import Path

from toolkit.batch.kind import Kind
from toolkit.batch.kinds import kinds
from toolkit.checkpoint.plain_files import read_small
from toolkit.core.errors import BadInput, reason_of
from toolkit.core.json import JsonObject
from toolkit.session.groups import Request
from toolkit.session.options import Item, typed_items

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_BYTES = 1 << 24
DO, CHECKPOINTS, CLIPS = "do", "checkpoints", "clips_per_shard"
PLACES = ("{stem}", "{folder}")
"""What stands for a checkpoint's own name in a path, and for its folder's."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One thing to do with one checkpoint."""

    kind: str
    request: Request
    checkpoint: Path
    clips_per_shard: int | None = None
    """Most clips of one process; None where only the command says so."""

    @property
    def target(self) -> Path | None:
        """The folder that it writes or looks at; None where it has none."""
        item = _maybe_place(kinds()[self.kind])
        return None if item is None else getattr(self.request, item)


@dataclass(frozen=True, kw_only=True)
class Table:
    """One `[[job]]`: the same for every checkpoint that it names."""

    where: str
    """How errors call it: `job 2 of jobs.toml`."""
    kind: Kind
    patterns: tuple[str, ...]
    values: JsonObject
    """By the names of the request's fields."""
    home: Path
    """The folder that its paths are relative to."""
    clips_per_shard: int | None = None

    def jobs(self) -> tuple[Job, ...]:
        """A job for each checkpoint that is there now, in the order of their paths.

        Raises:
            BadInput: there is none, a value is none, two jobs would write one folder, or it would
                lie nowhere.
        """
        made = tuple(self._job(path) for path in self._checkpoints())
        _expect_apart(self, made)
        _expect_parents(self, made)
        return made

    def _checkpoints(self) -> Sequence[Path]:
        found: dict[Path, None] = {}
        for pattern in self.patterns:
            paths = sorted(
                glob.glob(os.path.join(glob.escape(str(self.home)), pattern), recursive=True)
            )
            if not paths:
                raise BadInput(
                    f"`{pattern}`, {self.where}, must match checkpoints, but matches nothing in "
                    f"`{self.home}`. Correct `{CHECKPOINTS}`."
                )
            found.update(dict.fromkeys(Path(path) for path in paths))
        return tuple(found)

    def _job(self, checkpoint: Path) -> Job:
        fields = {item.name: item for item in typed_items(self.kind.request)}
        given = {
            name: self._value(fields[name], value, checkpoint)
            for name, value in self.values.items()
        }
        request = self.kind.request(checkpoint, **given)
        request.check()
        return Job(
            kind=self.kind.name,
            request=request,
            checkpoint=checkpoint,
            clips_per_shard=self.clips_per_shard,
        )

    def _value(self, item: Item, value: object, checkpoint: Path) -> object:
        read, what = _READ[item.type]
        try:
            return read(value, lambda text: self._path(text, checkpoint))
        except TypeError:
            raise BadInput(
                f"`{item.name}`, {self.where}, must be {what}, but is {value!r}. Correct it."
            ) from None

    def _path(self, text: str, checkpoint: Path) -> Path:
        named = text.replace("{stem}", checkpoint.stem).replace("{folder}", checkpoint.parent.name)
        return self.home / named


def read_jobs(path: Path) -> tuple[Table, ...]:
    """The tables of a file of jobs.

    Raises:
        BadInput: it is none, or says what nothing understands.
    """
    try:
        said = tomllib.loads(read_small(path, max_bytes=MAX_BYTES).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        then = "Check the path." if isinstance(error, OSError) else "Correct it."
        raise BadInput(
            f"`{path}` must be TOML with `[[job]]` tables, but {reason_of(error)}. {then}"
        ) from error
    entries = said.get("job")
    if set(said) != {"job"} or not isinstance(entries, list) or not entries:
        others = ", ".join(f"`{name}`" for name in sorted(said)) or "nothing"
        raise BadInput(
            f"`{path}` must hold `[[job]]` tables and nothing else, but holds {others}. "
            "docs/batch.md has an example."
        )
    return tuple(
        _read_table(entry, f"job {number} of `{path}`", path.absolute().parent)
        for number, entry in enumerate(entries, start=1)
    )


def _read_table(entry: object, where: str, home: Path) -> Table:
    if not isinstance(entry, Mapping):
        raise BadInput(f"{where} must be a table, but is {entry!r}. Write it as `[[job]]`.")
    kind = _read_kind(entry.get(DO), where)
    _expect_known(kind, entry, where)
    return Table(
        where=where,
        kind=kind,
        patterns=_read_patterns(entry.get(CHECKPOINTS), where),
        values={k: v for k, v in entry.items() if k not in (DO, CHECKPOINTS, CLIPS)},
        home=home,
        clips_per_shard=_read_count(entry.get(CLIPS), where),
    )


def _read_kind(name: object, where: str) -> Kind:
    known = kinds()
    if not isinstance(name, str) or name not in known:
        found = "is not there" if name is None else f"is {name!r}"
        raise BadInput(
            f"`{DO}`, {where}, must be one of {', '.join(known)}, but {found}. Say what to do."
        )
    return known[name]


def _read_patterns(value: object, where: str) -> tuple[str, ...]:
    patterns = [value] if isinstance(value, str) else value
    if not isinstance(patterns, list) or not patterns or not all(map(_is_text, patterns)):
        found = "is not there" if value is None else f"is {value!r}"
        raise BadInput(
            f'`{CHECKPOINTS}`, {where}, must be paths or patterns such as "models/*/model.pt", '
            f"but {found}. Name the checkpoints."
        )
    return tuple(patterns)


def _read_count(value: object, where: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadInput(
            f"`{CLIPS}`, {where}, must be a whole number of at least 1, but is {value!r}. Correct "
            "it."
        )
    return value


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value


def _expect_known(kind: Kind, entry: JsonObject, where: str) -> None:
    items = {item.name: item for item in typed_items(kind.request) if item.name != "checkpoint"}
    known = (DO, CHECKPOINTS, *([] if kind.cut is None else [CLIPS]), *items)
    for name in entry:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            meant = f"`{near[0]}` may be meant. " if near else ""
            raise BadInput(
                f"`{name}`, {where}, must be one of {', '.join(known)}, but is none of them. "
                f"{meant}Correct or remove it."
            )
    missing = [
        name for name, item in items.items() if item.default is MISSING and name not in entry
    ]
    if missing:
        raise BadInput(
            f"`{missing[0]}`, {where}, must be there for `{kind.name}`, but is not. Name a path, "
            f"with {' or '.join(PLACES)} for what differs between checkpoints."
        )


def _expect_apart(table: Table, jobs: Sequence[Job]) -> None:
    """Refuses two jobs that write one folder."""
    if table.kind.writes is None:
        return
    counts = Counter(job.target for job in jobs)
    for path, count in counts.items():
        if count > 1:
            raise BadInput(
                f"`{table.kind.writes}`, {table.where}, must name a folder for each checkpoint, "
                f"but names `{path}` for {count} of them. Write {' or '.join(PLACES)} into it."
            )


def _expect_parents(table: Table, jobs: Sequence[Job]) -> None:
    """Refuses to write where nothing is, before any job has failed of it."""
    if table.kind.writes is None:
        return
    missing = {path.parent for job in jobs if (path := job.target) and not path.parent.is_dir()}
    if missing:
        raise BadInput(
            f"`{table.kind.writes}`, {table.where}, must lie in folders that exist, but "
            f"`{min(missing)}` is none{_and_others(len(missing) - 1)}. Create them first."
        )


def _and_others(count: int) -> str:
    return f", nor are {count} others" if count else ""


def _maybe_place(kind: Kind) -> str | None:
    names = {item.name for item in typed_items(kind.request)}
    return kind.writes or ("hf_dir" if "hf_dir" in names else None)


Locate = Callable[[str], Path]


def _read_path(value: object, locate: Locate) -> Path:
    if not isinstance(value, str) or "\0" in value:
        raise TypeError
    return locate(value)


def _read_paths(value: object, locate: Locate) -> tuple[Path, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(_read_path(each, locate) for each in values)


def _plain(kind: type) -> Callable[[object, Locate], object]:
    def read(value: object, _: Locate) -> object:
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise TypeError
        return value

    return read


_READ: Mapping[object, tuple[Callable[[object, Locate], object], str]] = {
    Path: (_read_path, "a path in quotes"),
    Sequence: (_read_paths, "a path in quotes, or a list of them"),
    str: (_plain(str), "a text in quotes"),
    bool: (_plain(bool), "true or false"),
    int: (_plain(int), "a whole number"),
    Mapping: (_plain(dict), "a table of values"),
}
