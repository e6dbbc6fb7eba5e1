"""fairseq's transformer decoder: which class of transformers computes the same, and with what.

Source: `fairseq/models/transformer/transformer_decoder.py`.

| fairseq | class |
|---|---|
| normalizes before each block | `MBartForCausalLM` |
| normalizes after each block | `BartForCausalLM` |
| the same without `layernorm_embedding`, or on an encoder of another width | `TrOCRForCausalLM` |
| anything else | a class that the folder carries |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolkit.checkpoint.dictionary import BOS, EOS, PAD
from toolkit.core.result import Reason
from toolkit.families.base import Derived, Lack
from toolkit.families.evidence import Facts, argued, counted, hard_coded, present, shaped
from toolkit.families.wav2vec2 import activation, refused_activation
from toolkit.mapping import Drop, Fill, Row, Rule, Sinusoids, Tie, Zeros
from toolkit.replay.pairs import Layout

HF_DECODER = "decoder.model.decoder."
POSITION_OFFSET = 2
"""Rows before the first position: `padding_idx + 1` in fairseq, two in transformers."""
CARRIED = "xm_transformer_decoder"
NAMES = {"mbart": "MBart", "bart": "Bart", "trocr": "TrOCR"}
"""How the stock classes are called, by their model type."""

# fmt: off
ROWS: tuple[Row, ...] = (
    Rule("decoder.embed_tokens.weight",                   HF_DECODER + "embed_tokens.weight"),
    Rule("decoder.layers.{i}.{self_attn|encoder_attn}.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}",
         HF_DECODER + "layers.{i}.{self_attn|encoder_attn}.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}"),
    Rule("decoder.layers.{i}.{self_attn_layer_norm|encoder_attn_layer_norm|final_layer_norm|fc1|fc2}.{weight|bias}",
         HF_DECODER + "layers.{i}.{self_attn_layer_norm|encoder_attn_layer_norm|final_layer_norm|fc1|fc2}.{weight|bias}"),
    Drop("decoder.version", "it only counts fairseq's own file formats"),
)
LEARNED_POSITIONS: tuple[Row, ...] = (
    Rule("decoder.embed_positions.weight",                HF_DECODER + "embed_positions.weight"),
)
SINUSOIDAL_POSITIONS: tuple[Row, ...] = (
    Drop("decoder.embed_positions._float_tensor", "it only says which dtype fairseq computes positions in"),
)
TABLED_POSITIONS: tuple[Row, ...] = (
    # Classes that learn positions compute the same with fairseq's table as their weight.
    Fill(HF_DECODER + "embed_positions.weight",           Sinusoids(), "fairseq computes sinusoids where it learns no positions"),
)
ABSENT_POSITIONS: tuple[Row, ...] = (
    Fill(HF_DECODER + "embed_positions.weight",           Zeros(),     "fairseq adds nothing where no_token_positional_embeddings is set"),
)
EMBEDDING_NORM: tuple[Row, ...] = (
    Rule("decoder.layernorm_embedding.{weight|bias}",     HF_DECODER + "layernorm_embedding.{weight|bias}"),
)
FINAL_NORM: tuple[Row, ...] = (
    Rule("decoder.layer_norm.{weight|bias}",              HF_DECODER + "layer_norm.{weight|bias}"),
)

LAYOUTS = (
    Layout("decoder",                                     "B S -> B S V",   "B S -> B S V",
           also={"encoder_hidden_states": ("encoder_out.encoder_out.0", "T B D", "B T D")}),
    # Stock embeddings multiply inside the module, fairseq's decoder after it.
    Layout(HF_DECODER + "embed_tokens",                   "B S -> B S D",   "B S -> B S D", scaled_by="decoder.embed_scale"),
    Layout(HF_DECODER + "embed_positions",                "B S -> B S D",   "B S -> B S D"),
    Layout(HF_DECODER + "layernorm_embedding",            "B S D",          "B S D"),
    Layout(HF_DECODER + "layers.{i}",                     "S B D",          "B S D",
           also={"encoder_hidden_states": ("encoder_out", "T B D", "B T D")}),
    Layout(HF_DECODER + "layers.{i}.self_attn",           "S B D",          "B S D"),
    Layout(HF_DECODER + "layers.{i}.encoder_attn",        "S B D",          "B S D",
           also={"key_value_states": ("key", "T B D", "B T D")}),
    Layout(HF_DECODER + "layers.{i}.{self_attn|encoder_attn}.{q_proj|k_proj|v_proj|out_proj}", "S B D", "B S D"),
    Layout(HF_DECODER + "layers.{i}.{self_attn_layer_norm|encoder_attn_layer_norm|final_layer_norm}", "S B D", "B S D"),
    Layout(HF_DECODER + "layers.{i}.{fc1|fc2}",           "S B D",          "B S D"),
    Layout(HF_DECODER + "layer_norm",                     "S B D",          "B S D"),
    Layout("decoder.{lm_head|output_projection}",         "B S D -> B S V", "B S D -> B S V"),
)
# fmt: on


def matches(facts: Facts) -> bool:
    """Whether the tensors of a transformer decoder are there."""
    return facts.has("decoder.embed_tokens.weight")


def width(facts: Facts) -> int:
    """The decoder's width."""
    return facts.shape("decoder.embed_tokens.weight")[1]


