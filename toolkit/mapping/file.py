"""The user's own rows and renames, read from a YAML file that is data only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from toolkit.checkpoint.renamed import Rename
from toolkit.core.errors import BadInput, BrokenRule
from toolkit.mapping.ops import Copy, Identity, Op, SplitWeightNorm, Zeros
from toolkit.mapping.patterns import match
from toolkit.mapping.rules import Drop, Fill, PlacedRow, Row, Rule, Table, Tie, Transpose

if TYPE_CHECKING:
    from yaml import Node

MAX_BYTES = 1 << 18
"""Every tensor of a large model in a row of its own takes a tenth of that."""

_MAX_LISTED = 500
"""Problems in one error; a file with more of them was never a mapping."""

_OPS = ("copy", "split_weight_norm", "transpose")
_VALUES: Mapping[str, Identity | Zeros] = {"identity": Identity(), "zeros": Zeros()}
_MAX_AXIS = 7
_SLOT = re.compile(r"\{[^{}]*\}")
_YAML_TAG = "tag:yaml.org,2002:"
_KINDS = {"int": "a number", "float": "a number", "bool": "a truth value", "null": "nothing"}


class _Node(Protocol):
    """A node of a YAML document, as far as it is looked at."""

    id: str
    """scalar, sequence or mapping."""
    tag: str
    value: Any
    start_mark: Any


@dataclass(frozen=True, kw_only=True)
class MappingFile:
    """What a mapping file says."""

    path: Path
    renames: tuple[Rename, ...]
    """Applied to the checkpoint before anything else looks at it."""
    rows: tuple[PlacedRow, ...]
    """In the order of the file."""

    def drops(self, name: str) -> bool:
        """Whether a row of this file drops the source tensor, by its name after the renames."""
        drops = (placed.row for placed in self.rows if isinstance(placed.row, Drop))
        return any(match(row.source, name) is not None for row in drops)


def read_mapping(path: Path) -> MappingFile:
    """Returns the renames and rows of a mapping file. Nothing in the file runs.

    Raises:
        BadInput: The file cannot be read, is no YAML, or breaks its format; every problem with its
            line, in one error.
    """
    report = _Report(path)
    entries = tuple(_read_entries(report, _compose(report)))
    made = [(entry, _make(report, entry)) for entry in entries]
    rows = [(entry.line, row) for entry, row in made if isinstance(row, (Rule, Drop, Fill, Tie))]
    renames = [(entry.line, row) for entry, row in made if isinstance(row, Rename)]
    _check_duplicates(report, rows)
    _check_overlaps(report, renames)
    if not entries and report.is_empty:
        report.add(1, "the file must have at least one entry, but has none")
    report.finish()
    rows.sort(key=lambda pair: pair[0])
    return MappingFile(
        path=path,
        renames=tuple(rename for _, rename in renames),
        rows=tuple(PlacedRow(row=row, file=path.name, line=line) for line, row in rows),
    )


def extend_table(table: Table, mapping: MappingFile) -> Table:
    """The family's table with the user's rows, which go before the family's."""
    return replace(table, user_rows=(*table.user_rows, *mapping.rows))


class _Report:
    """Collects what is wrong with one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._problems: list[tuple[int, str]] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing is wrong so far."""
        return not self._problems

    def add(self, line: int, text: str) -> None:
        """Notes one problem."""
        self._problems.append((line, text))

    def finish(self) -> None:
        """Raises all problems at once, by line, if there are any."""
        if self.is_empty:
            return
        count = len(self._problems)
        listed = sorted(self._problems)[:_MAX_LISTED]
        lines = [f"line {line}: {text}." for line, text in listed]
        if count > _MAX_LISTED:
            lines.append(f"And {count - _MAX_LISTED} more.")
        raise BadInput(
            f"`{self.path}` must follow the format of mapping files, but has {count} "
            f"problem{'s' if count > 1 else ''}:\n" + "\n".join(lines) + "\nCorrect the file, or "
            "see `docs/mapping-files.md`."
        )


# YAML


