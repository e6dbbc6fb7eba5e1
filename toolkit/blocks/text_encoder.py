"""fairseq's transformer encoder of texts, but for its embeddings, which decoders share.

Source: `fairseq/models/transformer/transformer_encoder.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from toolkit.blocks.evidence import Derived, Facts, argued
from toolkit.blocks.layer_extras import refused_extras
from toolkit.blocks.place import Place
from toolkit.core.breakable import Attention, Breakable, Droppable, Part, Side
from toolkit.core.coverage import Reason
from toolkit.core.formats import SinceFormat
from toolkit.core.json import JsonObject
from toolkit.core.slips import other_divisors, plus, slip
from toolkit.mapping import Drop, Row, Rule
from toolkit.replay.pairs import Layout

EMBEDDINGS = "embed_tokens.weight"
POSITIONS = "embed_positions.weight"
EMBEDDING_NORM = "layernorm_embedding.weight"
LAST_NORM = "layer_norm.weight"
POSITION_OFFSET = 2
"""Rows before the first position: `padding_idx + 1` in fairseq, two in transformers."""

# fmt: off
ROWS: tuple[Row, ...] = (
    Rule("layers.{i}.self_attn.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}",
         "layers.{i}.self_attn.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}"),
    Rule("layers.{i}.{self_attn_layer_norm|final_layer_norm|fc1|fc2}.{weight|bias}",
         "layers.{i}.{self_attn_layer_norm|final_layer_norm|fc1|fc2}.{weight|bias}"),
)
OPTIONAL: tuple[tuple[str, Row], ...] = (
    ("version",                      Drop("version", "it only counts fairseq's own file formats")),
    ("embed_positions._float_tensor", Drop("embed_positions._float_tensor", "it only says which dtype fairseq computes positions in")),
    (POSITIONS,                      Rule("embed_positions.weight", "embed_positions.weight")),
    (EMBEDDING_NORM,                 Rule("layernorm_embedding.{weight|bias}", "layernorm_embedding.{weight|bias}")),
    (LAST_NORM,                      Rule("layer_norm.{weight|bias}", "layer_norm.{weight|bias}")),
)
"""Rows of what not every encoder has, each by a name that it has then."""
LAYOUTS = (
    Layout("",                                "B T -> T B D",   "B T -> B T D"),
    Layout("embed_tokens",                    "B T -> B T D",   "B T -> B T D", scaled_by="embed_scale"),
    Layout("layernorm_embedding",             "B T D",          "B T D"),
    Layout("layers.{i}",                      "T B D",          "B T D"),
    Layout("layers.{i}.self_attn",            "T B D",          "B T D"),
    Layout("layers.{i}.self_attn.{q_proj|k_proj|v_proj|out_proj}", "T B D", "B T D"),
    Layout("layers.{i}.{self_attn_layer_norm|final_layer_norm|fc1|fc2}", "T B D", "B T D"),
    Layout("layer_norm",                      "T B D",          "B T D"),
)
TABLED_LAYOUT = Layout("embed_positions",     "B T -> B T D",   "B T -> B T D")
"""Of positions that are learned."""
BREAKABLE = Breakable(
    parts=(
        Part(name="encoder embeddings",     modules=r"(embed_\w+|layernorm_embedding)"),
        Part(name="encoder self-attention", modules=r"layers\.\d+\.self_attn\..+"),
        Part(name="encoder feed-forward",   modules=r"layers\.\d+\.fc\d"),
        Part(name="encoder norms",          modules=r"(layers\.\d+\.)?\w*layer_norm"),
    ),
    sides=(Side(width="d_model", heads="encoder_attention_heads"),),
    stacks=("layers",),
    attentions=(Attention(modules=r"layers\.\d+\.self_attn"),),
    droppable=(
        Droppable(name="embedding_norm", modules="layernorm_embedding"),
        Droppable(name="last_norm",      modules="layer_norm"),
        Droppable(name="positions",      modules="embed_positions", is_table=True),
    ),
    slips=(
        slip("encoder_attention_heads", "head_count_changed",  other_divisors("d_model"), "wrong_head_count", absent=True),
        slip("encoder_layers",          "layer_count_changed", plus(1, -1)),
    ),
)
# fmt: on


@dataclass(frozen=True, kw_only=True)
class TextEncoderBlock:
    """What a family asks of the encoder; every name that it returns is whole."""

    place: Place
    checkpoint: Facts
    model: JsonObject = field(default_factory=dict)
    """fairseq's arguments of the model."""
    heads: int = 16
    """Attention heads by default."""

    @property
    def facts(self) -> Facts:
        """What the encoder's own tensors say, by names without the prefix of its place."""
        return self.checkpoint.under(self.place.source)

    @property
    def is_present(self) -> bool:
        """Whether the encoder's tensors are there."""
        return self.facts.has(EMBEDDINGS) and self.facts.has_under("layers.")

    @property
    def learns_positions(self) -> bool:
        """Whether positions are a tensor."""
        return self.facts.has(POSITIONS)

    @property
    def normalizes_embeddings(self) -> bool:
        """Whether the embeddings are normalized before the first layer."""
        return self.facts.has(EMBEDDING_NORM)

    @property
    def normalizes_last(self) -> bool:
        """Whether there is a norm after the last layer, as where norms stand before each block."""
        return self.facts.has(LAST_NORM)

    @property
    def max_positions(self) -> Derived:
        """The longest source, in tokens."""
        if self.learns_positions:
            return self.facts.shaped(self.facts.shape(POSITIONS)[0] - POSITION_OFFSET, POSITIONS)
        return argued(self.model, "max_source_positions", "args", 1024)

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """How activations lie in the modules on both sides."""
        tabled = (TABLED_LAYOUT,) if self.learns_positions else ()
        return self.place.layouts((*LAYOUTS, *tabled))

    @property
    def formats(self) -> tuple[SinceFormat, ...]:
        """The norm behind the last layer, which checkpoints of the first format did without."""
        return self.place.since("layer_norm", 2) if self.normalizes_last else ()

    def config(self) -> dict[str, Derived]:
        """The values of the configuration, by key."""
        return dict(self._values())

    def rows(self) -> tuple[Row, ...]:
        """The rules that apply, but for those of the embeddings."""
        found = (row for name, row in OPTIONAL if self.facts.has(name))
        return self.place.rows((*ROWS, *found))

    def refusals(self) -> Iterator[Reason]:
        """What the encoder has and nothing here can express."""
        yield from refused_extras(self.facts, self.model, "encoder")

    def head_widths(self, heads: object) -> dict[str, int]:
        """Width of an attention head, by the prefix of the target parameters it applies to."""
        if not isinstance(heads, int) or heads < 1:
            return {}
        return {self.place.module("layers."): self.facts.shape(EMBEDDINGS)[1] // heads}

    def _values(self) -> Iterator[tuple[str, Derived]]:
        inner = "layers.0.fc1.weight"
        yield "encoder_layers", self.facts.counted(self.facts.count("layers."), "layers.{i}")
        yield "encoder_ffn_dim", self.facts.shaped(self.facts.shape(inner)[0], inner)
        yield (
            "encoder_attention_heads",
            argued(self.model, "encoder_attention_heads", "args", self.heads),
        )
        yield "encoder_layerdrop", argued(self.model, "encoder_layerdrop", "args", 0.0)
