"""What a checkpoint is, as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from toolkit.core.artifact import SCHEMA_VERSION, Artifact
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonDict
from toolkit.core.notebook import Displayed, Grid
from toolkit.core.spec import NotFinite


@dataclass(frozen=True, kw_only=True)
class ConfigField:
    """One value of a configuration and how it is known."""

    name: str
    value: Any
    evidence: str


@dataclass(frozen=True, kw_only=True, repr=False)
class Inspection(Displayed):
    """What a fairseq file is and what a conversion will do with it."""

    source: Artifact
    format: Literal["zip", "legacy"]
    family: str
    generation: str
    architecture: str
    tensors: int
    parameters: int
    """Elements of all tensors; one that stands under two names counts once."""
    dtypes: Mapping[str, int]
    """How many tensors there are of each dtype."""
    has_optimizer_state: bool
    fields: tuple[ConfigField, ...]
    assumptions: tuple[Reason, ...]
    unknown: tuple[Reason, ...]
    """What must be supplied before a conversion."""
    refusals: tuple[Reason, ...]
    """Why no exact conversion is possible."""
    shortcomings: tuple[Reason, ...]
    """Why stock classes are not exact, so that the folder carries code."""
    dropped: tuple[Reason, ...]
    languages: tuple[str, ...]
    sidecars: Mapping[str, str]
    """The files beside the checkpoint, or why one is missing, by kind."""
    task: str | None = None
    """What such models are asked; None where files or values are missing that say so."""
    architectures: tuple[str, ...] = ()
    """The classes that a conversion makes of it, as `config.json` names them; none where `task` is
    None."""
    not_finite: tuple[NotFinite, ...] = ()
    """Tensors that a conversion would use and that hold NaN or infinities; it refuses them."""

    @property
    def conversion(self) -> Literal["native", "bundled", "refused", "incomplete"]:
        """What a conversion will do: use stock classes, carry code, refuse, or ask for values."""
        if self.refusals or self.not_finite:
            return "refused"
        if self.unknown:
            return "incomplete"
        return "bundled" if self.shortcomings else "native"

    @property
    def headline(self) -> str:
        """Which file it is, of which family, and what a conversion will do."""
        return f"{self.source.path}: {self.family}, {self.generation}; {self.conversion}"

    def grids(self) -> Iterator[Grid]:
        """Its size and classes; what stands against a conversion; what is assumed; every value."""
        size = [("tensors", str(self.tensors)), ("parameters", f"{self.parameters:,}")]
        becomes = [("becomes", " + ".join(self.architectures))] if self.architectures else []
        yield Grid(headings=("", ""), rows=[*size, *becomes])
        for title in ("refusals", "unknown", "assumptions"):
            reasons = [(reason.name, reason.because) for reason in getattr(self, title)]
            yield Grid(headings=(title, ""), rows=reasons)
        values = [(field.name, str(field.value), field.evidence) for field in self.fields]
        yield Grid(headings=("key", "value", "evidence"), rows=values)

    def to_dict(self) -> JsonDict:
        """The inspection as plain data."""
        return {
            "schema_version": SCHEMA_VERSION,
            "command": "inspect",
            "conversion": self.conversion,
            **asdict(self),
        }
