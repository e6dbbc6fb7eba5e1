"""Rules and layouts of a transformer decoder, by names without the prefixes of its place and class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from toolkit.blocks.evidence import Derived
from toolkit.blocks.place import Place
from toolkit.blocks.transformer_decoder.classes import COMPUTES_POSITIONS, WHOLE, body
from toolkit.blocks.transformer_decoder.decoder import EMBEDDINGS, Decoder
from toolkit.mapping import Drop, Fill, Row, Rule, Sinusoids, Tie, Zeros
from toolkit.replay.pairs import Layout

# fmt: off
EMBEDDED: tuple[Row, ...] = (
    Rule("embed_tokens.weight",               "embed_tokens.weight"),
)
ROWS: tuple[Row, ...] = (
    Rule("layers.{i}.{self_attn|encoder_attn}.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}",
         "layers.{i}.{self_attn|encoder_attn}.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}"),
    Rule("layers.{i}.{self_attn_layer_norm|encoder_attn_layer_norm|final_layer_norm|fc1|fc2}.{weight|bias}",
         "layers.{i}.{self_attn_layer_norm|encoder_attn_layer_norm|final_layer_norm|fc1|fc2}.{weight|bias}"),
)
VERSION: tuple[Row, ...] = (
    Drop("version", "it only counts fairseq's own file formats"),
)
LEARNED_POSITIONS: tuple[Row, ...] = (
    Rule("embed_positions.weight",            "embed_positions.weight"),
)
SINUSOIDAL_POSITIONS: tuple[Row, ...] = (
    Drop("embed_positions._float_tensor", "it only says which dtype fairseq computes positions in"),
)
TABLED_POSITIONS: tuple[Row, ...] = (
    # Classes that learn positions compute the same with fairseq's table as their weight.
    Fill("embed_positions.weight",            Sinusoids(), "fairseq computes sinusoids where it learns no positions"),
)
ABSENT_POSITIONS: tuple[Row, ...] = (
    Fill("embed_positions.weight",            Zeros(),     "fairseq adds nothing where no_token_positional_embeddings is set"),
)
EMBEDDING_NORM: tuple[Row, ...] = (
    Rule("layernorm_embedding.{weight|bias}", "layernorm_embedding.{weight|bias}"),
)
FINAL_NORM: tuple[Row, ...] = (
    Rule("layer_norm.{weight|bias}",          "layer_norm.{weight|bias}"),
)

LAYOUTS = (
    Layout("layernorm_embedding",             "B S D",          "B S D"),
    Layout("layers.{i}",                      "S B D",          "B S D",
           also={"encoder_hidden_states": ("encoder_out", "T B D", "B T D")}),
    Layout("layers.{i}.self_attn",            "S B D",          "B S D"),
    Layout("layers.{i}.encoder_attn",         "S B D",          "B S D",
           also={"key_value_states": ("key", "T B D", "B T D")}),
    Layout("layers.{i}.{self_attn|encoder_attn}.{q_proj|k_proj|v_proj|out_proj}", "S B D", "B S D"),
    Layout("layers.{i}.{self_attn_layer_norm|encoder_attn_layer_norm|final_layer_norm}", "S B D", "B S D"),
    Layout("layers.{i}.{fc1|fc2}",            "S B D",          "B S D"),
    Layout("layer_norm",                      "S B D",          "B S D"),
)
# Most stock embeddings multiply inside the module, fairseq's decoder after it.
SCALED_LAYOUT = Layout("embed_tokens",        "B S -> B S D",   "B S -> B S D", scaled_by="embed_scale")
PLAIN_LAYOUT = Layout("embed_tokens",         "B S -> B S D",   "B S -> B S D")
TABLED_LAYOUT = Layout("embed_positions",     "B S -> B S D",   "B S -> B S D")
"""Of positions that are told by the tokens, and have weights."""
OUTPUT_LAYOUT = Layout("{lm_head|output_projection}", "B S D -> B S V", "B S D -> B S V")
# fmt: on


def rows(decoder: Decoder, values: Mapping[str, Derived]) -> tuple[Row, ...]:
    """The rules that apply to the decoder's tensors, with whole names.

    Args:
        decoder: The decoder.
        values: Its configuration.
    """
    kind = str(values["model_type"].value)
    inner = (
        *(() if decoder.habits.shared else EMBEDDED),
        *ROWS,
        *(VERSION if decoder.facts.has("version") else ()),
        *_position_rows(decoder, kind),
        *(EMBEDDING_NORM if decoder.normalizes_embeddings.value else ()),
        *(FINAL_NORM if decoder.normalizes_last.value else ()),
    )
    if decoder.habits.shared:
        return _inside(decoder, kind).rows(inner)
    output = _output_row(decoder, kind, tied=bool(values["tie_word_embeddings"].value))
    return (*_inside(decoder, kind).rows(inner), *decoder.place.rows((output,)))


def layouts(decoder: Decoder, kind: str) -> tuple[Layout, ...]:
    """How activations lie in the decoder's modules on both sides, with whole paths.

    Args:
        decoder: The decoder.
        kind: Model type of its class.
    """
    states = {"encoder_hidden_states": (decoder.habits.states, "T B D", "B T D")}
    whole = Layout("", "B S -> B S V", "B S -> B S V", also=states)
    tabled = () if kind in COMPUTES_POSITIONS else (TABLED_LAYOUT,)
    if decoder.habits.whole:  # its output layer is beside the decoder, as fairseq's is not
        inner = (*LAYOUTS, PLAIN_LAYOUT if kind == WHOLE else SCALED_LAYOUT, *tabled)
        return (*decoder.place.layouts((OUTPUT_LAYOUT,)), *_inside(decoder, kind).layouts(inner))
    return (
        *decoder.place.layouts((whole, OUTPUT_LAYOUT)),
        *_inside(decoder, kind).layouts((*LAYOUTS, SCALED_LAYOUT, *tabled)),
    )


def _inside(decoder: Decoder, kind: str) -> Place:
    """Where all but the output layer is."""
    return replace(decoder.place, target=decoder.place.target + body(kind))


def _position_rows(decoder: Decoder, kind: str) -> tuple[Row, ...]:
    has_dtype = decoder.facts.has("embed_positions._float_tensor")
    dropped = SINUSOIDAL_POSITIONS if has_dtype else ()
    if decoder.learns_positions:
        return (*LEARNED_POSITIONS, *dropped)
    if kind in (decoder.carried, *COMPUTES_POSITIONS):
        return dropped
    computed = decoder.positions.value == "sinusoidal"
    return (*(TABLED_POSITIONS if computed else ABSENT_POSITIONS), *dropped)


def _output_row(decoder: Decoder, kind: str, *, tied: bool) -> Row:
    output = decoder.habits.output
    head = "output_projection.weight" if kind == "trocr" else "lm_head.weight"
    if not tied:
        return Rule(output, head)
    reason = "share_decoder_input_output_embed is set"
    return Tie(output, EMBEDDINGS, head, body(kind) + EMBEDDINGS, reason)
