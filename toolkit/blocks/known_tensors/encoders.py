"""The tensors of an encoder of waveforms by itself, with a head or without."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from toolkit.blocks.known_tensors import shapes
from toolkit.blocks.known_tensors.shapes import (
    ADAPTED,
    ENCODER_KEYS,
    Shapes,
    is_size,
    is_sound_encoder,
    linear,
    under,
)
from toolkit.core.json import JsonObject


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One class of transformers, or one that a folder carries."""

    model_type: str
    keys: frozenset[str]
    """What its configuration says beside what all say."""
    head: Callable[[JsonObject], Shapes]
    prefix: str = ""
    """What the names of the encoder's tensors begin with."""
    sizes: tuple[str, ...] = ()
    """Keys of its own that must be numbers of things."""
    unsaid: frozenset[str] = frozenset()
    """What all others say, and it has one value of."""


def _letters(config: JsonObject) -> Shapes:
    yield from linear("lm_head", config["hidden_size"], config["vocab_size"])


def _classes(config: JsonObject) -> Shapes:
    width = config["classifier_proj_size"]
    yield from linear("projector", config["hidden_size"], width)
    yield from linear("classifier", width, len(config["id2label"]))


def _codes(config: JsonObject) -> Shapes:
    groups, each = config["num_codevector_groups"], config["num_codevectors_per_group"]
    width, projected = config["codevector_dim"], config["proj_codevector_dim"]
    yield "quantizer.codevectors", (1, groups * each, width // groups)
    yield from linear("quantizer.weight_proj", config["conv_dim"][-1], groups * each)
    yield from linear("project_hid", config["hidden_size"], projected)
    yield from linear("project_q", width, projected)


def _nothing(_: JsonObject) -> Shapes:
    return iter(())


def _projection(config: JsonObject) -> Shapes:
    yield from linear("final_proj", config["hidden_size"], config["classifier_proj_size"])


def _keys(text: str) -> frozenset[str]:
    return frozenset(text.split())


_OF_LETTERS = _keys("bos_token_id eos_token_id pad_token_id vocab_size")
_OF_CLASSES = _keys("classifier_proj_size id2label label2id output_hidden_size")
_OF_HUBERT = _keys("conv_pos_batch_norm feat_proj_layer_norm")
_OF_CODES = _keys(
    "codevector_dim contrastive_logits_temperature feat_quantizer_dropout num_codevector_groups "
    "num_codevectors_per_group num_negatives output_hidden_size proj_codevector_dim"
)
_SIZES_OF_CODES = (
    *("codevector_dim", "num_codevector_groups"),
    *("num_codevectors_per_group", "proj_codevector_dim"),
)
KINDS: Mapping[tuple[str, str], Kind] = {
    (kind.model_type, architecture): kind
    for architecture, kind in (
        (
            "Wav2Vec2ForCTC",
            Kind(
                model_type="wav2vec2",
                keys=_OF_LETTERS | {"output_hidden_size"},
                head=_letters,
                prefix="wav2vec2",
                sizes=("vocab_size",),
            ),
        ),
        *(
            (
                "Wav2Vec2ForSequenceClassification",
                Kind(
                    model_type=model_type,
                    keys=_OF_CLASSES | own,
                    head=_classes,
                    prefix="wav2vec2",
                    sizes=("classifier_proj_size",),
                ),
            )
            for model_type, own in (
                ("wav2vec2", frozenset[str]()),
                ("fairseq_classifier", _keys("classifier_activation")),
            )
        ),
        *(
            (
                "HubertForCTC",
                Kind(
                    model_type=model_type,
                    keys=_OF_LETTERS | _OF_HUBERT,
                    head=_letters,
                    prefix="hubert",
                    sizes=("vocab_size",),
                ),
            )
            for model_type in ("hubert", "fairseq_hubert")
        ),
        (
            "Wav2Vec2ForPreTraining",
            Kind(
                model_type="wav2vec2",
                keys=_OF_CODES,
                head=_codes,
                prefix="wav2vec2",
                sizes=_SIZES_OF_CODES,
            ),
        ),
        (
            "Wav2Vec2Model",
            Kind(model_type="wav2vec2", keys=_keys("output_hidden_size"), head=_nothing),
        ),
        *(
            (architecture, Kind(model_type=model_type, keys=frozenset(), head=_nothing))
            for model_type, architecture in (
                ("unispeech", "UniSpeechModel"),
                ("unispeech-sat", "UniSpeechSatModel"),
            )
        ),
        (
            "WavLMModel",
            Kind(
                model_type="wavlm",
                keys=_keys("output_hidden_size num_buckets max_bucket_distance"),
                head=_nothing,
                sizes=("num_buckets",),
            ),
        ),
        (
            "Data2VecAudioModel",
            Kind(
                model_type="data2vec-audio",
                keys=_keys("output_hidden_size conv_pos_kernel_size"),
                head=_nothing,
                sizes=("conv_pos_kernel_size",),
                unsaid=_keys("do_stable_layer_norm feat_extract_norm"),
            ),
        ),
        *(
            ("HubertModel", Kind(model_type=model_type, keys=_OF_HUBERT, head=_nothing))
            for model_type in ("hubert", "fairseq_hubert")
        ),
        (
            "HubertModelWithFinalProj",
            Kind(
                model_type="fairseq_hubert_with_final_proj",
                keys=_OF_HUBERT | {"classifier_proj_size"},
                head=_projection,
                sizes=("classifier_proj_size",),
            ),
        ),
    )
}
"""By model type and class."""
_SAID = _keys("architectures dtype")


def is_known(config: JsonObject) -> bool:
    """Whether `tensors` knows such a model."""
    kind = _maybe_kind(config)
    return (
        kind is not None
        and config.keys() - {"auto_map", ADAPTED}
        == (ENCODER_KEYS - kind.unsaid) | kind.keys | _SAID
        and ("auto_map" in config) == kind.model_type.startswith("fairseq")
        and _has_known_adapters(config)
        and config.get("conv_pos_batch_norm", False) is False
        and config.get("feat_proj_layer_norm", True) is True
        and config.get("output_hidden_size", config["hidden_size"]) == config["hidden_size"]
        and is_sound_encoder(config)
        and all(is_size(config[key]) for key in kind.sizes)
        and config.get("codevector_dim", 0) % config.get("num_codevector_groups", 1) == 0
    )


def _has_known_adapters(config: JsonObject) -> bool:
    """Whether there are none, or such as a layer that normalizes first has."""
    return ADAPTED not in config or (
        is_size(config[ADAPTED])
        and config["model_type"] == "wav2vec2"
        and config["do_stable_layer_norm"] is True
    )


def tensors(config: JsonObject) -> Shapes:
    """Names and shapes in the order of the state dict."""
    kind = KINDS[config["model_type"], config["architectures"][0]]
    encoder = shapes.encoder(config)
    yield from under(kind.prefix, encoder) if kind.prefix else encoder
    yield from kind.head(config)


def _maybe_kind(config: JsonObject) -> Kind | None:
    named = config.get("architectures")
    if not isinstance(named, list) or len(named) != 1:
        return None
    return KINDS.get((config.get("model_type"), named[0]))  # type: ignore[arg-type]
