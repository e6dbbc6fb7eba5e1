"""A checkpoint under other tensor names, for forks that renamed their modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType

from toolkit.checkpoint.reader import Checkpoint
from toolkit.checkpoint.values import quote
from toolkit.core.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class Rename:
    """One module or one tensor, and its other name."""

    source: str
    """The beginning of the names in the file if it ends with a dot, else one whole name."""
    target: str
    """What takes its place."""
    origin: str
    """Who says so, in words that an error can show."""

    def apply(self, name: str) -> str | None:
        """The other name of a tensor, or None if it does not fall under the rename."""
        if name == self.source:
            return None if self.source.endswith(".") else self.target
        if self.source.endswith(".") and name.startswith(self.source):
            return self.target + name.removeprefix(self.source)
        return None

    def fits(self, names: Iterable[str]) -> bool:
        """Whether any of the names falls under the rename."""
        return any(self.apply(name) is not None for name in names)


@dataclass(frozen=True, kw_only=True, eq=False)
class RenamedCheckpoint(Checkpoint):
    """The same file; every name that it takes or gives is the new one."""

    _originals: Mapping[str, str] = field(repr=False)

    def original_name(self, name: str) -> str:
        """The name that a tensor has in the file.

        Raises:
            BadInput: There is no such tensor.
        """
        self._find_view(name)
        return self._originals[name]


def rename_tensors(checkpoint: Checkpoint, renames: Sequence[Rename]) -> RenamedCheckpoint:
    """Returns the checkpoint with every tensor under its new name, in the same order.

    All renames apply at once: what one gives, no other takes.

    Raises:
        BadInput: A rename matches no tensor, a tensor falls under several, or two tensors get one
            name; all of these in one error.
    """
    applied = {name: _apply_all(renames, name) for name in checkpoint.tensors}
    renamed = {name: new[0][0] if new else name for name, new in applied.items()}
    problems = [*_unused(renames, applied), *_ambiguous(applied), *_collisions(renamed)]
    if problems:
        raise BadInput("\n".join(problems))
    views = {
        new: replace(checkpoint._views[name], spec=replace(checkpoint.tensors[name], name=new))
        for name, new in renamed.items()
    }
    kept = {field.name: getattr(checkpoint, field.name) for field in fields(Checkpoint)}
    kept |= {
        "tensors": MappingProxyType({name: view.spec for name, view in views.items()}),
        "_views": MappingProxyType(views),
    }
    originals = {new: _original(checkpoint, name) for name, new in renamed.items()}
    return RenamedCheckpoint(**kept, _originals=MappingProxyType(originals))


Applied = Mapping[str, Sequence[tuple[str, Rename]]]
"""By name in the file: the new names, and the renames that give them."""


def _apply_all(renames: Sequence[Rename], name: str) -> list[tuple[str, Rename]]:
    pairs = ((rename.apply(name), rename) for rename in renames)
    return [(new, rename) for new, rename in pairs if new is not None]


def _original(checkpoint: Checkpoint, name: str) -> str:
    # A renamed checkpoint may be renamed again; the file's own names stay the originals.
    return checkpoint.original_name(name) if isinstance(checkpoint, RenamedCheckpoint) else name


def _unused(renames: Sequence[Rename], applied: Applied) -> Iterator[str]:
    used = {rename for pairs in applied.values() for _, rename in pairs}
    for rename in renames:
        if rename not in used:
            yield (
                f"`{rename.origin}` must rename at least one tensor of the checkpoint, but none "
                f"{_words(rename)} `{quote(rename.source)}`. Remove the rename, or correct it."
            )


def _words(rename: Rename) -> str:
    return "begins with" if rename.source.endswith(".") else "is called"


def _ambiguous(applied: Applied) -> Iterator[str]:
    for name, pairs in applied.items():
        if len(pairs) > 1:
            origins = "; ".join(rename.origin for _, rename in pairs)
            yield (
                f"`{quote(name)}` must fall under one rename at most, but falls under "
                f"{len(pairs)}: {origins}. Make the renames exclude each other."
            )


def _collisions(renamed: Mapping[str, str]) -> Iterator[str]:
    names: dict[str, list[str]] = {}
    for name, new in renamed.items():
        names.setdefault(new, []).append(name)
    for new, originals in names.items():
        if len(originals) > 1:
            listed = " and ".join(f"`{quote(name)}`" for name in originals)
            yield (
                f"`{quote(new)}` must be the name of one tensor, but {listed} would all be called "
                "so. Correct the renames."
            )
