"""The configuration of a transformer decoder, from its tensors first and its arguments second."""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.blocks.evidence import Derived, hard_coded
from toolkit.blocks.transformer_decoder.classes import key
from toolkit.blocks.transformer_decoder.decoder import EMBEDDINGS, Decoder
from toolkit.checkpoint.dictionary import BOS, EOS, PAD


def config(decoder: Decoder, kind: str) -> Iterator[tuple[str, Derived]]:
    """The values of the decoder's configuration, by the keys of a class.

    Args:
        decoder: The decoder.
        kind: Model type of the class, the carried or a stock one.
    """
    for name, value in _values(decoder, kind):
        yield key(kind, name), value


def _values(decoder: Decoder, kind: str) -> Iterator[tuple[str, Derived]]:
    yield "model_type", hard_coded(kind, "norm order, positions and widths of the decoder")
    yield from _shapes(decoder)
    if decoder.habits.whole:  # the rest is said of the model around it
        yield "decoder_layerdrop", decoder.argued("decoder_layerdrop", 0.0)
        return
    carried = kind == decoder.carried
    if kind == "trocr":
        learns = "where it computes positions, it computes them without fairseq's rows"
        yield "use_learned_position_embeddings", hard_coded(True, learns)
    elif kind != "xglm":
        yield from _unused_encoder(decoder)
    if carried:
        yield "normalize_before", decoder.normalizes_before
        yield "final_layer_norm", decoder.normalizes_last
        yield "position_embeddings", decoder.positions
    if carried or kind == "trocr":
        yield "layernorm_embedding", decoder.normalizes_embeddings
        yield "cross_attention_hidden_size", decoder.cross_width
    if kind not in ("trocr", "xglm"):
        yield "forced_eos_token_id", hard_coded(EOS, "the first symbols of every dictionary")
    yield from _training(decoder)
    yield from _symbols()


def _shapes(decoder: Decoder) -> Iterator[tuple[str, Derived]]:
    facts, fc1 = decoder.facts, "layers.0.fc1.weight"
    symbols, size = facts.shape(EMBEDDINGS)
    yield "vocab_size", facts.shaped(symbols, EMBEDDINGS)
    yield "d_model", facts.shaped(size, EMBEDDINGS)
    yield "decoder_layers", facts.counted(facts.count("layers."), "layers.{i}")
    yield "decoder_ffn_dim", facts.shaped(facts.shape(fc1)[0], fc1)
    yield "decoder_attention_heads", decoder.argued("decoder_attention_heads", decoder.habits.heads)
    yield "activation_function", decoder.activation
    scale = decoder.argued("no_scale_embedding", False)
    yield "scale_embedding", Derived(value=not scale.value, evidence=scale.evidence)
    yield "max_position_embeddings", decoder.max_positions
    tied = decoder.is_tied
    yield "tie_word_embeddings", Derived(value=bool(tied.value), evidence=tied.evidence)


def _unused_encoder(decoder: Decoder) -> Iterator[tuple[str, Derived]]:
    unused = "unused by a decoder; equal to the decoder's own, so that no reader is misled"
    own = dict(_shapes(decoder))
    for name, twin in (
        ("encoder_layers", "decoder_layers"),
        ("encoder_ffn_dim", "decoder_ffn_dim"),
        ("encoder_attention_heads", "decoder_attention_heads"),
    ):
        yield name, hard_coded(own[twin].value, unused)


def _training(decoder: Decoder) -> Iterator[tuple[str, Derived]]:
    for name, argument, default in (
        ("dropout", "decoder_dropout", decoder.habits.dropout),
        ("attention_dropout", "decoder_attention_dropout", 0.0),
        ("activation_dropout", "decoder_activation_dropout", 0.0),
        ("decoder_layerdrop", "decoder_layerdrop", 0.0),
    ):
        yield name, decoder.argued(argument, default)


def _symbols() -> Iterator[tuple[str, Derived]]:
    for name, flag in (
        ("is_decoder", True),
        ("is_encoder_decoder", False),
        ("add_cross_attention", True),
        ("use_cache", True),
    ):
        yield name, hard_coded(flag, "the decoder attends to an encoder and generates")
    for name, value in (
        ("bos_token_id", BOS),
        ("pad_token_id", PAD),
        ("eos_token_id", EOS),
        ("decoder_start_token_id", EOS),
    ):
        yield name, hard_coded(value, "the first symbols of every fairseq dictionary")