def _compose(report: _Report) -> _Node | None:
    import yaml

    class Loader(yaml.SafeLoader):
        """Refuses aliases: a few bytes of them stand for any amount of work."""

        def compose_node(self, parent: Node | None, index: int) -> Node | None:
            if self.check_event(yaml.AliasEvent):
                raise yaml.MarkedYAMLError(
                    problem="aliases have no place in a mapping file",
                    problem_mark=self.peek_event().start_mark,  # type: ignore[no-untyped-call]
                )
            return super().compose_node(parent, index)

    content = _read_bytes(report.path)
    try:
        loader = Loader(content)
        try:
            return cast("_Node | None", loader.get_single_node())
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error) or type(error).__name__
        report.add(mark.line + 1 if mark else 1, f"this must be YAML, but {_shown(problem)}")
        report.finish()
        raise AssertionError("unreachable") from error


def _read_bytes(path: Path) -> bytes:
    try:
        # Asked first: opening a pipe would wait for its other end.
        if not path.is_file():
            raise BadInput(f"`{path}` must be a mapping file, but is no file. Check `--mapping`.")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"`{path}` must be a readable mapping file, but {error}. Check `--mapping`."
        ) from error
    if len(content) > MAX_BYTES:
        raise BadInput(
            f"`{path}` must be a mapping file of at most {MAX_BYTES} bytes, but has more. "
            "Check `--mapping`."
        )
    return content


def _line(node: _Node) -> int:
    return int(node.start_mark.line) + 1


def _kind(node: _Node) -> str:
    if node.id != "scalar":
        return "a list" if node.id == "sequence" else "a mapping"
    name = str(node.tag).removeprefix(_YAML_TAG)
    return _KINDS.get(name, "text" if name == "str" else f"of the type `{_shown(name)}`")


def _shown(value: object) -> str:
    text = " ".join(str(value).split())
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= 120 else f"{text[:117]}..."


# Sections and entries


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """One item of a section, its values checked one by one."""

    section: str
    line: int
    values: Mapping[str, Any]
    whole: bool
    """Whether every value is there and sound."""


def _read_entries(report: _Report, root: _Node | None) -> Iterator[_Entry]:
    if root is None or root.id != "mapping":
        found = "is empty" if root is None else f"is {_kind(root)}"
        line = 1 if root is None else _line(root)
        report.add(line, f"the file must be a mapping of sections, but {found}")
        return
    for section, node in _read_pairs(report, root, _SECTIONS, "the file", "section"):
        if node.id != "sequence":
            report.add(_line(node), f"`{section}` must be a list of entries, but is {_kind(node)}")
            continue
        for item in node.value:
            yield _read_entry(report, section, item)


def _read_entry(report: _Report, section: str, node: _Node) -> _Entry:
    keys, values = _SECTIONS[section], {}
    if node.id != "mapping":
        wanted = ", ".join(f"`{key}`" for key in keys)
        report.add(
            _line(node),
            f"an entry of `{section}` must be a mapping with {wanted}, but is {_kind(node)}",
        )
        return _Entry(section=section, line=_line(node), values={}, whole=False)
    present, whole = set(), True
    for key, value in _read_pairs(report, node, keys, f"an entry of `{section}`", "key"):
        present.add(key)
        try:
            values[key] = keys[key](value)
        except ValueError as problem:
            whole = False
            report.add(_line(value), f"`{key}` {problem}")
    for key in keys.keys() - _OPTIONAL - present:
        report.add(_line(node), f"an entry of `{section}` must have `{key}`, but has none")
    whole = whole and keys.keys() - _OPTIONAL <= present
    return _Entry(section=section, line=_line(node), values=values, whole=whole)


def _read_pairs(
    report: _Report, node: _Node, known: Iterable[str], owner: str, what: str
) -> Iterator[tuple[str, _Node]]:
    first: dict[str, int] = {}
    for key_node, value in node.value:
        if key_node.id != "scalar":
            report.add(_line(key_node), f"a {what} must be a word, but is {_kind(key_node)}")
            continue
        key, line = key_node.value, _line(key_node)
        if key not in known:
            report.add(line, f"`{_shown(key)}` is no {what} of {owner}; {_suggest(key, known)}")
        elif key in first:
            report.add(line, f"`{key}` must stand once, but stands in line {first[key]} already")
        else:
            first[key] = line
            yield key, value


