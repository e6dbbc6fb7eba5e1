"""What is known of one transformer decoder: its place, its tensors' shapes, fairseq's arguments."""

from __future__ import annotations

from dataclasses import dataclass, field

from toolkit.blocks.activations import activation
from toolkit.blocks.evidence import Derived, Facts, argued
from toolkit.blocks.place import Place
from toolkit.core.json import JsonObject

EMBEDDINGS = "embed_tokens.weight"
POSITIONS = "embed_positions.weight"
EMBEDDING_NORM = "layernorm_embedding.weight"
LAST_NORM = "layer_norm.weight"
CROSS_KEYS = "layers.0.encoder_attn.k_proj"
POSITION_OFFSET = 2
"""Rows before the first position: `padding_idx + 1` in fairseq, two in transformers."""


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What differs among fairseq's decoders of the same layers, and is no argument of theirs."""

    output: str = "output_projection.weight"
    """Name of the output layer's weight."""
    states: str = "encoder_out.encoder_out.0"
    """Path of what it attends to among its arguments."""
    activation: str = "gelu"
    """Its activation function where no argument names one."""
    heads: int = 16
    """Attention heads by default."""
    positions: int = 1024
    """The longest target by default, in tokens."""
    dropout: float = 0.1
    """By default."""
    whole: bool = False
    """Whether its class has an encoder beside it, and the output layer behind both."""
    shared: bool = False
    """Whether its embeddings are the encoder's too: whoever has both says what becomes of them."""
    tables_positions: bool = False
    """Whether positions that it computes become a table of a stock class, which learns them."""


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """Embeddings, layers and output, whatever stands before them."""

    place: Place
    checkpoint: Facts
    """What all tensors of the checkpoint say."""
    model: JsonObject = field(default_factory=dict)
    """fairseq's arguments of the model."""
    carried: str | None = None
    """Model type of a class that the folder can carry for it, which expresses all of it."""
    habits: Habits = Habits()

    @property
    def facts(self) -> Facts:
        """What the decoder's own tensors say, by names without the prefix of its place."""
        return self.checkpoint.under(self.place.source)

    @property
    def width(self) -> int:
        """The decoder's width."""
        return self.facts.shape(EMBEDDINGS)[1]

    @property
    def normalizes_embeddings(self) -> Derived:
        """Whether the embeddings are normalized before the first layer."""
        return self._has(EMBEDDING_NORM)

    @property
    def normalizes_last(self) -> Derived:
        """Whether there is a norm after the last layer."""
        return self._has(LAST_NORM)

    @property
    def normalizes_before(self) -> Derived:
        """Whether each block normalizes before it computes, or after."""
        if "decoder_normalize_before" in self.model:
            return self.argued("decoder_normalize_before")
        # The default was true until fairseq 75f8fa29 (2021-12-30), and is false since.
        return self.normalizes_last

    @property
    def learns_positions(self) -> bool:
        """Whether positions are a tensor."""
        return self.facts.has(POSITIONS)

    @property
    def positions(self) -> Derived:
        """`learned`, `sinusoidal` or `none`."""
        if self.learns_positions:
            return self.facts.present("learned", POSITIONS)
        none = self.argued("no_token_positional_embeddings", False)
        return Derived(value="none" if none.value else "sinusoidal", evidence=none.evidence)

    @property
    def max_positions(self) -> Derived:
        """The longest target, in tokens."""
        if self.learns_positions:
            rows = self.facts.shape(POSITIONS)[0]
            return self.facts.shaped(rows - POSITION_OFFSET, POSITIONS)
        return self.argued("max_target_positions", self.habits.positions)

    @property
    def tables_positions(self) -> bool:
        """Whether a stock class has the positions that it computes, to the last bit.

        A table in half precision would round sines.
        """
        plain = self.facts.tensors[self.facts.name(EMBEDDINGS)].dtype == "float32"
        return self.habits.tables_positions and (plain or self.positions.value == "none")

    @property
    def activation(self) -> Derived:
        """The activation function under its name in transformers."""
        return activation(self.model, "args", self.habits.activation)

    @property
    def is_tied(self) -> Derived:
        """Whether the output layer has the embeddings for its weight."""
        if self.facts.has(self.habits.output) or "share_decoder_input_output_embed" in self.model:
            return self.argued("share_decoder_input_output_embed", False)
        return self.facts.present(True, self.habits.output)

    @property
    def cross_width(self) -> Derived:
        """The width of the states that the decoder attends to, None where it is its own."""
        name = CROSS_KEYS + ".weight"
        found = self.facts.shape(name)[1]
        return self.facts.shaped(None if found == self.width else found, name)

    def argued(self, name: str, *default: object) -> Derived:
        """What fairseq's arguments of the model say, or its default."""
        return argued(self.model, name, "args", *default)

    def _has(self, name: str) -> Derived:
        return self.facts.present(self.facts.has(name), name)