def config(facts: Facts, model: Mapping[str, Any], *, kind: str) -> Iterator[tuple[str, Derived]]:
    """The values of the decoder's configuration.

    Args:
        facts: What the tensors say.
        model: fairseq's arguments of the model.
        kind: Model type of the class, `CARRIED` or a stock one.
    """
    yield "model_type", hard_coded(kind, "norm order, positions and widths of the decoder")
    yield from _shapes(facts, model)
    if kind == "trocr":
        learns = "where it computes positions, it computes them without fairseq's rows"
        yield "use_learned_position_embeddings", hard_coded(True, learns)
    else:
        yield from _unused_encoder(facts, model)
    if kind == CARRIED:
        yield "normalize_before", _normalize_before(facts, model)
        yield "final_layer_norm", _has(facts, "decoder.layer_norm.weight")
        yield "position_embeddings", _positions(facts, model)
    if kind in ("trocr", CARRIED):
        yield "layernorm_embedding", _has(facts, "decoder.layernorm_embedding.weight")
        yield "cross_attention_hidden_size", _cross_width(facts)
    if kind != "trocr":
        yield "forced_eos_token_id", hard_coded(EOS, "the first symbols of every dictionary")
    yield from _training(model)
    yield from _symbols()


def rows(facts: Facts, model: Mapping[str, Any], decoder: Mapping[str, Derived]) -> tuple[Row, ...]:
    """The rules that apply to the decoder's tensors."""
    kind = decoder["model_type"].value
    return (
        *ROWS,
        *_position_rows(facts, model, stock=kind != CARRIED),
        *(EMBEDDING_NORM if facts.has("decoder.layernorm_embedding.weight") else ()),
        *(FINAL_NORM if facts.has("decoder.layer_norm.weight") else ()),
        *_output_rows(
            "output_projection" if kind == "trocr" else "lm_head",
            tied=bool(decoder["tie_word_embeddings"].value),
        ),
    )


def _position_rows(facts: Facts, model: Mapping[str, Any], *, stock: bool) -> tuple[Row, ...]:
    dropped = SINUSOIDAL_POSITIONS if facts.has("decoder.embed_positions._float_tensor") else ()
    if _learned(facts).value:
        return (*LEARNED_POSITIONS, *dropped)
    if not stock:
        return dropped
    computed = _positions(facts, model).value == "sinusoidal"
    return (*(TABLED_POSITIONS if computed else ABSENT_POSITIONS), *dropped)


def nearest(facts: Facts, model: Mapping[str, Any]) -> str:
    """The class for the decoder by itself: a stock one where one computes the same."""
    stock = stock_class(facts, model)
    return CARRIED if tuple(lacks(facts, model, stock)) else stock


