"""What XMTransformer puts between its encoder's last layer and its decoder.

A projection, a norm and strided convolutions, with feed-forward blocks around them in some of its
generations. `Wav2Vec2Adapter` computes the plainest of them; the others need code in the folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from toolkit.blocks.evidence import Derived, Facts, argued
from toolkit.blocks.forms import Lack
from toolkit.blocks.wav2vec2 import LAST_NORM, Wav2Vec2Block
from toolkit.core.breakable import Breakable, Part
from toolkit.core.json import JsonObject
from toolkit.core.slips import counted, plus, slip, toggled
from toolkit.families.base import Options
from toolkit.mapping import Rule
from toolkit.replay.pairs import Layout

ADAPTOR = "encoder.adaptor."
FIRST = ADAPTOR + "layers.0.weight"
HF_ADAPTER = "encoder.length_adapter."
KEYS = tuple(
    f"encoder.{name}" for name in ("add_adapter", "num_adapter_layers", "output_hidden_size")
)
"""What the stock adapter's keys say where it cannot be the checkpoint's."""
STOCK_KERNEL = 3
"""`Wav2Vec2AdapterLayer` pads by one whatever its kernel, which is right for this one only."""

PROJECTED = "enc_to_dec_proj"
"""What SpeechEncoderDecoderModel puts between encoder and decoder of different widths."""
PROJECTED_IN = "encoder.adapter.proj"
"""Where the stock adapter changes the width, it projects and normalizes before its convolutions."""
PROJECTED_OUT = "encoder.output_projection"
"""What the carried encoder ends with."""

# fmt: off
STOCK_ADAPTER: tuple[Rule, ...] = (
    Rule(ADAPTOR + "layers.{i}.{weight|bias}",            "encoder.adapter.layers.{i}.conv.{weight|bias}"),
)
STOCK_NORM: tuple[Rule, ...] = (
    Rule("encoder.w2v_proj_ln.{weight|bias}",             "encoder.adapter.proj_layer_norm.{weight|bias}"),
)
BUNDLED_ADAPTER: tuple[Rule, ...] = (
    Rule("encoder.w2v_proj_ln.{weight|bias}",             "encoder.output_layer_norm.{weight|bias}"),
    Rule(ADAPTOR + "layernorm.{weight|bias}",             HF_ADAPTER + "layer_norm.{weight|bias}"),
    Rule(ADAPTOR + "proj.{0|2}.{weight|bias}",            HF_ADAPTER + "half_step_in.feed_forward.{0|2}.{weight|bias}"),
    Rule(ADAPTOR + "proj_ln.{weight|bias}",               HF_ADAPTER + "half_step_in.layer_norm.{weight|bias}"),
    Rule(ADAPTOR + "layers.{i}.{weight|bias}",            HF_ADAPTER + "layers.{i}.conv.{weight|bias}"),
    Rule(ADAPTOR + "layernorms.{i}.{weight|bias}",        HF_ADAPTER + "layers.{i}.layer_norm.{weight|bias}"),
    Rule(ADAPTOR + "post_proj.{0|2}.{weight|bias}",       HF_ADAPTER + "half_step_out.feed_forward.{0|2}.{weight|bias}"),
    Rule(ADAPTOR + "post_proj_ln.{weight|bias}",          HF_ADAPTER + "half_step_out.layer_norm.{weight|bias}"),
)
LAYOUTS = (
    Layout("encoder.adapter",                             "T B D",          "B T D"),
    Layout("encoder.adapter.layers.{i}.conv",             "B D T",          "B D T"),
    Layout("encoder.adapter.{proj|proj_layer_norm}",      "T B D",          "B T D"),
    Layout("enc_to_dec_proj",                             "T B D",          "B T D"),
    Layout("encoder.{output_projection|output_layer_norm}", "T B D",        "B T D"),
    Layout("encoder.length_adapter",                      "T B D",          "B T D"),
    Layout(HF_ADAPTER + "layer_norm",                     "T B D",          "B T D"),
    Layout(HF_ADAPTER + "{half_step_in|half_step_out}.{feed_forward|layer_norm}", "T B D", "B T D"),
    Layout(HF_ADAPTER + "{half_step_in|half_step_out}.feed_forward.{0|2}", "T B D", "B T D"),
    Layout(HF_ADAPTER + "layers.{i}.conv",                "B D T",          "B D T"),
    Layout(HF_ADAPTER + "layers.{i}.layer_norm",          "B T D",          "B T D"),
)
BREAKABLE = Breakable(
    parts=(
        Part(name="adaptor", modules=r"encoder\.(adapter\..+|length_adapter\..+|output_\w+)|enc_to_dec_proj", is_gated=True),
    ),
    slips=(
        slip("encoder.adapter_stride",     "stride_changed",      plus(1, -1), "wrong_stride"),
        slip("encoder.add_adapter",        "adapter_changed",     toggled),
        slip("encoder.num_adapter_layers", "layer_count_changed", counted(plus(1, -1))),
    ),
)
# fmt: on


@dataclass(frozen=True, kw_only=True)
class LengthAdaptor:
    """The adaptor of one checkpoint."""

    facts: Facts
    encoder: Wav2Vec2Block
    model: JsonObject
    """fairseq's arguments of the model."""
    options: Options
    projection: str
    """fairseq's path of the linear layer that follows the encoder's own."""

    @property
    def layers(self) -> int:
        """How many convolutions there are."""
        return self.facts.count(ADAPTOR + "layers.")

    @property
    def projects(self) -> bool:
        """Whether a projection follows the encoder's layers."""
        return self.facts.has_under(self.projection + ".")

    @property
    def generation(self) -> str:
        """Which of the historical encoder sides this is."""
        facts = self.facts
        if facts.has_under(ADAPTOR + "proj."):
            return "v1 (adaptor_proj)"
        if self.is_july_2021:
            return "July 2021 (adaptor with norms or another width)"
        if facts.has_under(ADAPTOR + "layernorm."):
            return "v0 with adaptor_layernorm"
        if self.projects:
            return "encoder_proj without adaptor_proj"
        return "v0" if self.layers else "v0 without adaptor"

    @property
    def is_july_2021(self) -> bool:
        """Whether the adaptor normalizes or widens as only the first of all did."""
        facts = self.facts
        widens = facts.has(FIRST) and facts.shape(FIRST)[0] != 2 * facts.shape(FIRST)[1]
        return widens or facts.has_under(ADAPTOR + "layernorms.")

    @property
    def padding(self) -> Derived:
        """What fairseq's convolutions read beyond a clip's end."""
        kernel = self.facts.shape(FIRST)[2]
        if self.is_july_2021:
            return Derived(value="unmasked", evidence="the adaptor of July 2021 zeroes nothing")
        if kernel % 2 == 0:
            return Derived(
                value="alone",
                evidence=f"fairseq cannot run padded batches with kernels of {kernel}: its mask is "
                "shorter than its frames",
            )
        return Derived(value=self.options.padding_reference, evidence="--padding-reference")

    def stock_config(self) -> dict[str, Derived]:
        """The values of a stock encoder that the adaptor determines."""
        adds = self.facts.counted(bool(self.layers), ADAPTOR + "layers.{i}")
        return {"add_adapter": adds, **dict(self._shape(bundled=False))}

    def bundled_config(self) -> dict[str, Derived]:
        """The values of the carried encoder that the adaptor determines."""
        facts, projection, norm = (
            self.facts,
            self.projection + ".weight",
            "encoder.w2v_proj_ln.weight",
        )
        kind = ("linear_norm" if facts.has(norm) else "linear") if facts.has(projection) else None
        feed_forward = ADAPTOR + "proj.0.weight"
        return {
            "add_adapter": Derived(value=False, evidence="`length_adapter` takes its place"),
            **dict(self._shape(bundled=True)),
            "output_projection": facts.present(kind, projection),
            "adapter_feed_forward": facts.present(facts.has(feed_forward), feed_forward),
            "adapter_layer_norm": self._layer_norm(),
            **({"adapter_padding": self.padding} if self.layers else {}),
        }

    def rows(self, *, bundled: bool) -> tuple[Rule, ...]:
        """The rules that apply to the adaptor's tensors."""
        table = (
            self._projection_row(bundled=bundled),
            *(BUNDLED_ADAPTER if bundled else STOCK_ADAPTER),
            *(STOCK_NORM if self.layers and not bundled else ()),
        )
        return tuple(row for row in table if self.facts.has_under(row.source.split("{")[0]))

    def lacks(self) -> Iterator[Lack]:
        """What the adaptor has and `Wav2Vec2Adapter` cannot express."""
        facts, adapts, norm = self.facts, bool(self.layers), "encoder.w2v_proj_ln."
        has_norm = facts.has_under(norm)
        placed = has_norm and adapts and self._changes_width()
        out, into, kernel = facts.shape(FIRST) if adapts else (0, 0, STOCK_KERNEL)
        exact = self.options.exact_padding and self.options.padding_reference == "masked"
        for name, present_here, because in (
            (ADAPTOR + "proj", facts.has_under(ADAPTOR + "proj."), "its adaptor has feed-forward blocks around its convolutions, Wav2Vec2Adapter has none"),
            (ADAPTOR + "layernorm", facts.has_under(ADAPTOR + "layernorm"), "its adaptor has a layer norm before or between its convolutions, Wav2Vec2Adapter has none"),
            (self.projection, self.projects and (adapts or has_norm) and not placed, "it projects after its layers, Wav2Vec2Adapter only together with a layer norm, and only before its convolutions"),
            (ADAPTOR + "layers", kernel != STOCK_KERNEL, f"Wav2Vec2AdapterLayer pads its adaptor by one, which is wrong for kernels of {kernel}"),
            (FIRST, adapts and out != 2 * into, "its adaptor changes the width, Wav2Vec2AdapterLayer does not"),
            ("--exact-padding", adapts and exact, "its adaptor zeroes frames beyond a clip's end, Wav2Vec2Adapter takes no mask"),
        ):  # fmt: skip
            if present_here:
                yield Lack(name=name, because=because, module="encoder.adapter", explains=KEYS)

    def _projection_row(self, *, bundled: bool) -> Rule:
        stock = PROJECTED_IN if self.layers else PROJECTED
        target = PROJECTED_OUT if bundled else stock
        return Rule(f"{self.projection}.{{weight|bias}}", f"{target}.{{weight|bias}}")

    def _changes_width(self) -> bool:
        """Whether the stock adapter would be one between different widths."""
        return self.facts.shape(FIRST)[0] != 2 * self.encoder.width

    def _shape(self, *, bundled: bool) -> Iterator[tuple[str, Derived]]:
        facts, projection = self.facts, self.projection + ".weight"
        yield "num_adapter_layers", facts.counted(self.layers, ADAPTOR + "layers.{i}")
        if self.layers:
            yield "adapter_kernel_size", facts.shaped(facts.shape(FIRST)[2], FIRST)
            yield "adapter_stride", argued(self.model, "adaptor_stride", "args", 2)
            yield "output_hidden_size", facts.shaped(facts.shape(FIRST)[0] // 2, FIRST)
        elif bundled and facts.has(projection):
            yield "output_hidden_size", facts.shaped(facts.shape(projection)[0], projection)
        else:
            yield "output_hidden_size", self.encoder.facts.shaped(self.encoder.width, LAST_NORM)

    def _layer_norm(self) -> Derived:
        each, once = ADAPTOR + "layernorms.0.weight", ADAPTOR + "layernorm.weight"
        if self.facts.has(each):
            return self.facts.present("layers", each)
        return self.facts.present("input" if self.facts.has(once) else None, once)
