"""A wav2vec 2.0 encoder as a part of a family, whatever stands around it.

Source: `fairseq/models/wav2vec/wav2vec2.py`; Baevski et al. 2020 (arXiv:2006.11477).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from toolkit.blocks.evidence import Derived
from toolkit.blocks.forms import Lack
from toolkit.blocks.wav2vec2 import classes, reference, tables
from toolkit.blocks.wav2vec2.config import config
from toolkit.blocks.wav2vec2.trunk import CONV, Trunk
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonDict
from toolkit.mapping import Row
from toolkit.replay.pairs import Layout


@dataclass(frozen=True, kw_only=True)
class Wav2Vec2Block(Trunk):
    """What a family asks of its encoder; every name that it returns is whole."""

    @property
    def is_present(self) -> bool:
        """Whether the encoder's tensors are there."""
        return self.facts.has(f"{CONV}0.0.weight")

    @property
    def stock_class(self) -> str:
        """Model type of the stock class that is nearest."""
        return classes.stock_class(self)

    @property
    def frames_of(self) -> str:
        """Target module whose output has one column, its last axis, per frame."""
        return self.place.module("feature_extractor")

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """How activations lie in the modules on both sides, but for the encoder as a whole."""
        return tables.layouts(self)

    @property
    def unpaired(self) -> tuple[str, ...]:
        """Target tensors that no pair of modules has in common."""
        return tables.unpaired(self)

    def config(self, kind: str, supplied: Collection[str] = ()) -> dict[str, Derived]:
        """The values of the configuration but for `model_type`, by key.

        Args:
            kind: Model type of the class that is configured, the carried or a stock one.
            supplied: Keys that the user gives and that are not read off.
        """
        return dict(config(self, kind, supplied))

    def rows(self, values: Mapping[str, Derived]) -> tuple[Row, ...]:
        """The rules that apply, with the configuration (`model_type` included) at hand."""
        return tables.rows(self, values)

    def head_widths(self, values: Mapping[str, Derived]) -> dict[str, int]:
        """Width of an attention head, by the prefix of the target parameters it applies to."""
        heads = values["num_attention_heads"].value
        known = isinstance(heads, int) and heads > 0
        prefix = self.place.module("encoder.layers.")
        return {prefix: values["hidden_size"].value // heads} if known else {}

    def lacks(self, kind: str) -> Iterator[Lack]:
        """What the encoder has and a stock class, by its model type, cannot express."""
        return classes.lacks(self, kind)

    def refusals(self) -> Iterator[Reason]:
        """What the encoder has and nothing here can express."""
        return classes.refusals(self)

    def check_pretrained(self, path: Path | None) -> None:
        """Refuses arguments of another file, if they are those of another encoder; see there."""
        reference.check_pretrained(self, path)

    def reference_arguments(self, values: Mapping[str, Derived], *, normalize: bool) -> JsonDict:
        """Fairseq's arguments of an encoder whose own were lost, from its configuration."""
        return reference.reference_arguments(self, values, normalize=normalize)