def lacks(facts: Facts, model: Mapping[str, Any], kind: str) -> Iterator[Lack]:
    """What the decoder has and a class of a folder cannot express.

    Args:
        facts: What the tensors say.
        model: fairseq's arguments of the model.
        kind: Model type of the class.
    """
    before = bool(_normalize_before(facts, model).value)
    yield from _lacks_of_norms(facts, kind, before=before)
    width = _cross_width(facts).value
    if kind in ("mbart", "bart") and width is not None:
        because = f"it attends to states of width {width}, {NAMES[kind]} to those of its own"
        first = HF_DECODER + "layers.0.encoder_attn"
        yield Lack(name="decoder.layers.0.encoder_attn.k_proj", because=because, module=first)


def _lacks_of_norms(facts: Facts, kind: str, *, before: bool) -> Iterator[Lack]:
    if before != (kind == "mbart"):
        orders = ("before", "after") if before else ("after", "before")
        yield Lack(
            name="args.decoder_normalize_before",
            because=f"it normalizes {orders[0]} each block, {NAMES[kind]} {orders[1]}",
            module=HF_DECODER + "layers.0",
            hypothesis="norm_order",
        )
    elif kind == "mbart" and not facts.has("decoder.layer_norm.weight"):
        yield Lack(
            name="decoder.layer_norm",
            because="it does not normalize after its last layer, MBart always does",
            module=HF_DECODER + "layer_norm",
        )
    if kind in ("mbart", "bart") and not facts.has("decoder.layernorm_embedding.weight"):
        yield Lack(
            name="decoder.layernorm_embedding",
            because=f"it does not normalize its embeddings, {NAMES[kind]} always does",
            module=HF_DECODER + "layernorm_embedding",
        )


def shortcomings(facts: Facts, model: Mapping[str, Any]) -> Iterator[Reason]:
    """What the decoder has and no stock class can express."""
    before = _normalize_before(facts, model).value
    other_width = _cross_width(facts).value
    for name, present_here, because in (
        ("decoder.embed_positions", not _learned(facts).value, "stock decoders learn their positions, this one computes them or has none"),
        ("decoder.layernorm_embedding", before and not facts.has("decoder.layernorm_embedding.weight"), "MBartDecoder always normalizes its embeddings"),
        ("decoder.layer_norm", before and not facts.has("decoder.layer_norm.weight"), "MBartDecoder always has a final layer norm"),
        ("decoder.layers.0.encoder_attn.k_proj", before and other_width is not None, f"MBartAttention reads states of its own width, this one of {other_width}"),
    ):  # fmt: skip
        if present_here:
            yield Reason(name=name, because=because)


def refusals(facts: Facts, model: Mapping[str, Any]) -> Iterator[Reason]:
    """What the decoder has and nothing here can express."""
    yield from refused_activation(model, "args")
    if facts.has_under("decoder.project_"):
        yield Reason(
            name="decoder.project",
            because="no class projects between the embeddings, the layers and the output",
        )
    if facts.has_under("decoder.adaptive_softmax."):
        yield Reason(
            name="decoder.adaptive_softmax",
            because="it gives no probability to a word without its cluster's, as generate needs",
        )
    if facts.has("decoder.layer_norm.weight") and not _normalize_before(facts, model).value:
        yield Reason(
            name="args.decoder_normalize_before",
            because="it is false, but there is a `decoder.layer_norm`, which only decoders that "
            "normalize before each block have; the arguments are another model's",
        )


def stock_class(facts: Facts, model: Mapping[str, Any]) -> str:
    """The stock class that is nearest to the decoder."""
    if _normalize_before(facts, model).value:
        return "mbart"
    bart = facts.has("decoder.layernorm_embedding.weight") and _cross_width(facts).value is None
    return "bart" if bart else "trocr"


