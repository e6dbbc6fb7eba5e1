"""Which class of transformers computes what a wav2vec 2.0 encoder does, and what it lacks."""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.blocks.activations import refused_activation
from toolkit.blocks.conformer import KEYS
from toolkit.blocks.forms import Lack
from toolkit.blocks.wav2vec2 import adapters, gates
from toolkit.blocks.wav2vec2.assumptions import layer_norm_first
from toolkit.blocks.wav2vec2.trunk import LAYERS, Trunk
from toolkit.core.coverage import Reason

NAMES = {
    "wav2vec2": "Wav2Vec2",
    "wav2vec2-conformer": "Wav2Vec2Conformer",
    "hubert": "Hubert",
    "data2vec-audio": "Data2VecAudio",
    "unispeech": "UniSpeech",
    "unispeech-sat": "UniSpeechSat",
    "wavlm": "WavLM",
}
"""How the stock classes are called, by their model type."""
CONFORMERS = frozenset({"wav2vec2-conformer"})
"""Those that have conformer layers."""
WAV2VEC2 = "wav2vec2"
"""The one whose layers may have adapters for languages."""
DATA2VEC = "data2vec-audio"
"""The one with several positional convolutions in a row, and with one order and one kind of norms."""
ONE_ORDER = CONFORMERS | {DATA2VEC}
"""Those whose norms have one order, so that their configuration has no key for it."""
HUBERT = "hubert"
"""The one whose positional convolution may have a batch norm before it."""
ALWAYS_MASKABLE = frozenset({"unispeech-sat"})
"""Those that have a mask embedding also where nothing is masked."""
EXTRACTORS = ("default", "layer_norm")
"""The ways in which fairseq's extractors normalize."""
UNCROPPED = ("data2vec", "hubert")
"""What the names of models begin with that leave out no frames, whatever their arguments say."""
LIKE_HUBERT = frozenset({HUBERT, "unispeech-sat"})
"""Those whose layers the carried HuBERT has as well."""


def stock_class(trunk: Trunk) -> str:
    """The stock class that is nearest to the encoder: that of its layers which lacks least."""
    fitting = [kind for kind in trunk.stock if takes_layers(trunk, kind)]
    return min(fitting or trunk.stock, key=lambda kind: len(tuple(lacks(trunk, kind))))


def takes_layers(trunk: Trunk, kind: str) -> bool:
    """Whether a class, by its model type, has layers of the encoder's kind."""
    layers = "conformer" if kind in CONFORMERS else "transformer"
    return kind == trunk.carried or layers == trunk.layer_type


def is_hubert(trunk: Trunk, kind: str) -> bool:
    """Whether a class is transformers' HuBERT, or a carried one that is made of it."""
    return kind == HUBERT or (kind == trunk.carried and bool(LIKE_HUBERT & {*trunk.stock}))


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
    if kind == DATA2VEC:
        yield from _lacks_of_data2vec(trunk)
    elif trunk.has_stacked_positions:
        yield Lack(
            name=f"{trunk.where}.pos_conv_depth",
            because=f"it has several positional convolutions, {NAMES[kind]} one",
            module=trunk.place.module("encoder.pos_conv_embed"),
            explains=(trunk.place.key("num_conv_pos_embeddings"),),
        )
    if trunk.has_batch_normed_positions and not is_hubert(trunk, kind):
        yield Lack(
            name=f"{trunk.where}.conv_pos_batch_norm",
            because=f"its positional convolution has a batch norm, that of {NAMES[kind]} none",
            module=trunk.place.module("encoder.pos_conv_embed"),
        )
    yield from gates.lacks(trunk, kind, NAMES.get(kind, kind))
    norms_first = bool(layer_norm_first(trunk).value)
    yield from adapters.lacks(trunk, fits=kind == WAV2VEC2, norms_first=norms_first)


def _lacks_of_data2vec(trunk: Trunk) -> Iterator[Lack]:
    name, place, where = NAMES[DATA2VEC], trunk.place, trunk.where
    if not trunk.has_stacked_positions:
        yield Lack(
            name=f"{where}.pos_conv_depth",
            because=f"it has one positional convolution, with a weight norm, {name} has them without",
            module=place.module("encoder.pos_conv_embed"),
            explains=tuple(map(place.key, ("num_conv_pos_embeddings", "conv_pos_kernel_size"))),
        )
    if trunk.extractor_norm != "layer":
        yield Lack(
            name=f"{where}.extractor_mode",
            because=f"its extractor normalizes once, that of {name} after each convolution",
            module=place.module("feature_extractor"),
            explains=(place.key("feat_extract_norm"),),
        )
    if layer_norm_first(trunk).value:
        yield Lack(
            name=f"{where}.layer_norm_first",
            because=f"it normalizes before each block, {name} behind it",
            module=place.module("encoder"),
            hypothesis="norm_order",
            explains=(place.key("do_stable_layer_norm"),),
        )


def refusals(trunk: Trunk) -> Iterator[Reason]:
    """What the encoder has and nothing here can express."""
    yield from trunk.facts.holes(LAYERS)
    kind = str(trunk.w2v.get("layer_type", trunk.layer_type))
    if trunk.has_adapters and not trunk.languages:
        because = "its layers have an adapter for each language, which nothing here converts"
        yield Reason(name=f"{trunk.where}.adp_num", because=because)
    elif kind != trunk.layer_type and not trunk.languages:
        because = f"layers of kind `{kind}` are not known"
        yield Reason(name=f"{trunk.where}.layer_type", because=because)
    yield from refused_activation(trunk.w2v, trunk.where)
    yield from _refused_crop(trunk)
    mode = trunk.w2v.get("extractor_mode")
    if mode not in (*EXTRACTORS, None):
        name = NAMES[trunk.stock[0]]
        because = f"its extractor normalizes by `{mode}`, that of {name} does not"
        yield Reason(name=f"{trunk.where}.extractor_mode", because=because)


def _refused_crop(trunk: Trunk) -> Iterator[Reason]:
    crop = trunk.w2v.get("crop_seq_to_multiple") or 1
    named = str(trunk.w2v.get("_name") or trunk.w2v.get("arch"))
    if crop != 1 and not named.startswith(UNCROPPED):
        because = (
            f"it leaves out the last frames of a clip until their number is a multiple of {crop}, "
            "no class of transformers does. Set it to 1 in a copy of the checkpoint to have a "
            "folder that keeps them"
        )
        yield Reason(name=f"{trunk.where}.crop_seq_to_multiple", because=because)
