"""What comparing two models costs against running both once: `make bench-modules`.

torch's own encoder and the same as one of BERT, both with random weights. One pass of each and a
comparison take turns; the medians of processor time count, as other work on the machine does not
bear on it. The kernel's part, which is that of fresh pages, is told apart: on a virtual machine it
may be half of all. Memory is what a comparison takes beside both models, held against twice what a
bare pass in float64 takes at its fullest, which is within one module. Models that agree run no
module again.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event, Thread

import torch
from torch import nn
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertEncoder

import toolkit
from toolkit.oracle.pages import hand_back, resident_bytes
from toolkit.oracle.precision import in_float64

TIME_BAR = 3.0
"""In passes of both models."""
MEMORY_BAR = 1.0
"""In the activations of two modules."""
INTERVAL_S = 0.002
RULES: Mapping[str, str | tuple[str, ...]] = {
    "layers.{i}.self_attn.in_proj_{weight|bias}": tuple(
        f"layer.{{i}}.attention.self.{name}.{{weight|bias}}" for name in ("query", "key", "value")
    ),
    "layers.{i}.self_attn.out_proj.{weight|bias}": "layer.{i}.attention.output.dense.{weight|bias}",
    "layers.{i}.norm1.{weight|bias}": "layer.{i}.attention.output.LayerNorm.{weight|bias}",
    "layers.{i}.linear1.{weight|bias}": "layer.{i}.intermediate.dense.{weight|bias}",
    "layers.{i}.linear2.{weight|bias}": "layer.{i}.output.dense.{weight|bias}",
    "layers.{i}.norm2.{weight|bias}": "layer.{i}.output.LayerNorm.{weight|bias}",
}


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two models that do the same, and their inputs."""

    source: nn.Module
    target: nn.Module
    x: torch.Tensor
    """Shape (T, B, D)."""

    def run(self) -> None:
        """One pass of each."""
        with torch.no_grad():
            self.source(self.x)
            self.target(self.x.transpose(0, 1))

    def compare(self) -> None:
        """A comparison."""
        result = toolkit.compare_modules(
            self.source,
            self.target,
            rules=RULES,
            inputs=self.x,
            target_inputs=self.x.transpose(0, 1),
        )
        assert result.verdict == "match", result


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Processor time in seconds."""

    whole: float
    kernel: float
    """The kernel's part of it."""


def main() -> None:
    """Prints both ratios; ends with 1 where a bar is not met."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--width", type=int, default=768)
    options.add_argument("--layers", type=int, default=4)
    options.add_argument("--length", type=int, default=384)
    asked = options.parse_args()
    torch.manual_seed(0)
    pair = make_pair(asked.width, asked.layers, asked.length)
    for _ in range(2):  # what only the first comparison of a process does is no part of it
        pair.run()
        pair.compare()
    taken = [(_processor_s(pair.run), _processor_s(pair.compare)) for _ in range(asked.rounds)]
    passes, compared = map(_median, zip(*taken, strict=True))
    ratio = compared.whole / passes.whole
    modules, extra = 2 * bare_bytes(pair), extra_bytes(pair.compare)
    print(f"width {asked.width}, {asked.layers} layers, 4 x {asked.length} positions")
    print(f"one pass of both: {passes.whole:.2f} s, {passes.kernel:.2f} of them the kernel's")
    print(f"compared: {compared.whole:.2f} s, {compared.kernel:.2f} of them the kernel's")
    without = (compared.whole - compared.kernel) / (passes.whole - passes.kernel)
    print(f"time: {ratio:.2f} passes of both (bar {TIME_BAR}); {without:.2f} without the kernel's")
    print(f"memory beside both models: {extra / 1e6:.0f} MB; two modules: {modules / 1e6:.0f} MB")
    print(f"memory: {extra / modules:.2f} of two modules (bar {MEMORY_BAR})")
    sys.exit(ratio > TIME_BAR or extra / modules > MEMORY_BAR)


def make_pair(width: int, layers: int, length: int) -> Pair:
    """Both models with the same weights, and a batch of four."""
    layer = nn.TransformerEncoderLayer(width, 8, 4 * width, activation="gelu")
    source = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False).eval()
    config = BertConfig(
        hidden_size=width,
        num_attention_heads=8,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        layer_norm_eps=1e-5,
        attn_implementation="eager",
    )
    target = BertEncoder(config).eval()
    toolkit.carry_weights(source, target, RULES)
    return Pair(source=source, target=target, x=torch.randn(length, 4, width))


def bare_bytes(pair: Pair) -> int:
    """What a bare pass in float64 takes at its fullest, which is within one module."""

    def run(model: nn.Module, x: torch.Tensor) -> None:
        with torch.no_grad(), in_float64(model):
            model(x)

    return max(
        extra_bytes(partial(run, pair.source, pair.x)),
        extra_bytes(partial(run, pair.target, pair.x.transpose(0, 1))),
    )


def extra_bytes(work: Callable[[], None]) -> int:
    """The most memory that something takes beside what was there before."""
    gc.collect()
    hand_back(0)
    before, peak, ended = resident_bytes().of_its_own, [0], Event()

    def watch() -> None:
        while not ended.wait(INTERVAL_S):
            peak[0] = max(peak[0], resident_bytes().of_its_own - before)

    thread = Thread(target=watch, daemon=True)
    thread.start()
    work()
    ended.set()
    thread.join()
    return peak[0]


def _processor_s(work: Callable[[], None]) -> Taken:
    before = os.times()
    work()
    after = os.times()
    kernel = after.system - before.system
    return Taken(whole=after.user - before.user + kernel, kernel=kernel)


def _median(taken: Sequence[Taken]) -> Taken:
    return sorted(taken, key=lambda one: one.whole)[len(taken) // 2]


if __name__ == "__main__":
    main()
