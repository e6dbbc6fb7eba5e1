"""fairseq's transformer encoder of filter banks, behind convolutions that shorten them.

It becomes the stock class's; one that normalizes behind its blocks needs code in the folder.

Source: `S2TTransformerEncoder` of `fairseq/models/speech_to_text/s2t_transformer.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from toolkit.blocks.activations import activation, refused_activation
from toolkit.blocks.evidence import Derived, Facts, argued, hard_coded
from toolkit.blocks.forms import Lack
from toolkit.blocks.place import Place
from toolkit.core.breakable import Attention, Breakable, Droppable, Part, Side, joined
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonDict, JsonObject
from toolkit.core.slips import (
    activations,
    gained,
    halved,
    lost,
    other,
    other_divisors,
    plus,
    slip,
    toggled,
    unseen,
)
from toolkit.mapping import Drop, Row, Rule
from toolkit.replay.pairs import Layout

CONVOLUTION = "subsample.conv_layers."
LAYERS = "transformer_layers."
LAST_NORM = "layer_norm.weight"
BINS = 80
"""Bands of the filter banks that fairseq makes of a waveform."""
CTC = "ctc_proj."

# fmt: off
CONVOLUTIONS: tuple[Row, ...] = (
    Rule("subsample.conv_layers.{i}.{weight|bias}", "conv.conv_layers.{i}.{weight|bias}"),
)
ROWS: tuple[Row, ...] = (
    Rule("transformer_layers.{i}.self_attn.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}",
         "layers.{i}.self_attn.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}"),
    Rule("transformer_layers.{i}.{self_attn_layer_norm|final_layer_norm|fc1|fc2}.{weight|bias}",
         "layers.{i}.{self_attn_layer_norm|final_layer_norm|fc1|fc2}.{weight|bias}"),
)
FINAL_NORM: tuple[Row, ...] = (
    Rule("layer_norm.{weight|bias}",                "layer_norm.{weight|bias}"),
)
POSITIONS: tuple[Row, ...] = (
    Drop("embed_positions._float_tensor", "it only says which dtype fairseq computes positions in"),
)
HEAD: tuple[Row, ...] = (
    Drop("ctc_proj.{weight|bias}", "it guesses symbols frame by frame for a loss that serves training only"),
)
CONVOLVED = (
    Layout("",                                "B L F -> T B D", "B L F -> B T D"),
    Layout("conv",                            "B L F -> T B D", "B L F -> B T D"),
    Layout("conv.conv_layers.{i}",            "B D T",          "B D T"),
)
LAYOUTS = (
    Layout("layers.{i}",                      "T B D",          "B T D"),
    Layout("layers.{i}.self_attn",            "T B D",          "B T D"),
    Layout("layers.{i}.self_attn.{q_proj|k_proj|v_proj|out_proj}", "T B D", "B T D"),
    Layout("layers.{i}.{self_attn_layer_norm|final_layer_norm|fc1|fc2}", "T B D", "B T D"),
    Layout("layer_norm",                      "T B D",          "B T D"),
)
BREAKABLE = Breakable(
    parts=(
        Part(name="convolutions",           modules=r"conv\.conv_layers\.\d+", is_gated=True),
        Part(name="encoder self-attention", modules=r"layers\.\d+\.self_attn\..+"),
        Part(name="encoder feed-forward",   modules=r"layers\.\d+\.fc\d"),
        Part(name="encoder norms",          modules=r"(layers\.\d+\.)?\w*layer_norm"),
    ),
    sides=(Side(width="d_model", heads="encoder_attention_heads"),),
    stacks=("layers",),
    attentions=(Attention(modules=r"layers\.\d+\.self_attn"),),
    droppable=(Droppable(name="last_norm", modules="layer_norm"),),
    slips=(
        slip("encoder_attention_heads", "head_count_changed",  other_divisors("d_model"), "wrong_head_count", absent=True),
        slip("encoder_layers",          "layer_count_changed", plus(1, -1)),
        slip("max_source_positions",    "positions_changed",   halved),
    ),
)
ALONE = Breakable(
    slips=(
        slip("activation_function", "activation_changed",      activations, "wrong_activation"),
        slip("normalize_before",    "norm_order_changed",      toggled,     "norm_order", absent=True),
        slip("scale_embedding",     "embedding_scale_changed", lost,        "missing_scale", absent=True),
        slip("scale_embedding",     "embedding_scale_changed", gained,      "missing_scale", "wrong_value"),
        unseen("dropout",            "dropout_changed",         other(0.1, 0.0)),
        unseen("attention_dropout",  "dropout_changed",         other(0.1, 0.0)),
        unseen("activation_dropout", "dropout_changed",         other(0.1, 0.0)),
    ),
)
"""Of an encoder that has its own part of the configuration."""
# fmt: on


@dataclass(frozen=True, kw_only=True)
class FilterBankEncoderBlock:
    """What a family asks of the encoder; every name that it returns is whole."""

    place: Place
    checkpoint: Facts
    model: JsonObject = field(default_factory=dict)
    """fairseq's arguments of the model."""
    inner: ClassVar[str] = LAYERS
    """What the names of its layers begin with."""
    heads: ClassVar[int] = 8
    """Attention heads by default."""

    @property
    def facts(self) -> Facts:
        """What the encoder's own tensors say, by names without the prefix of its place."""
        return self.checkpoint.under(self.place.source)

    @property
    def is_present(self) -> bool:
        """Whether the encoder's tensors are there."""
        return self.facts.has_under(CONVOLUTION) and self.facts.has_under(self.inner)

    @property
    def kernels(self) -> list[int]:
        """Kernel of each convolution."""
        count = self.facts.count(CONVOLUTION)
        return [self.facts.shape(f"{CONVOLUTION}{i}.weight")[2] for i in range(count)]

    @property
    def width(self) -> int:
        """The encoder's width; each convolution makes twice as much as its gate lets through."""
        return self.facts.shape(f"{CONVOLUTION}{len(self.kernels) - 1}.weight")[0] // 2

    @property
    def last_convolution(self) -> str:
        """The target module whose output has one column per frame."""
        return self.place.module(f"conv.conv_layers.{len(self.kernels) - 1}")

    @property
    def normalizes_before(self) -> Derived:
        """Whether each block normalizes before it computes, or after."""
        return self.facts.present(self.facts.has(LAST_NORM), LAST_NORM)

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """How activations lie in the modules on both sides."""
        return self.place.layouts((*CONVOLVED, *LAYOUTS))

    @property
    def unpaired(self) -> tuple[str, ...]:
        """Target tensors that no pair of modules has in common."""
        return ()

    def config(self) -> dict[str, Derived]:
        """The values of the configuration, by key, as far as they are the encoder's alone."""
        return {**dict(self._convolutions()), **dict(self._layers())}

    def config_alone(self, model_type: str) -> dict[str, Derived]:
        """The values where the encoder has a part of the configuration for itself, by key.

        Args:
            model_type: That of the class that a folder carries.
        """
        scale = argued(self.model, "no_scale_embedding", "args", False)
        return {
            "model_type": hard_coded(model_type, "what no stock class has"),
            "d_model": self._convolved(self.width),
            **self.config(),
            "activation_function": activation(self.model, "args", "relu"),
            "scale_embedding": Derived(value=not scale.value, evidence=scale.evidence),
            **dict(self._alone()),
            **self.dropouts(),
        }

    def dropouts(self) -> dict[str, Derived]:
        """What training drops, by key."""
        dropout = argued(self.model, "dropout", "args", 0.1)
        others = ("attention_dropout", "activation_dropout")
        return {
            "dropout": dropout,
            **{name: argued(self.model, name, "args", dropout.value) for name in others},
        }

    def rows(self) -> tuple[Row, ...]:
        """The rules that apply."""
        has_dtype = self.facts.has("embed_positions._float_tensor")
        has_head = self.facts.has_under(CTC)
        positions, head = POSITIONS if has_dtype else (), HEAD if has_head else ()
        return self.place.rows((*CONVOLUTIONS, *self._layer_rows(), *positions, *head))

    def lacks(self) -> Iterator[Lack]:
        """What the encoder has and the stock class cannot express."""
        if not self.normalizes_before.value:
            yield Lack(
                name="args.encoder_normalize_before",
                because="it normalizes after each block, Speech2Text before",
                module=self.place.module("layers.0"),
                hypothesis="norm_order",
            )

    def refusals(self) -> Iterator[Reason]:
        """What the encoder has and nothing here can express."""
        yield from self.facts.holes(self.inner)
        yield from refused_activation(self.model, "args")
        yield from self._refused_layers()
        yield from self._refused_kernels()
        taken = self.facts.shape(f"{CONVOLUTION}0.weight")[1]
        if taken != BINS:
            yield Reason(
                name=self.facts.name(f"{CONVOLUTION}0.weight"),
                because=f"it hears {taken} values a frame, and fairseq makes {BINS} of a waveform: "
                "whoever trained it made others. Use it with fairseq and their features",
            )

    def reference_arguments(self) -> JsonDict:
        """Fairseq's arguments of the encoder; what tensors tell counts more than what it says."""
        said = {key: derived.value for key, derived in self.config().items()}
        return {
            "conv_kernel_sizes": ",".join(map(str, said["conv_kernel_sizes"])),
            "conv_channels": said["conv_channels"],
            "encoder_embed_dim": self.width,
            "encoder_ffn_embed_dim": said["encoder_ffn_dim"],
            "encoder_layers": said["encoder_layers"],
            **self._layer_arguments(),
        }

    def head_widths(self, heads: object) -> dict[str, int]:
        """Width of an attention head, by the prefix of the target parameters it applies to."""
        if not isinstance(heads, int) or heads < 1:
            return {}
        return {self.place.module("layers."): self.width // heads}

    def breakable(self, *, alone: bool) -> Breakable:
        """What can be broken of the encoder, with names and keys relative to its place.

        Args:
            alone: Whether it has a part of the configuration for itself.
        """
        return joined((BREAKABLE, ALONE)) if alone else BREAKABLE

    def _layer_rows(self) -> tuple[Row, ...]:
        return (*ROWS, *(FINAL_NORM if self.normalizes_before.value else ()))

    def _layer_arguments(self) -> JsonDict:
        return {"encoder_normalize_before": self.normalizes_before.value}

    def _alone(self) -> Iterator[tuple[str, Derived]]:
        yield "layer_type", self.facts.present("transformer", f"{self.inner}0")
        yield "normalize_before", self.normalizes_before

    def _refused_layers(self) -> Iterator[Reason]:
        said, is_there = self.model.get("encoder_normalize_before"), self.normalizes_before.value
        if said is not None and bool(said) != is_there:
            yield Reason(
                name="args.encoder_normalize_before",
                because=f"it is {said}, but there is {'a' if is_there else 'no'} "
                f"`{self.facts.name('layer_norm')}`, which encoders that normalize before each "
                "block have and no others; the arguments are another model's",
            )

    def _refused_kernels(self) -> Iterator[Reason]:
        for layer, kernel in enumerate(self.kernels):
            if kernel % 2 == 0:
                yield Reason(
                    name=self.facts.name(f"{CONVOLUTION}{layer}.weight"),
                    because=f"its kernel of {kernel} is even, for which fairseq counts a frame less "
                    "than it makes of half of all clips, and fails on those. Train it with an odd one",
                )

    def _convolved(self, value: object) -> Derived:
        return self.facts.shaped(value, f"{CONVOLUTION}{{i}}.weight")

    def _convolutions(self) -> Iterator[tuple[str, Derived]]:
        facts, first = self.facts, f"{CONVOLUTION}0.weight"
        kernels = self.kernels
        channels = facts.shape(first)[0]
        yield "input_feat_per_channel", facts.shaped(facts.shape(first)[1], first)
        yield "input_channels", hard_coded(1, "fairseq makes filter banks of one channel")
        yield "num_conv_layers", facts.counted(len(kernels), f"{CONVOLUTION}{{i}}")
        yield "conv_kernel_sizes", self._convolved(kernels)
        # A single convolution makes the encoder's own width, and has no channels between.
        yield (
            "conv_channels",
            facts.shaped(channels, first)
            if len(kernels) > 1
            else argued(self.model, "conv_channels", "args", 1024),
        )

    def _layers(self) -> Iterator[tuple[str, Derived]]:
        facts, inner = self.facts, self._inner_width
        yield "encoder_layers", facts.counted(facts.count(self.inner), f"{self.inner}{{i}}")
        yield "encoder_ffn_dim", facts.shaped(facts.shape(inner)[0], inner)
        yield "encoder_attention_heads", self._heads
        yield "max_source_positions", argued(self.model, "max_source_positions", "args", 6000)
        yield "encoder_layerdrop", hard_coded(0.0, "fairseq's encoder drops no layers")

    @property
    def _inner_width(self) -> str:
        return f"{self.inner}0.fc1.weight"

    @property
    def _heads(self) -> Derived:
        return argued(self.model, "encoder_attention_heads", "args", self.heads)
