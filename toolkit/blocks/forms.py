"""A folder on trial as the classes that it is written in, and what those cannot express."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from toolkit.blocks.tree import join
from toolkit.core.coverage import Reason
from toolkit.folder.contents import Misfit


@dataclass(frozen=True, kw_only=True)
class Lack(Reason):
    """What a checkpoint has and a class cannot express."""

    module: str
    """The smallest target module that computes something else for it."""
    hypothesis: str = "wrong_value"
    explains: tuple[str, ...] = ()
    """Configuration keys that differ for it."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """The class of one part of a folder, beside the one that a checkpoint's needs."""

    name: str
    """`encoder` or `decoder`; empty for a model without parts."""
    found: str | None
    """The model type that the folder names."""
    nearest: str
    """The model type that expresses the checkpoint's part."""
    names: Mapping[str, str]
    """What the stock classes are called, by model type."""
    lacks: Sequence[Lack]
    """What the found class, if it is known, cannot express."""
    readers: tuple[str, ...] = ()
    """Names of modules of other parts that are given what this one makes."""

    @property
    def called(self) -> str:
        """The part in words."""
        return self.name or "model"

    @property
    def unknown(self) -> bool:
        """Whether the folder names a class of which nothing is known here."""
        return self.found is not None and self.found not in self.names


def kind_of(found: str | None, known: Collection[str], default: str) -> str:
    """The class that a part is judged as: the folder's own where it is known."""
    return found if found is not None and found in known else default


def find_misfits(parts: Sequence[Part]) -> Iterator[Misfit]:
    """One for each part whose class cannot express the checkpoint's."""
    for part in parts:
        if part.unknown:
            yield _stranger(part)
        elif part.lacks:
            yield _misfit(part)


def lost_prefixes(parts: Sequence[Part]) -> tuple[str, ...]:
    """Prefixes of target tensors that are not known to mean what the rules take them for."""
    return tuple(f"{part.name}." if part.name else "" for part in parts if part.unknown)


def _misfit(part: Part) -> Misfit:
    first = part.lacks[0]
    reasons = ", ".join(lack.because for lack in part.lacks)
    return Misfit(
        key=join(part.name, "model_type"),
        expected=part.nearest,
        actual=str(part.found),
        hypothesis=first.hypothesis,
        module=first.module,
        because=f"the checkpoint's {part.called} is no {part.names[str(part.found)]}: {reasons}",
        advice=_advice(part),
        explains=tuple(key for lack in part.lacks for key in lack.explains),
        readers=part.readers,
    )


def _stranger(part: Part) -> Misfit:
    return Misfit(
        key=join(part.name, "model_type"),
        expected=part.nearest,
        actual=str(part.found),
        hypothesis="wrong_value",
        module=part.name,
        because=f"the checkpoint's {part.called} is not known to be what `{part.found}` computes",
        advice=_advice(part),
        explains=(part.name,),
        readers=part.readers,
    )


def _advice(part: Part) -> str:
    if part.nearest in part.names:
        return f"write it as {part.names[part.nearest]}"
    return "no stock class does: convert the checkpoint with `toolkit convert`"
