"""fairseq's transformer encoder of filter banks, behind convolutions that shorten them.

Source: `S2TTransformerEncoder` of `fairseq/models/speech_to_text/s2t_transformer.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from toolkit.blocks.activations import refused_activation
from toolkit.blocks.evidence import Derived, Facts, argued, hard_coded
from toolkit.blocks.place import Place
from toolkit.core.breakable import Attention, Breakable, Part, Side
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonObject
from toolkit.core.slips import halved, other_divisors, plus, slip
from toolkit.mapping import Drop, Row, Rule
from toolkit.replay.pairs import Layout

CONVOLUTION = "subsample.conv_layers."
LAYERS = "transformer_layers."
LAST_NORM = "layer_norm.weight"
BINS = 80
"""Bands of the filter banks that fairseq makes of a waveform."""
CTC = "ctc_proj."

# fmt: off
ROWS: tuple[Row, ...] = (
    Rule("subsample.conv_layers.{i}.{weight|bias}", "conv.conv_layers.{i}.{weight|bias}"),
    Rule("transformer_layers.{i}.self_attn.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}",
         "layers.{i}.self_attn.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}"),
    Rule("transformer_layers.{i}.{self_attn_layer_norm|final_layer_norm|fc1|fc2}.{weight|bias}",
         "layers.{i}.{self_attn_layer_norm|final_layer_norm|fc1|fc2}.{weight|bias}"),
    Rule("layer_norm.{weight|bias}",                "layer_norm.{weight|bias}"),
)
POSITIONS: tuple[Row, ...] = (
    Drop("embed_positions._float_tensor", "it only says which dtype fairseq computes positions in"),
)
HEAD: tuple[Row, ...] = (
    Drop("ctc_proj.{weight|bias}", "it guesses symbols frame by frame for a loss that serves training only"),
)
LAYOUTS = (
    Layout("",                                "B L F -> T B D", "B L F -> B T D"),
    Layout("conv",                            "B L F -> T B D", "B L F -> B T D"),
    Layout("conv.conv_layers.{i}",            "B D T",          "B D T"),
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
    slips=(
        slip("encoder_attention_heads", "head_count_changed",  other_divisors("d_model"), "wrong_head_count", absent=True),
        slip("encoder_layers",          "layer_count_changed", plus(1, -1)),
        slip("max_source_positions",    "positions_changed",   halved),
    ),
)
# fmt: on


@dataclass(frozen=True, kw_only=True)
class FilterBankEncoderBlock:
    """What a family asks of the encoder; every name that it returns is whole."""

    place: Place
    checkpoint: Facts
    model: JsonObject = field(default_factory=dict)
    """fairseq's arguments of the model."""

    @property
    def facts(self) -> Facts:
        """What the encoder's own tensors say, by names without the prefix of its place."""
        return self.checkpoint.under(self.place.source)

    @property
    def is_present(self) -> bool:
        """Whether the encoder's tensors are there."""
        return self.facts.has_under(CONVOLUTION) and self.facts.has_under(LAYERS)

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
    def layouts(self) -> tuple[Layout, ...]:
        """How activations lie in the modules on both sides."""
        return self.place.layouts(LAYOUTS)

    def config(self) -> dict[str, Derived]:
        """The values of the configuration, by key."""
        return dict(self._values())

    def rows(self) -> tuple[Row, ...]:
        """The rules that apply."""
        has_dtype = self.facts.has("embed_positions._float_tensor")
        has_head = self.facts.has_under(CTC)
        return self.place.rows(
            (*ROWS, *(POSITIONS if has_dtype else ()), *(HEAD if has_head else ()))
        )

    def refusals(self) -> Iterator[Reason]:
        """What the encoder has and nothing here can express."""
        yield from self.facts.holes(LAYERS)
        yield from refused_activation(self.model, "args")
        after = self.model.get("encoder_normalize_before", True) is False
        if after or not self.facts.has(LAST_NORM):
            yield Reason(
                name="args.encoder_normalize_before",
                because="it normalizes after each block, and Speech2Text before. Train it with "
                "`--encoder-normalize-before`, or use it with fairseq",
            )
        yield from self._refused_kernels()
        taken = self.facts.shape(f"{CONVOLUTION}0.weight")[1]
        if taken != BINS:
            yield Reason(
                name=self.facts.name(f"{CONVOLUTION}0.weight"),
                because=f"it hears {taken} values a frame, and fairseq makes {BINS} of a waveform: "
                "whoever trained it made others. Use it with fairseq and their features",
            )

    def _refused_kernels(self) -> Iterator[Reason]:
        for layer, kernel in enumerate(self.kernels):
            if kernel % 2 == 0:
                yield Reason(
                    name=self.facts.name(f"{CONVOLUTION}{layer}.weight"),
                    because=f"its kernel of {kernel} is even, for which fairseq counts a frame less "
                    "than it makes of half of all clips, and fails on those. Train it with an odd one",
                )

    def head_widths(self, heads: object) -> dict[str, int]:
        """Width of an attention head, by the prefix of the target parameters it applies to."""
        if not isinstance(heads, int) or heads < 1:
            return {}
        return {self.place.module("layers."): self.width // heads}

    def _values(self) -> Iterator[tuple[str, Derived]]:
        facts, first = self.facts, f"{CONVOLUTION}0.weight"
        inner = f"{LAYERS}0.fc1.weight"
        kernels = self.kernels
        channels = facts.shape(first)[0]
        yield "input_feat_per_channel", facts.shaped(facts.shape(first)[1], first)
        yield "input_channels", hard_coded(1, "fairseq makes filter banks of one channel")
        yield "num_conv_layers", facts.counted(len(kernels), f"{CONVOLUTION}{{i}}")
        yield "conv_kernel_sizes", facts.shaped(kernels, f"{CONVOLUTION}{{i}}.weight")
        # A single convolution makes the encoder's own width, and has no channels between.
        yield (
            "conv_channels",
            facts.shaped(channels, first)
            if len(kernels) > 1
            else argued(self.model, "conv_channels", "args", 1024),
        )
        yield "encoder_layers", facts.counted(facts.count(LAYERS), f"{LAYERS}{{i}}")
        yield "encoder_ffn_dim", facts.shaped(facts.shape(inner)[0], inner)
        for name, default in (("encoder_attention_heads", 8), ("max_source_positions", 6000)):
            yield name, argued(self.model, name, "args", default)
        yield "encoder_layerdrop", hard_coded(0.0, "fairseq's encoder drops no layers")