def _shapes(facts: Facts, model: Mapping[str, Any]) -> Iterator[tuple[str, Derived]]:
    symbols, size = facts.shape("decoder.embed_tokens.weight")
    fc1 = "decoder.layers.0.fc1.weight"
    yield "vocab_size", shaped(symbols, "decoder.embed_tokens.weight")
    yield "d_model", shaped(size, "decoder.embed_tokens.weight")
    yield "decoder_layers", counted(facts.count("decoder.layers."), "decoder.layers.{i}")
    yield "decoder_ffn_dim", shaped(facts.shape(fc1)[0], fc1)
    yield "decoder_attention_heads", argued(model, "decoder_attention_heads", "args", 16)
    yield "activation_function", activation(model, "args")
    scale = argued(model, "no_scale_embedding", "args", False)
    yield "scale_embedding", Derived(value=not scale.value, evidence=scale.evidence)
    yield "max_position_embeddings", _max_positions(facts, model)
    tied = argued(model, "share_decoder_input_output_embed", "args", False)
    yield "tie_word_embeddings", Derived(value=bool(tied.value), evidence=tied.evidence)


def _unused_encoder(facts: Facts, model: Mapping[str, Any]) -> Iterator[tuple[str, Derived]]:
    unused = "unused by a decoder; equal to the decoder's own, so that no reader is misled"
    own = dict(_shapes(facts, model))
    for key, twin in (
        ("encoder_layers", "decoder_layers"),
        ("encoder_ffn_dim", "decoder_ffn_dim"),
        ("encoder_attention_heads", "decoder_attention_heads"),
    ):
        yield key, hard_coded(own[twin].value, unused)


def _training(model: Mapping[str, Any]) -> Iterator[tuple[str, Derived]]:
    for key, name, default in (
        ("dropout", "decoder_dropout", 0.1),
        ("attention_dropout", "decoder_attention_dropout", 0.0),
        ("activation_dropout", "decoder_activation_dropout", 0.0),
        ("decoder_layerdrop", "decoder_layerdrop", 0.0),
    ):
        yield key, argued(model, name, "args", default)


def _symbols() -> Iterator[tuple[str, Derived]]:
    for key, flag in (
        ("is_decoder", True),
        ("is_encoder_decoder", False),
        ("add_cross_attention", True),
        ("use_cache", True),
    ):
        yield key, hard_coded(flag, "the decoder attends to an encoder and generates")
    for key, value in (
        ("bos_token_id", BOS),
        ("pad_token_id", PAD),
        ("eos_token_id", EOS),
        ("decoder_start_token_id", EOS),
    ):
        yield key, hard_coded(value, "the first symbols of every fairseq dictionary")


def _output_rows(head: str, *, tied: bool) -> tuple[Row, ...]:
    source, target = "decoder.output_projection.weight", f"decoder.{head}.weight"
    if not tied:
        return (Rule(source, target),)
    reason = "share_decoder_input_output_embed is set"
    twin = HF_DECODER + "embed_tokens.weight"
    return (Tie(source, "decoder.embed_tokens.weight", target, twin, reason),)


def _normalize_before(facts: Facts, model: Mapping[str, Any]) -> Derived:
    if "decoder_normalize_before" in model:
        return argued(model, "decoder_normalize_before", "args")
    # The default was true until fairseq 75f8fa29 (2021-12-30), and is false since.
    return _has(facts, "decoder.layer_norm.weight")


def _has(facts: Facts, name: str) -> Derived:
    return present(facts.has(name), name)


def _learned(facts: Facts) -> Derived:
    return _has(facts, "decoder.embed_positions.weight")


def _positions(facts: Facts, model: Mapping[str, Any]) -> Derived:
    learned = _learned(facts)
    if learned.value:
        return Derived(value="learned", evidence=learned.evidence)
    none = argued(model, "no_token_positional_embeddings", "args", False)
    return Derived(value="none" if none.value else "sinusoidal", evidence=none.evidence)


def _max_positions(facts: Facts, model: Mapping[str, Any]) -> Derived:
    name = "decoder.embed_positions.weight"
    if facts.has(name):
        return shaped(facts.shape(name)[0] - POSITION_OFFSET, name)
    return argued(model, "max_target_positions", "args", 1024)


def _cross_width(facts: Facts) -> Derived:
    """The width of the states that the decoder attends to, None where it is its own."""
    name = "decoder.layers.0.encoder_attn.k_proj.weight"
    found = facts.shape(name)[1]
    return shaped(None if found == width(facts) else found, name)