def _suggest(word: str, known: Iterable[str]) -> str:
    known = list(known)
    # Long words are no slips of the pen, and slow to compare.
    nearest = get_close_matches(word, known, n=1) if len(word) <= 100 else []
    if nearest:
        return f"did you mean `{nearest[0]}`?"
    return f"known are {', '.join(f'`{name}`' for name in known)}"


# Values: each reader returns the value, or raises a ValueError worded to follow the key


def _read_text(node: _Node) -> str:
    if node.id != "scalar" or node.tag != f"{_YAML_TAG}str":
        raise ValueError(f"must be text, but is {_kind(node)}; put text in quotes")
    return str(node.value)


def _read_plain(node: _Node) -> str:
    text = _read_text(node)
    if not text.isprintable():
        raise ValueError(f"must be printable, but is `{_shown(text)}`")
    return text


def _read_pattern(node: _Node) -> str:
    pattern = _read_plain(node)
    if not pattern:
        raise ValueError("must be a pattern, but is empty")
    if set("{}") & set(_SLOT.sub("", pattern)):
        raise ValueError(f"has a brace without its partner: `{_shown(pattern)}`")
    if "}{" in pattern:
        raise ValueError(f"has two slots with nothing between them: `{_shown(pattern)}`")
    for slot in _SLOT.findall(pattern):
        try:
            match(slot, "")
        except BrokenRule:
            raise ValueError(
                f"has the slot `{_shown(slot)}`, but a slot must be `{{i}}` for an index or "
                "`{weight|bias}` for one of several words"
            ) from None
    return pattern


def _read_patterns(node: _Node) -> tuple[str, ...]:
    if node.id != "sequence":
        return (_read_pattern(node),)
    if len(node.value) != 2:
        raise ValueError(f"must be one pattern or a list of two, but has {len(node.value)}")
    return tuple(_read_pattern(part) for part in node.value)


def _read_name(node: _Node) -> str:
    name = _read_plain(node)
    if not name or set("{}") & set(name):
        raise ValueError(f"must be the whole name of one tensor, but is `{_shown(name)}`")
    return name


def _read_prefix(node: _Node) -> str:
    text = _read_plain(node)
    if not text.strip(".") or set("{}") & set(text):
        raise ValueError(
            f"must be the beginning of names up to a dot, or one whole name, but is "
            f"`{_shown(text)}`"
        )
    return text


def _read_new_prefix(node: _Node) -> str:
    text = _read_plain(node)
    if set("{}") & set(text) or text == ".":
        raise ValueError(f"must be the beginning of names, but is `{_shown(text)}`")
    return text


def _read_reason(node: _Node) -> str:
    reason = " ".join(_read_text(node).split())
    if not reason:
        raise ValueError("must say why that is right, but is empty")
    if not reason.isprintable():
        raise ValueError(f"must be printable, but is `{_shown(reason)}`")
    return reason


def _read_op(node: _Node) -> str:
    return _read_choice(node, _OPS)


def _read_values(node: _Node) -> Identity | Zeros:
    return _VALUES[_read_choice(node, _VALUES)]


def _read_choice(node: _Node, known: Iterable[str]) -> str:
    text = _read_plain(node)
    if text not in known:
        raise ValueError(f"cannot be `{_shown(text)}`; {_suggest(text, known)}")
    return text


def _read_axes(node: _Node) -> tuple[int, int]:
    axes = node.value if node.id == "sequence" else ()
    texts = [axis.value for axis in axes if axis.id == "scalar" and axis.tag == f"{_YAML_TAG}int"]
    wanted = [str(axis) for axis in range(_MAX_AXIS + 1)]
    if len(axes) != 2 or len(set(texts) & set(wanted)) != 2:
        raise ValueError(f"must be a list of two different numbers from 0 to {_MAX_AXIS}")
    return int(texts[0]), int(texts[1])


