"""What is known of one wav2vec 2.0 encoder: its place, its tensors' shapes, fairseq's arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from toolkit.blocks.conformer import ConformerLayers, has_conformer_layers
from toolkit.blocks.evidence import Derived, Facts, argued
from toolkit.blocks.place import Place
from toolkit.core.json import JsonObject

CONV = "feature_extractor.conv_layers."
POS_CONV = "encoder.pos_conv."
LAYERS = "encoder.layers."
LAST_NORM = "encoder.layer_norm.weight"
HIDDEN = ("encoder.layers.0.fc1.weight", "encoder.layers.0.ffn1.w_1.weight")
"""What has the width of a layer's feed-forward block, in a transformer and in a conformer."""


@dataclass(frozen=True, kw_only=True)
class Trunk:
    """The convolutions, the projection and the layers, without anything that is built on them."""

    place: Place
    checkpoint: Facts
    """What all tensors of the checkpoint say."""
    w2v: JsonObject = field(default_factory=dict)
    """fairseq's arguments of the encoder; empty where they were lost."""
    where: str = "w2v_args"
    """What evidence calls them."""
    around: JsonObject = field(default_factory=dict)
    """Arguments of the model around it, which say how it was trained where its own do not."""
    around_first: bool = False
    """Whether those come first, as where the model around it was trained with them."""
    stock: tuple[str, ...] = ("wav2vec2", "wav2vec2-conformer")
    """Model types of the stock classes that it may become, those first that are preferred."""
    keeps_heads: bool = False
    """Whether what served pretraining is kept, so that the family around it has its rules."""
    carried: str | None = None
    """Model type of a class that the folder can carry for it, with layers of either kind."""
    languages: tuple[str, ...] = ()
    """The languages whose adapters the family around it has rules for, in their order."""
    told: Mapping[str, Derived] = field(default_factory=dict)
    """What the user says of it, or a recording or the model itself chose, by key."""
    tries: bool = False
    """Whether its class has to take every value that is left open, as each will be tried."""
    adapter_row: int = 0
    """Which of the adapters that a layer has are those that the model begins with."""

    @property
    def facts(self) -> Facts:
        """What the encoder's own tensors say, by names without the prefix of its place."""
        return self.checkpoint.under(self.place.source)

    @property
    def width(self) -> int:
        """The encoder's width."""
        return self.facts.shape(LAST_NORM)[0]

    @property
    def layers(self) -> int:
        """How many layers it has."""
        return self.facts.count(LAYERS)

    @property
    def convolutions(self) -> list[tuple[int, ...]]:
        """The shape (width, width before, kernel) of each convolution of the extractor."""
        return [self.facts.shape(f"{CONV}{i}.0.weight") for i in range(self.facts.count(CONV))]

    @property
    def extractor_norm(self) -> str:
        """`layer` for a norm on every convolution, `group` for one on the first."""
        return "layer" if self.facts.has(f"{CONV}0.2.1.weight") else "group"

    @property
    def maybe_hidden(self) -> str | None:
        """The tensor that has the width of a layer's feed-forward block."""
        return next((name for name in HIDDEN if self.facts.has(name)), None)

    @property
    def has_adapters(self) -> bool:
        """Whether layers, not necessarily all, have adapters for languages."""
        return bool(self.adapted)

    @property
    def adapted(self) -> tuple[int, ...]:
        """The layers that have adapters."""
        names = {i: f"{LAYERS}{i}.adapter_layer.W_a" for i in range(self.layers)}
        return tuple(i for i, name in names.items() if self.facts.has(name))

    @property
    def has_stacked_positions(self) -> bool:
        """Whether several positional convolutions stand in a row."""
        return self.facts.has(POS_CONV + "0.0.weight")

    @property
    def has_batch_normed_positions(self) -> bool:
        """Whether a batch norm stands before the positional convolution, in place of weight norm."""
        return self.facts.has(POS_CONV + "1.weight")

    @property
    def positional_depth(self) -> Derived:
        """How many positional convolutions there are in a row."""
        depth = self.facts.count(POS_CONV) if self.has_stacked_positions else 1
        return self.facts.counted(depth, POS_CONV + "{i}.0.weight")

    @property
    def maybe_conformer(self) -> ConformerLayers | None:
        """Its layers, where they are conformer layers."""
        if not has_conformer_layers(self.facts):
            return None
        return ConformerLayers(
            place=self.place,
            facts=self.facts,
            w2v=self.w2v,
            where=self.where,
            extractor_norm=self.extractor_norm,
            told=self.told,
            tries=self.tries,
        )

    @property
    def layer_type(self) -> str:
        """`conformer` or `transformer`."""
        return "conformer" if has_conformer_layers(self.facts) else "transformer"

    def argued(self, name: str) -> Derived:
        """What fairseq's arguments of the encoder say."""
        return argued(self.w2v, name, self.where)
