"""What tensors do not say of a wav2vec 2.0 encoder: its arguments', or what was published."""

from __future__ import annotations

from toolkit.blocks.activations import ACTIVATIONS, activation
from toolkit.blocks.arguments import parse_conv_layers
from toolkit.blocks.conformer import NORMS
from toolkit.blocks.evidence import MISSING, Derived
from toolkit.blocks.wav2vec2 import gates
from toolkit.blocks.wav2vec2.trunk import Trunk

KNOWN_HEADS = {(768, 12): 12, (1024, 24): 16, (1280, 48): 16, (1920, 48): 16}
"""Attention heads of the published encoders, by width and number of layers: wav2vec 2.0 base and
large, XLS-R 0.3, 1 and 2 B (arXiv:2111.09296, table 2)."""
USUAL_HEAD_WIDTH = 64
MAX_HEADS = 32
"""More heads than any published encoder has."""
USUAL_STRIDES = (5, 2, 2, 2, 2, 2, 2)


def heads(trunk: Trunk) -> Derived:
    """How many attention heads each layer has."""
    conformer = trunk.maybe_conformer
    if conformer is not None and (told := conformer.maybe_heads()) is not None:
        return told
    if (gated := gates.maybe_heads(trunk)) is not None:
        return gated
    if "encoder_attention_heads" in trunk.w2v:
        return trunk.argued("encoder_attention_heads")
    attention = "attention" if conformer is None else "self_attn"
    return _usual_heads(trunk, trunk.place.module(f"encoder.layers.0.{attention}"))


def _usual_heads(trunk: Trunk, shown_by: str) -> Derived:
    size, layers = trunk.width, trunk.layers
    possible = tuple(n for n in range(1, MAX_HEADS + 1) if size % n == 0)
    usual = min(possible, key=lambda heads: abs(size / heads - USUAL_HEAD_WIDTH))
    known = KNOWN_HEADS.get((size, layers))
    return Derived(
        value=known or usual,
        evidence=(
            f"published encoders of {layers} layers and width {size} have {known} heads"
            if known
            else f"heads are usually {USUAL_HEAD_WIDTH} wide"
        ),
        candidates=possible,
        shown_by=shown_by,
    )


def layer_norm_first(trunk: Trunk) -> Derived:
    """Whether each block normalizes before it computes; of a conformer see there."""
    conformer = trunk.maybe_conformer
    if conformer is not None:
        return conformer.norm_first
    if NORMS in trunk.told:
        return trunk.told[NORMS]
    if "layer_norm_first" in trunk.w2v:
        return trunk.argued("layer_norm_first")
    return _published_order(trunk)


def _published_order(trunk: Trunk) -> Derived:
    stacked, norm = trunk.has_stacked_positions, trunk.extractor_norm
    having = "several positional convolutions" if stacked else f"{norm} norm in the extractor"
    before = norm == "layer" and not stacked
    return Derived(
        value=before,
        evidence=f"published encoders with {having} normalize "
        f"{'before' if before else 'after'} each block",
        # No class has several convolutions and the other order.
        candidates=(False,) if stacked else (True, False),
        shown_by=trunk.place.module("encoder.layers.0"),
    )


def hidden_activation(trunk: Trunk) -> Derived:
    """The activation function of transformer layers, under its name in transformers."""
    if trunk.w2v:
        return activation(trunk.w2v, trunk.where)
    return Derived(
        value="gelu",
        evidence="every published encoder has GELU",
        candidates=tuple(dict.fromkeys(ACTIVATIONS.values())),
        shown_by=trunk.place.module("encoder.layers.0"),
    )


def strides(trunk: Trunk) -> Derived:
    """The stride of each convolution of the extractor; `MISSING` where nothing tells."""
    found, extractor = trunk.argued("conv_feature_layers"), trunk.place.module("feature_extractor")
    if found.value is not MISSING:
        parsed = parse_conv_layers(str(found.value))
        return Derived(value=[stride for _, _, stride in parsed], evidence=found.evidence)
    if len(trunk.convolutions) != len(USUAL_STRIDES):
        return Derived(value=MISSING, evidence=found.evidence, shown_by=extractor)
    return Derived(
        value=list(USUAL_STRIDES),
        evidence="every published extractor of seven convolutions has these strides",
        candidates=(list(USUAL_STRIDES),),
        shown_by=extractor,
    )