_SECTIONS: Mapping[str, Mapping[str, Callable[[_Node], Any]]] = {
    "rename": {"from": _read_prefix, "to": _read_new_prefix},
    "rules": {
        "source": _read_pattern,
        "target": _read_patterns,
        "op": _read_op,
        "axes": _read_axes,
    },
    "drop": {"source": _read_pattern, "because": _read_reason},
    "fill": {"target": _read_name, "values": _read_values, "because": _read_reason},
    "tie": {
        "source": _read_name,
        "source_twin": _read_name,
        "target": _read_name,
        "target_twin": _read_name,
        "because": _read_reason,
    },
}
_OPTIONAL = frozenset({"op", "axes"})


# Rows


def _make(report: _Report, entry: _Entry) -> Row | Rename | None:
    if not entry.whole:
        return None
    try:
        return _MAKERS[entry.section](report, entry)
    except ValueError as problem:
        report.add(entry.line, str(problem))
        return None


def _make_rename(report: _Report, entry: _Entry) -> Rename:
    source, target = entry.values["from"], entry.values["to"]
    if source == target:
        raise ValueError(f"`from` and `to` must differ, but both are `{_shown(source)}`")
    if source.endswith(".") != (target.endswith(".") or not target):
        raise ValueError(
            f"`from` and `to` must both end with a dot or both not, but are `{_shown(source)}` and "
            f"`{_shown(target)}`"
        )
    origin = f"{report.path.name}, line {entry.line}: {source} -> {target}"
    return Rename(source=source, target=target, origin=origin)


def _make_rule(_: _Report, entry: _Entry) -> Rule:
    source, targets = entry.values["source"], entry.values["target"]
    for target in targets:
        if _SLOT.findall(target) != _SLOT.findall(source):
            raise ValueError(
                f"`source` and `target` must have the same slots in the same order, as their "
                f"values are carried over, but are `{_shown(source)}` and `{_shown(target)}`"
            )
    op = _make_op(entry)
    wanted = 2 if isinstance(op, SplitWeightNorm) else 1
    if len(targets) != wanted:
        raise ValueError(f"`target` must name {wanted} for this `op`, but names {len(targets)}")
    return Rule(source, targets[0] if wanted == 1 else targets, op)


def _make_op(entry: _Entry) -> Op:
    name = entry.values.get("op", "copy")
    if name == "transpose":
        return Transpose(*entry.values.get("axes", (0, 1)))
    if "axes" in entry.values:
        raise ValueError(f"`axes` must stand with `op: transpose`, but `op` is `{name}`")
    return SplitWeightNorm() if name == "split_weight_norm" else Copy()


_Maker: TypeAlias = Callable[[_Report, _Entry], "Row | Rename"]
_MAKERS: Mapping[str, _Maker] = {
    "rename": _make_rename,
    "rules": _make_rule,
    "drop": lambda _, entry: Drop(**entry.values),
    "fill": lambda _, entry: Fill(**entry.values),
    "tie": lambda _, entry: Tie(**entry.values),
}


# What entries are to each other


def _check_duplicates(report: _Report, rows: Iterable[tuple[int, Row]]) -> None:
    first: dict[tuple[str, str], int] = {}
    for line, row in rows:
        for claim in _claims(row):
            if claim in first:
                what, name = claim
                report.add(
                    line,
                    f"the {what} `{_shown(name)}` must stand in one entry, but stands in line "
                    f"{first[claim]} already",
                )
            first.setdefault(claim, line)


def _claims(row: Row) -> Iterator[tuple[str, str]]:
    if not isinstance(row, Fill):
        yield "source", row.source
    if isinstance(row, (Fill, Tie)):
        yield "target", row.target


def _check_overlaps(report: _Report, renames: Iterable[tuple[int, Rename]]) -> None:
    # In this order, all that begin with a prefix stand right after it.
    ordered = sorted(renames, key=lambda pair: (pair[1].source, pair[0]))
    widest: tuple[int, Rename] | None = None
    for line, rename in ordered:
        if widest is None or not _covers(widest[1], rename):
            widest = line, rename
            continue
        report.add(
            line,
            f"`from: {_shown(rename.source)}` must exclude every other rename, but overlaps with "
            f"`from: {_shown(widest[1].source)}` in line {widest[0]}",
        )


def _covers(wide: Rename, rename: Rename) -> bool:
    return wide.source == rename.source or wide.apply(rename.source) is not None
