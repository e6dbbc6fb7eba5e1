"""Which class of transformers computes what a transformer decoder does, and what it lacks.

| fairseq | class |
|---|---|
| normalizes before each block | `MBartForCausalLM` |
| the same without `layernorm_embedding`, with computed positions | `XGLMForCausalLM` |
| normalizes after each block | `BartForCausalLM` |
| the same without `layernorm_embedding`, or on an encoder of another width | `TrOCRForCausalLM` |
| anything else | a class that the folder carries |
"""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.blocks.activations import refused_activation
from toolkit.blocks.forms import Lack
from toolkit.blocks.layer_extras import refused_extras
from toolkit.blocks.transformer_decoder.decoder import CROSS_KEYS, Decoder
from toolkit.core.coverage import Reason

NAMES = {"mbart": "MBart", "bart": "Bart", "trocr": "TrOCR", "xglm": "XGLM"}
"""How the stock classes are called, by their model type."""
WHOLE = "speech_to_text"
"""Model type of the class that has such a decoder inside, with an encoder of filter banks."""
M2M = "m2m_100"
"""Model type of another that has such a decoder inside, with an encoder of texts."""
CALLED = {**NAMES, WHOLE: "Speech2Text", M2M: "M2M100"}
NORMALIZE_BEFORE = ("mbart", "xglm", WHOLE, M2M)
COMPUTES_POSITIONS = ("xglm", WHOLE, M2M)
"""Classes that compute sinusoids, and never normalize embeddings."""
XGLM_KEYS = {
    "decoder_layers": "num_layers",
    "decoder_ffn_dim": "ffn_dim",
    "decoder_attention_heads": "attention_heads",
    "decoder_layerdrop": "layerdrop",
}
"""What XGLM, which has no encoder to tell apart, calls what others say of their decoders."""


def body(kind: str) -> str:
    """What the names of a class begin with, but for its output layer's."""
    return "model." if kind == "xglm" else "model.decoder."


def key(kind: str, name: str) -> str:
    """What a class calls a key of its configuration that most call `name`."""
    if kind == WHOLE and name == "max_position_embeddings":
        return "max_target_positions"
    return XGLM_KEYS.get(name, name) if kind == "xglm" else name


def stock_class(decoder: Decoder) -> str:
    """The stock class that is nearest to the decoder."""
    if decoder.normalizes_before.value:
        computes = decoder.positions.value == "sinusoidal"
        return "xglm" if computes and not decoder.normalizes_embeddings.value else "mbart"
    bart = decoder.normalizes_embeddings.value and decoder.cross_width.value is None
    return "bart" if bart else "trocr"


def lacks(decoder: Decoder, kind: str) -> Iterator[Lack]:
    """What the decoder has and a stock class, by its model type, cannot express."""
    yield from _lacks_of_norms(decoder, kind)
    width, positions = decoder.cross_width.value, decoder.positions.value
    if kind != "trocr" and width is not None:
        yield Lack(
            name=decoder.facts.name(CROSS_KEYS),
            because=f"it attends to states of width {width}, {CALLED[kind]} to those of its own",
            module=_module(decoder, kind, "layers.0.encoder_attn"),
        )
    if kind in COMPUTES_POSITIONS and positions != "sinusoidal":
        yield Lack(
            name=decoder.facts.name("embed_positions"),
            because=f"its positions are {positions}, {CALLED[kind]} computes sinusoids",
            module=_module(decoder, kind, "embed_positions"),
        )


def _lacks_of_norms(decoder: Decoder, kind: str) -> Iterator[Lack]:
    before = bool(decoder.normalizes_before.value)
    if before != (kind in NORMALIZE_BEFORE):
        orders = ("before", "after") if before else ("after", "before")
        yield Lack(
            name="args.decoder_normalize_before",
            because=f"it normalizes {orders[0]} each block, {CALLED[kind]} {orders[1]}",
            module=_module(decoder, kind, "layers.0"),
            hypothesis="norm_order",
        )
    elif before and not decoder.normalizes_last.value:
        yield Lack(
            name=decoder.facts.name("layer_norm"),
            because=f"it does not normalize after its last layer, {CALLED[kind]} always does",
            module=_module(decoder, kind, "layer_norm"),
        )
    yield from _lacks_of_embeddings(decoder, kind)


def _lacks_of_embeddings(decoder: Decoder, kind: str) -> Iterator[Lack]:
    normalizes = bool(decoder.normalizes_embeddings.value)
    if kind == "trocr" or normalizes == (kind not in COMPUTES_POSITIONS):
        return
    does, does_not = "normalizes its embeddings", "does not normalize its embeddings"
    yield Lack(
        name=decoder.facts.name("layernorm_embedding"),
        because=f"it {does}, {CALLED[kind]} never does"
        if normalizes
        else f"it {does_not}, {CALLED[kind]} always does",
        module=_module(decoder, kind, "embed_tokens" if normalizes else "layernorm_embedding"),
    )


def shortcomings(decoder: Decoder) -> Iterator[Reason]:
    """What the decoder has and no stock class can express."""
    if stock_class(decoder) == "xglm" and not any(lacks(decoder, "xglm")):
        return
    before, other_width = decoder.normalizes_before.value, decoder.cross_width.value
    for name, present_here, because in (
        ("embed_positions", not decoder.learns_positions and not decoder.tables_positions, "stock decoders with its norms learn their positions, this one computes them or has none"),
        ("layernorm_embedding", before and not decoder.normalizes_embeddings.value, "MBartDecoder always normalizes its embeddings"),
        ("layer_norm", before and not decoder.normalizes_last.value, "MBartDecoder always has a final layer norm"),
        (CROSS_KEYS, before and other_width is not None, f"MBartAttention reads states of its own width, this one of {other_width}"),
    ):  # fmt: skip
        if present_here:
            yield Reason(name=decoder.facts.name(name), because=because)


def refusals(decoder: Decoder) -> Iterator[Reason]:
    """What the decoder has and nothing here can express."""
    facts = decoder.facts
    yield from refused_extras(facts, decoder.model, "decoder")
    yield from refused_activation(decoder.model, "args")
    if facts.has_under("project_"):
        yield Reason(
            name=facts.name("project"),
            because="no class projects between the embeddings, the layers and the output",
        )
    if facts.has_under("adaptive_softmax."):
        yield Reason(
            name=facts.name("adaptive_softmax"),
            because="it gives no probability to a word without its cluster's, as generate needs",
        )
    if decoder.normalizes_last.value and not decoder.normalizes_before.value:
        yield Reason(
            name="args.decoder_normalize_before",
            because=f"it is false, but there is a `{facts.name('layer_norm')}`, which only decoders "
            "that normalize before each block have; the arguments are another model's",
        )


def _module(decoder: Decoder, kind: str, path: str) -> str:
    return decoder.place.module(body(kind) + path)
