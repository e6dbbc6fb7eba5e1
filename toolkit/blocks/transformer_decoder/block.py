"""A transformer decoder as a part of a family, whatever it attends to.

Source: `fairseq/models/transformer/transformer_decoder.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from toolkit.blocks.evidence import Derived
from toolkit.blocks.forms import Lack
from toolkit.blocks.transformer_decoder import classes, tables
from toolkit.blocks.transformer_decoder.config import config
from toolkit.blocks.transformer_decoder.decoder import EMBEDDINGS, Decoder
from toolkit.core.coverage import Reason
from toolkit.core.formats import SinceFormat
from toolkit.mapping import Row
from toolkit.replay.pairs import Layout


@dataclass(frozen=True, kw_only=True)
class TransformerDecoderBlock(Decoder):
    """What a family asks of its decoder; every name that it returns is whole."""

    @property
    def is_present(self) -> bool:
        """Whether the decoder's tensors are there."""
        return self.facts.has(EMBEDDINGS)

    @property
    def stock_class(self) -> str:
        """Model type of the stock class that is nearest."""
        return classes.stock_class(self)

    @property
    def nearest(self) -> str | None:
        """The class for the decoder by itself: a stock one where one computes the same."""
        stock = self.stock_class
        return self.carried if any(self.lacks(stock)) else stock

    @property
    def formats(self) -> tuple[SinceFormat, ...]:
        """The norm behind the last layer, which checkpoints of early formats did without."""
        return self.place.since("layer_norm", 3) if self.normalizes_last.value else ()

    def layouts(self, kind: str) -> tuple[Layout, ...]:
        """How activations lie in the modules on both sides, those of the decoder as a whole too.

        Args:
            kind: Model type of its class.
        """
        return tables.layouts(self, kind)

    def config(self, kind: str) -> dict[str, Derived]:
        """The values of the configuration, by key.

        Args:
            kind: Model type of the class that is configured, the carried or a stock one.
        """
        return dict(config(self, kind))

    def rows(self, values: Mapping[str, Derived]) -> tuple[Row, ...]:
        """The rules that apply, with the configuration at hand."""
        return tables.rows(self, values)

    def head_widths(self, values: Mapping[str, Derived]) -> dict[str, int]:
        """Width of an attention head, by the prefix of the target parameters it applies to."""
        kind = str(values["model_type"].value)
        heads = values[classes.key(kind, "decoder_attention_heads")].value
        known = isinstance(heads, int) and heads > 0
        prefix = self.place.module(f"{classes.body(kind)}layers.")
        return {prefix: values["d_model"].value // heads} if known else {}

    def lacks(self, kind: str) -> Iterator[Lack]:
        """What the decoder has and a stock class, by its model type, cannot express."""
        return classes.lacks(self, kind)

    def shortcomings(self) -> Iterator[Reason]:
        """What the decoder has and no stock class can express."""
        return classes.shortcomings(self)

    def refusals(self) -> Iterator[Reason]:
        """What the decoder has and nothing here can express."""
        return classes.refusals(self)
