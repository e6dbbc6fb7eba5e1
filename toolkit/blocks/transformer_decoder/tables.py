"""Rules and layouts of a transformer decoder, by names without the prefixes of its place."""

from __future__ import annotations

from collections.abc import Mapping

from toolkit.blocks.evidence import Derived
from toolkit.blocks.transformer_decoder.classes import HF_DECODER
from toolkit.blocks.transformer_decoder.decoder import EMBEDDINGS, Decoder
from toolkit.mapping import Drop, Fill, Row, Rule, Sinusoids, Tie, Zeros
from toolkit.replay.pairs import Layout

# fmt: off
ROWS: tuple[Row, ...] = (
    Rule("embed_tokens.weight",                           HF_DECODER + "embed_tokens.weight"),
    Rule("layers.{i}.{self_attn|encoder_attn}.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}",
         HF_DECODER + "layers.{i}.{self_attn|encoder_attn}.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}"),
    Rule("layers.{i}.{self_attn_layer_norm|encoder_attn_layer_norm|final_layer_norm|fc1|fc2}.{weight|bias}",
         HF_DECODER + "layers.{i}.{self_attn_layer_norm|encoder_attn_layer_norm|final_layer_norm|fc1|fc2}.{weight|bias}"),
)
VERSION: tuple[Row, ...] = (
    Drop("version", "it only counts fairseq's own file formats"),
)
LEARNED_POSITIONS: tuple[Row, ...] = (
    Rule("embed_positions.weight",                        HF_DECODER + "embed_positions.weight"),
)
SINUSOIDAL_POSITIONS: tuple[Row, ...] = (
    Drop("embed_positions._float_tensor", "it only says which dtype fairseq computes positions in"),
)
TABLED_POSITIONS: tuple[Row, ...] = (
    # Classes that learn positions compute the same with fairseq's table as their weight.
    Fill(HF_DECODER + "embed_positions.weight",           Sinusoids(), "fairseq computes sinusoids where it learns no positions"),
)
ABSENT_POSITIONS: tuple[Row, ...] = (
    Fill(HF_DECODER + "embed_positions.weight",           Zeros(),     "fairseq adds nothing where no_token_positional_embeddings is set"),
)
EMBEDDING_NORM: tuple[Row, ...] = (
    Rule("layernorm_embedding.{weight|bias}",             HF_DECODER + "layernorm_embedding.{weight|bias}"),
)
FINAL_NORM: tuple[Row, ...] = (
    Rule("layer_norm.{weight|bias}",                      HF_DECODER + "layer_norm.{weight|bias}"),
)

LAYOUTS = (
    # Stock embeddings multiply inside the module, fairseq's decoder after it.
    Layout(HF_DECODER + "embed_tokens",                   "B S -> B S D",   "B S -> B S D", scaled_by="embed_scale"),
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
    Layout("{lm_head|output_projection}",                 "B S D -> B S V", "B S D -> B S V"),
)
# fmt: on


def rows(decoder: Decoder, values: Mapping[str, Derived]) -> tuple[Row, ...]:
    """The rules that apply to the decoder's tensors, with whole names.

    Args:
        decoder: The decoder.
        values: Its configuration.
    """
    kind = values["model_type"].value
    head = "output_projection" if kind == "trocr" else "lm_head"
    return decoder.place.rows(
        (
            *ROWS,
            *(VERSION if decoder.facts.has("version") else ()),
            *_position_rows(decoder, stock=kind != decoder.carried),
            *(EMBEDDING_NORM if decoder.normalizes_embeddings.value else ()),
            *(FINAL_NORM if decoder.normalizes_last.value else ()),
            _output_row(decoder, f"{head}.weight", tied=bool(values["tie_word_embeddings"].value)),
        )
    )


def layouts(decoder: Decoder) -> tuple[Layout, ...]:
    """How activations lie in the decoder's modules on both sides, with whole paths."""
    states = {"encoder_hidden_states": (decoder.habits.states, "T B D", "B T D")}
    whole = Layout("", "B S -> B S V", "B S -> B S V", also=states)
    return decoder.place.layouts((whole, *LAYOUTS))


def _position_rows(decoder: Decoder, *, stock: bool) -> tuple[Row, ...]:
    has_dtype = decoder.facts.has("embed_positions._float_tensor")
    dropped = SINUSOIDAL_POSITIONS if has_dtype else ()
    if decoder.learns_positions:
        return (*LEARNED_POSITIONS, *dropped)
    if not stock:
        return dropped
    computed = decoder.positions.value == "sinusoidal"
    return (*(TABLED_POSITIONS if computed else ABSENT_POSITIONS), *dropped)


def _output_row(decoder: Decoder, head: str, *, tied: bool) -> Row:
    output = decoder.habits.output
    if not tied:
        return Rule(output, head)
    reason = "share_decoder_input_output_embed is set"
    twin = HF_DECODER + EMBEDDINGS
    return Tie(output, EMBEDDINGS, head, twin, reason)
