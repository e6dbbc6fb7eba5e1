"""Which class of transformers computes what a wav2vec 2.0 encoder does, and what it lacks."""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.blocks.activations import refused_activation
from toolkit.blocks.conformer import KEYS
from toolkit.blocks.forms import Lack
from toolkit.blocks.wav2vec2.trunk import Trunk
from toolkit.core.coverage import Reason

NAMES = {"wav2vec2": "Wav2Vec2", "wav2vec2-conformer": "Wav2Vec2Conformer"}
"""How the stock classes are called, by their model type."""


def stock_class(trunk: Trunk) -> str:
    """The stock class that is nearest to the encoder."""
    return "wav2vec2-conformer" if trunk.maybe_conformer else "wav2vec2"


def takes_layers(trunk: Trunk, kind: str) -> bool:
    """Whether a class, by its model type, has layers of the encoder's kind."""
    return kind in (trunk.carried, stock_class(trunk))


def lacks(trunk: Trunk, kind: str) -> Iterator[Lack]:
    """What the encoder has and a stock class, by its model type, cannot express."""
    conformer = trunk.maybe_conformer
    if not takes_layers(trunk, kind):
        yield Lack(
            name=f"{trunk.where}.layer_type",
            because=f"it has {trunk.layer_type} layers, {NAMES[kind]} has none",
            module=trunk.place.module("encoder.layers.0"),
            explains=tuple(map(trunk.place.key, KEYS)),
        )
    elif conformer is not None:
        yield from conformer.lacks()
    if trunk.has_stacked_positions:
        yield Lack(
            name=f"{trunk.where}.pos_conv_depth",
            because=f"it has several positional convolutions, {NAMES[kind]} one",
            module=trunk.place.module("encoder.pos_conv_embed"),
        )


def refusals(trunk: Trunk) -> Iterator[Reason]:
    """What the encoder has and nothing here can express."""
    kind = str(trunk.w2v.get("layer_type", "transformer"))
    if kind != trunk.layer_type:
        because = f"layers of kind `{kind}` are not known"
        yield Reason(name=f"{trunk.where}.layer_type", because=because)
    yield from refused_activation(trunk.w2v, trunk.where)
