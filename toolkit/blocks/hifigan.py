"""fairseq's HiFi-GAN, which makes a waveform of frames: rules, layouts, configuration.

Source: `fairseq/models/text_to_speech/hifigan.py`; Kong et al. 2020 (arXiv:2010.05646).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from toolkit.blocks.evidence import Derived, Facts, argued, hard_coded
from toolkit.core.breakable import Breakable, Part
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonObject
from toolkit.core.slips import other, slip
from toolkit.mapping import Row, Rule
from toolkit.replay.pairs import Layout

FIRST = "conv_pre.weight"
SAID = "config.json"
"""What evidence calls the file beside the checkpoint that says what no tensor does."""
RATES, DILATIONS = "upsample_rates", "resblock_dilation_sizes"
"""What no tensor tells."""
SLOPE = 0.1
"""Of every leaky rectifier but the last."""
PAIRED, LONE = "convs1", "convs"
"""What a residual block calls its convolutions: of the first kind each has a second one behind."""
BLOCK = "resblocks.0."
_RUNS_NOT = "fairseq's own generator does not run with that"

# fmt: off
ROWS: tuple[Row, ...] = (
    Rule("{conv_pre|conv_post}.{weight|bias}",              "{conv_pre|conv_post}.{weight|bias}"),
    Rule("ups.{i}.{weight|bias}",                           "upsampler.{i}.{weight|bias}"),
    Rule("resblocks.{i}.{convs1|convs2}.{i}.{weight|bias}", "resblocks.{i}.{convs1|convs2}.{i}.{weight|bias}"),
)
LAYOUTS = (
    Layout("{conv_pre|conv_post}",                          "B D T", "B D T"),
    Layout("upsampler.{i}",                                 "B D T", "B D T"),
    Layout("resblocks.{i}",                                 "B D T", "B D T"),
    Layout("resblocks.{i}.{convs1|convs2}.{i}",             "B D T", "B D T"),
)
BREAKABLE = Breakable(
    parts=(
        Part(name="first and last convolution", modules=r"conv_\w+"),
        Part(name="upsampling",                 modules=r"upsampler\.\d+"),
        Part(name="residual blocks",            modules=r"resblocks\.\d+\.convs\d\.\d+"),
    ),
    slips=(
        slip("leaky_relu_slope", "slope_changed", other(0.2, 0.01), absent=True),
    ),
)
# fmt: on


@dataclass(frozen=True, kw_only=True)
class HifiGanBlock:
    """What a family asks of the generator."""

    facts: Facts
    said: JsonObject = field(default_factory=dict)
    """What the configuration beside the checkpoint says."""

    @property
    def is_present(self) -> bool:
        """Whether its tensors are there, with their weight norms or without."""
        return all(map(self.facts.has, ("conv_pre.bias", "ups.0.bias"))) and self.facts.has_under(
            BLOCK
        )

    @property
    def width(self) -> int:
        """Of a frame."""
        return self.facts.shape(FIRST)[1]

    def config(self) -> Iterator[tuple[str, Derived]]:
        """The values of the configuration, by key."""
        facts, upsampled, sizes = self.facts, "ups.{i}.weight", f"{BLOCK}convs1.0.weight"
        yield "upsample_initial_channel", facts.shaped(facts.shape(FIRST)[0], FIRST)
        yield "upsample_kernel_sizes", facts.shaped(self._kernels, upsampled)
        yield RATES, argued(self.said, RATES, SAID)
        yield DILATIONS, argued({DILATIONS: self._dilations}, DILATIONS, SAID)
        yield "resblock_kernel_sizes", facts.shaped(self._sizes, sizes)
        yield "leaky_relu_slope", hard_coded(SLOPE, "fairseq's vocoder has it so")

    def refusals(self) -> Iterator[Reason]:
        """What the generator has and no class of transformers has, or fairseq cannot run."""
        if self._depth == 0:
            yield Reason(
                name=f"{BLOCK}{LONE}.0.weight",
                because="its residual blocks are of the second kind, which neither fairseq's "
                "generator has nor a class of transformers",
            )
            return
        yield from self._refused_rates()
        blocks, layers = self.facts.count("resblocks."), len(self._kernels)
        if blocks % layers or blocks < layers:
            yield Reason(
                name="resblocks",
                because=f"{layers} layers upsample, and {blocks} residual blocks, numbered from 0 "
                "without a hole, are not as many for each: tensors are missing",
            )
            return
        if any(size % 2 == 0 for size in self._sizes):
            yield Reason(
                name=f"{BLOCK}convs1.0.weight",
                because=f"its residual blocks have kernels of {self._sizes}, of which an even one "
                f"makes a frame less than it takes: {_RUNS_NOT}",
            )
        short = [row for row in self._dilations if len(row) < self._depth]
        if short or len(self._dilations) < len(self._sizes):
            yield Reason(
                name=f"{SAID} {DILATIONS}",
                because=f"it gives {self._dilations}, and there are {len(self._sizes)} residual "
                f"blocks a layer of {self._depth} dilated convolutions each: {_RUNS_NOT}",
            )

    def _refused_rates(self) -> Iterator[Reason]:
        rates, kernels = list(self.said[RATES]), self._kernels
        if len(rates) != len(kernels) or any(k < r for k, r in zip(kernels, rates, strict=True)):
            yield Reason(
                name=f"{SAID} {RATES}",
                because=f"it gives {rates}, and the layers that upsample have kernels of {kernels}, "
                f"none of which may be less than its rate: {_RUNS_NOT}",
            )

    @property
    def _kernels(self) -> list[int]:
        """Of the layers that upsample."""
        count = self.facts.count("ups.")
        return [self.facts.shape(f"ups.{i}.weight")[2] for i in range(count)]

    @property
    def _sizes(self) -> list[int]:
        """Kernels of the residual blocks behind each of these layers."""
        blocks = self.facts.count("resblocks.") // max(len(self._kernels), 1)
        inner = PAIRED if self._depth else LONE
        return [self.facts.shape(f"resblocks.{i}.{inner}.0.weight")[2] for i in range(blocks)]

    @property
    def _depth(self) -> int:
        """Dilated convolutions of a residual block of the first kind."""
        return self.facts.count(f"{BLOCK}{PAIRED}.")

    @property
    def _dilations(self) -> list[list[int]]:
        """As many as fairseq reads of them: what is said beyond, it leaves out."""
        told = self.said[DILATIONS]
        return [list(row[: self._depth]) for row in told[: len(self._sizes)]]
