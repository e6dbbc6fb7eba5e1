"""Faults that a comparison found, and differences that are none."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Literal

from toolkit.core.json import JsonDict, JsonObject

FindingKind = Literal[
    "weights", "missing", "wiring", "config", "vocabulary", "front_end", "generation", "padding"
]
Consequence = Literal["output", "generation", "text"]
"""What a fault changes: what the model computes, what a search finds, what ids and strings are."""
NoteConsequence = Literal["training", "none"]
"""What a harmless difference changes: fine-tuning alone, or nothing."""


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """What may have happened to a tensor or a key; confirmed means tested by undoing it."""

    name: str
    confirmed: bool
    detail: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One fault: where it is, which rule wrote it, what to change."""

    kind: FindingKind
    target_module: str
    target_parameters: tuple[str, ...] = ()
    config_keys: tuple[str, ...] = ()
    source_module: str = ""
    source_parameters: tuple[str, ...] = ()
    rule: str | None = None
    summary: str
    hypothesis: Hypothesis | None = None
    fix: str
    consequence: Consequence = "output"
    evidence: JsonObject = field(default_factory=dict)

    def to_dict(self, rank: int) -> JsonDict:
        """The finding as the JSON has it, under the rank it was given."""
        return {
            "rank": rank,
            "kind": self.kind,
            "target": {
                "module": self.target_module,
                "parameters": list(self.target_parameters),
                "config_keys": list(self.config_keys),
            },
            "source": {
                "module": self.source_module,
                "parameters": list(self.source_parameters),
            },
            "rule": self.rule,
            "summary": self.summary,
            "hypothesis": None if self.hypothesis is None else asdict(self.hypothesis),
            "fix": self.fix,
            "consequence": self.consequence,
            "evidence": dict(self.evidence),
        }


@dataclass(frozen=True, kw_only=True)
class Note:
    """A difference that changes nothing of what the folder says; it does not spoil the verdict."""

    key: str
    """The key or tensor, as findings name them."""
    consequence: NoteConsequence
    summary: str
