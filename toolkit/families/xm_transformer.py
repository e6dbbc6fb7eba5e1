"""XMTransformer: wav2vec 2.0 encoder, convolutional length adaptor, mBART decoder.

Becomes a `SpeechEncoderDecoderModel` of `Wav2Vec2Model` and `MBartForCausalLM`.
Source: `fairseq/models/speech_to_text/xm_transformer.py`; Li et al. 2021 (arXiv:2010.12829).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.dictionary import BOS, EOS, PAD, Dictionary, language_tag
from toolkit.checkpoint.sidecars import Sidecars
from toolkit.compare.padding import PaddingProbes
from toolkit.core.errors import BadInput
from toolkit.core.result import Reason
from toolkit.families.arguments import Arguments, parse_conv_layers, read_arguments
from toolkit.families.base import Derived, Network, Options, Task
from toolkit.folder.contents import FolderContents
from toolkit.mapping import Drop, Fill, Identity, Row, Rule, SplitWeightNorm, Table, Tie, Zeros
from toolkit.oracle.reference import Search
from toolkit.replay.pairs import Layout

W2V = "encoder.w2v_encoder.w2v_model."
CONV = W2V + "feature_extractor.conv_layers."
POS_CONV = W2V + "encoder.pos_conv.0."
HF_CONV = "encoder.feature_extractor.conv_layers."
HF_POS_CONV = "encoder.encoder.pos_conv_embed.conv."
HF_DECODER = "decoder.model.decoder."
HF_ADAPTER_PADDING = 1
"""`Wav2Vec2AdapterLayer` pads by one whatever its kernel."""
BYPASSED = ("encoder.w2v_encoder", W2V.rstrip("."))
"""The encoder calls `w2v_encoder.forward` itself, and that one `w2v_model.extract_features`."""
HF_POSITION_OFFSET = 2
"""`MBartLearnedPositionalEmbedding` skips two rows, fairseq `padding_idx + 1`."""

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_accurate": "gelu_new",
    "gelu_fast": "gelu_new",
    "relu": "relu",
    "tanh": "tanh",
    "linear": "linear",
}
"""fairseq's activation functions and their names in transformers; `gelu_fast` is `gelu_accurate`
under its older name."""

# fmt: off
ENCODER_ROWS: tuple[Row, ...] = (
    Rule(CONV + "{i}.0.{weight|bias}",                    HF_CONV + "{i}.conv.{weight|bias}"),
    Rule(W2V + "layer_norm.{weight|bias}",                "encoder.feature_projection.layer_norm.{weight|bias}"),
    Rule(POS_CONV + "bias",                               HF_POS_CONV + "bias"),
    Rule(W2V + "encoder.layers.{i}.self_attn.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}",
         "encoder.encoder.layers.{i}.attention.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}"),
    Rule(W2V + "encoder.layers.{i}.self_attn_layer_norm.{weight|bias}",
         "encoder.encoder.layers.{i}.layer_norm.{weight|bias}"),
    Rule(W2V + "encoder.layers.{i}.fc1.{weight|bias}",
         "encoder.encoder.layers.{i}.feed_forward.intermediate_dense.{weight|bias}"),
    Rule(W2V + "encoder.layers.{i}.fc2.{weight|bias}",
         "encoder.encoder.layers.{i}.feed_forward.output_dense.{weight|bias}"),
    Rule(W2V + "encoder.layers.{i}.final_layer_norm.{weight|bias}",
         "encoder.encoder.layers.{i}.final_layer_norm.{weight|bias}"),
    Rule(W2V + "encoder.layer_norm.{weight|bias}",        "encoder.encoder.layer_norm.{weight|bias}"),
)
LAYER_NORM_EXTRACTOR: tuple[Row, ...] = (
    # A norm after every convolution, between two transpositions.
    Rule(CONV + "{i}.2.1.{weight|bias}",                  HF_CONV + "{i}.layer_norm.{weight|bias}"),
)
GROUP_NORM_EXTRACTOR: tuple[Row, ...] = (
    # One group norm, after the first convolution.
    Rule(CONV + "0.2.{weight|bias}",                      HF_CONV + "0.layer_norm.{weight|bias}"),
)
PROJECTION: tuple[Row, ...] = (
    Rule(W2V + "post_extract_proj.{weight|bias}",         "encoder.feature_projection.projection.{weight|bias}"),
)
NO_PROJECTION: tuple[Row, ...] = (
    # fairseq projects only where the widths differ; Wav2Vec2FeatureProjection always does (tf#28174).
    Fill("encoder.feature_projection.projection.weight",  Identity(), "fairseq has no post_extract_proj where the widths are equal"),
    Fill("encoder.feature_projection.projection.bias",    Zeros(),    "fairseq has no post_extract_proj where the widths are equal"),
)
WEIGHT_NORM: tuple[Row, ...] = (
    # torch's weight_g and weight_v under the names that its parametrizations use (tf#31633).
    Rule(POS_CONV + "weight_g",                           HF_POS_CONV + "parametrizations.weight.original0"),
    Rule(POS_CONV + "weight_v",                           HF_POS_CONV + "parametrizations.weight.original1"),
)
WEIGHT_NORM_REMOVED: tuple[Row, ...] = (
    Rule(POS_CONV + "weight",
         (HF_POS_CONV + "parametrizations.weight.original0", HF_POS_CONV + "parametrizations.weight.original1"),
         SplitWeightNorm()),
)
MASK_EMBEDDING: tuple[Row, ...] = (
    Rule(W2V + "mask_emb",                                "encoder.masked_spec_embed"),
)
NO_MASK_EMBEDDING: tuple[Row, ...] = (
    Drop(W2V + "mask_emb", "it stands for masked frames in training, and the checkpoint masks none"),
)
ADAPTOR: tuple[Row, ...] = (
    Rule("encoder.adaptor.layers.{i}.{weight|bias}",      "encoder.adapter.layers.{i}.conv.{weight|bias}"),
)
DECODER_ROWS: tuple[Row, ...] = (
    Rule("decoder.embed_tokens.weight",                   HF_DECODER + "embed_tokens.weight"),
    Rule("decoder.embed_positions.weight",                HF_DECODER + "embed_positions.weight"),
    Rule("decoder.layernorm_embedding.{weight|bias}",     HF_DECODER + "layernorm_embedding.{weight|bias}"),
    Rule("decoder.layers.{i}.{self_attn|encoder_attn}.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}",
         HF_DECODER + "layers.{i}.{self_attn|encoder_attn}.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}"),
    Rule("decoder.layers.{i}.{self_attn_layer_norm|encoder_attn_layer_norm|final_layer_norm|fc1|fc2}.{weight|bias}",
         HF_DECODER + "layers.{i}.{self_attn_layer_norm|encoder_attn_layer_norm|final_layer_norm|fc1|fc2}.{weight|bias}"),
    Rule("decoder.layer_norm.{weight|bias}",              HF_DECODER + "layer_norm.{weight|bias}"),
    Drop("decoder.version", "it only counts fairseq's own file formats"),
)
TIED_OUTPUT: tuple[Row, ...] = (
    Tie("decoder.output_projection.weight", "decoder.embed_tokens.weight",
        "decoder.lm_head.weight", HF_DECODER + "embed_tokens.weight",
        "share_decoder_input_output_embed is set"),
)
UNTIED_OUTPUT: tuple[Row, ...] = (
    Rule("decoder.output_projection.weight",              "decoder.lm_head.weight"),
)
PRETRAINING_LEFTOVERS: tuple[Drop, ...] = (
    Drop(W2V + "quantizer.{vars|weight_proj.weight|weight_proj.bias}", "the quantizer serves pretraining only"),
    Drop(W2V + "project_q.{weight|bias}",                 "the quantizer's projection serves pretraining only"),
    Drop(W2V + "final_proj.{weight|bias}",                "the contrastive head serves pretraining only"),
    Drop(W2V + "target_glu.0.{weight|bias}",              "the contrastive head serves pretraining only"),
)

ENCODER_LAYOUTS = (
    # fairseq keeps activations time first inside its stacks, batch first around them.
    Layout("encoder",                                     "B L -> T B D",   "B L -> B T D"),
    Layout("encoder.feature_extractor",                   "B L -> B D T",   "B L -> B D T"),
    Layout(HF_CONV + "{i}",                               "B D T",          "B D T"),
    Layout(HF_CONV + "{i}.conv",                          "B D T",          "B D T"),
    Layout("encoder.feature_projection.{layer_norm|projection}", "B T D",   "B T D"),
    Layout("encoder.encoder",                             "B T D",          "B T D"),
    Layout("encoder.encoder.pos_conv_embed",              "B D T",          "B T D"),
    Layout("encoder.encoder.pos_conv_embed.conv",         "B D T",          "B D T"),
    # An odd number of frames is made even before the layers, and odd again after them.
    Layout("encoder.encoder.layers.{i}",                  "T B D",          "B T D", extra_frames=1),
    Layout("encoder.encoder.layers.{i}.attention",        "T B D",          "B T D", extra_frames=1),
    Layout("encoder.encoder.layers.{i}.attention.{q_proj|k_proj|v_proj|out_proj}", "T B D", "B T D", extra_frames=1),
    Layout("encoder.encoder.layers.{i}.{layer_norm|final_layer_norm}",             "T B D", "B T D", extra_frames=1),
    Layout("encoder.encoder.layers.{i}.feed_forward.{intermediate_dense|output_dense}", "T B D", "B T D", extra_frames=1),
    Layout("encoder.encoder.layer_norm",                  "B T D",          "B T D"),
    Layout("encoder.adapter",                             "T B D",          "B T D"),
    Layout("encoder.adapter.layers.{i}.conv",             "B D T",          "B D T"),
)
DECODER_LAYOUTS = (
    Layout("decoder",                                     "B S -> B S V",   "B S -> B S V",
           also={"encoder_hidden_states": ("encoder_out.encoder_out.0", "T B D", "B T D")}),
    # MBartScaledWordEmbedding multiplies inside the module, fairseq's decoder after it.
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
    Layout("decoder.lm_head",                             "B S D -> B S V", "B S D -> B S V"),
)
# fmt: on


@dataclass(frozen=True)
class XMTransformer:
    """The family's answers; see `toolkit.families.base.Family`."""

    name: str = "xm_transformer"

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether the tensors are those of a wav2vec 2.0 encoder with a transformer decoder."""
        names = checkpoint.tensors
        return f"{CONV}0.0.weight" in names and "decoder.embed_tokens.weight" in names

    def network(self, checkpoint: Checkpoint, options: Options) -> Network:
        """What the network is, read off the tensors first and the arguments second."""
        arguments = read_arguments(checkpoint)
        facts = Facts(checkpoint)
        encoder = _overridden(
            dict(_encoder(facts, arguments, options)), options.encoder_config, "encoder"
        )
        decoder = _overridden(dict(_decoder(facts, arguments)), options.decoder_config, "decoder")
        unknown = (*_unknown(encoder, "encoder"), *_unknown(decoder, "decoder"))
        return Network(
            generation=facts.generation,
            encoder=encoder,
            decoder=decoder,
            table=Table(name=self.name, rows=_rows(facts, encoder, decoder)),
            layouts=_layouts(facts),
            head_widths=_head_widths(encoder, decoder),
            bypassed=BYPASSED,
            unknown=unknown,
            refusals=tuple(_refusals(facts, arguments, encoder)),
        )

    def task(
        self, checkpoint: Checkpoint, sidecars: Sidecars, network: Network, options: Options
    ) -> Task:
        """What the folder and fairseq's task need beside the weights."""
        arguments = read_arguments(checkpoint)
        _check_dictionary_size(sidecars, network)
        lang = _default_language(sidecars, options)
        search = _search(arguments)
        normalize, assumptions = _normalization(arguments, sidecars)
        contents = FolderContents(
            config=_config(network, checkpoint),
            generation=_generation(network, search, sidecars.dictionary, lang),
            preprocessor=_preprocessor(normalize),
            dictionary=sidecars.dictionary,
            spm_path=sidecars.spm_path,
            language_tags=sidecars.dictionary.languages,
            prefix_tag=None if lang is None else language_tag(lang),
            max_positions=int(network.decoder["max_position_embeddings"].value),
        )
        return Task(
            contents=contents,
            padding=_padding(network),
            search=search,
            default_lang=lang,
            reference_settings={**arguments.task, **arguments.model, "w2v_args": _w2v(checkpoint)},
            reference_yaml=_reference_yaml(sidecars, normalize),
            assumptions=tuple(assumptions),
        )


FAMILY = XMTransformer()


class Facts:
    """What names and shapes of the tensors say."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.tensors = checkpoint.tensors

    def has(self, name: str) -> bool:
        """Whether there is a tensor of that name."""
        return name in self.tensors

    def has_under(self, prefix: str) -> bool:
        """Whether there is a tensor whose name begins so."""
        return any(name.startswith(prefix) for name in self.tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor.

        Raises:
            BadInput: there is no such tensor.
        """
        if name not in self.tensors:
            raise BadInput(
                f"`{name}` must be in an XMTransformer checkpoint, but is not. "
                "Look at `toolkit inspect` for what the file holds."
            )
        return self.tensors[name].shape

    def count(self, prefix: str) -> int:
        """How many consecutive indices follow `prefix`, from 0."""
        pattern = re.compile(re.escape(prefix) + r"(\d+)\.")
        indices = {int(m[1]) for m in map(pattern.match, self.tensors) if m}
        return next(i for i in range(len(indices) + 1) if i not in indices)

    @property
    def extractor_norm(self) -> str:
        """`layer` for a norm on every convolution, `group` for one on the first."""
        return "layer" if self.has(f"{CONV}0.2.1.weight") else "group"

    @property
    def generation(self) -> str:
        """Which of the historical encoder sides this is."""
        if self.has_under("encoder.adaptor.proj."):
            return "v1 (adaptor_proj)"
        if self.has_under("encoder.adaptor.layernorms."):
            return "July 2021 (adaptor.layernorms)"
        if self.has_under("encoder.adaptor.layernorm."):
            return "v0 with adaptor_layernorm"
        if self.has_under("encoder.w2v_encoder.proj."):
            return "encoder_proj without adaptor_proj"
        return "v0" if self.has_under("encoder.adaptor.layers.") else "v0 without adaptor"


MISSING = object()
"""The value of a field that neither tensors nor arguments give."""


def _encoder(facts: Facts, arguments: Arguments, options: Options) -> Iterator[tuple[str, Derived]]:
    w2v, model = arguments.w2v_model, arguments.model
    convs = [facts.shape(f"{CONV}{i}.0.weight") for i in range(facts.count(CONV))]
    width = facts.shape(W2V + "encoder.layer_norm.weight")[0]
    yield "model_type", _hard_coded("wav2vec2", "the encoder is a wav2vec 2.0 model")
    yield "hidden_size", _shape(width, W2V + "encoder.layer_norm.weight")
    layers = facts.count(W2V + "encoder.layers.")
    yield "num_hidden_layers", _counted(layers, W2V + "encoder.layers.{i}")
    yield "num_attention_heads", _argument(w2v, "encoder_attention_heads", "w2v_args")
    fc1 = W2V + "encoder.layers.0.fc1.weight"
    yield "intermediate_size", _shape(facts.shape(fc1)[0], fc1)
    yield "hidden_act", _activation(w2v, "w2v_args")
    yield "conv_dim", _shape([c[0] for c in convs], CONV + "{i}.0.weight")
    yield "conv_kernel", _shape([c[2] for c in convs], CONV + "{i}.0.weight")
    if "conv_stride" not in options.encoder_config:
        yield "conv_stride", _strides(w2v)
    yield "conv_bias", _present(facts.has(f"{CONV}0.0.bias"), f"{CONV}0.0.bias")
    yield "feat_extract_norm", _present(facts.extractor_norm, f"{CONV}0.2.1.weight")
    gelu = "fairseq's ConvFeatureExtractionModel and make_conv_pos use GELU"
    yield "feat_extract_activation", _hard_coded("gelu", gelu)
    yield from _positional_convolution(facts, width)
    yield "do_stable_layer_norm", _argument(w2v, "layer_norm_first", "w2v_args")
    yield "layer_norm_eps", _hard_coded(1e-5, "fairseq's LayerNorm")
    yield from _encoder_regularization(model, w2v)
    yield from _adapter(facts, model, width)


def _positional_convolution(facts: Facts, width: int) -> Iterator[tuple[str, Derived]]:
    name = POS_CONV + ("weight_v" if facts.has(POS_CONV + "weight_v") else "weight")
    if not facts.has(name):
        return
    _, per_group, kernel = facts.shape(name)
    yield "num_conv_pos_embeddings", _shape(kernel, name)
    yield "num_conv_pos_embedding_groups", _shape(width // per_group, name)


def _encoder_regularization(
    model: Mapping[str, Any], w2v: Mapping[str, Any]
) -> Iterator[tuple[str, Derived]]:
    # Wav2VecEncoder builds the encoder from w2v_args where it has them, so these come first.
    for key, name, w2v_name, default in (
        ("hidden_dropout", "dropout", "dropout", 0.0),
        ("activation_dropout", "activation_dropout", "activation_dropout", 0.0),
        ("attention_dropout", "attention_dropout", "attention_dropout", 0.0),
        ("feat_proj_dropout", "dropout_input", "dropout_input", 0.0),
        ("layerdrop", "layerdrop", "encoder_layerdrop", 0.0),
        ("mask_time_prob", "mask_prob", "mask_prob", 0.5),
        ("mask_time_length", "mask_length", "mask_length", 10),
        ("mask_feature_prob", "mask_channel_prob", "mask_channel_prob", 0.5),
        ("mask_feature_length", "mask_channel_length", "mask_channel_length", 10),
    ):
        if w2v_name in w2v:
            yield key, _argument(w2v, w2v_name, "w2v_args")
        else:
            yield key, _argument(model, name, "args", default)
    yield "final_dropout", _argument(model, "final_dropout", "args", 0.0)
    yield "apply_spec_augment", _argument(model, "apply_mask", "args", False)


def _adapter(facts: Facts, model: Mapping[str, Any], width: int) -> Iterator[tuple[str, Derived]]:
    layers = facts.count("encoder.adaptor.layers.")
    yield "add_adapter", _counted(layers > 0, "encoder.adaptor.layers.{i}")
    if layers:
        first = "encoder.adaptor.layers.0.weight"
        yield "num_adapter_layers", _counted(layers, "encoder.adaptor.layers.{i}")
        yield "adapter_kernel_size", _shape(facts.shape(first)[2], first)
        yield "adapter_stride", _argument(model, "adaptor_stride", "args", 2)
        yield "output_hidden_size", _shape(facts.shape(first)[0] // 2, first)
    else:
        yield "output_hidden_size", _shape(width, W2V + "encoder.layer_norm.weight")


def _decoder(facts: Facts, arguments: Arguments) -> Iterator[tuple[str, Derived]]:
    model = arguments.model
    symbols, width = facts.shape("decoder.embed_tokens.weight")
    layers = facts.count("decoder.layers.")
    fc1 = "decoder.layers.0.fc1.weight"
    heads = _argument(model, "decoder_attention_heads", "args", 16)
    unused = "unused by a decoder; equal to the decoder's own, so that no reader is misled"
    yield "model_type", _hard_coded("mbart", "pre-norm transformer with learned positions")
    yield "vocab_size", _shape(symbols, "decoder.embed_tokens.weight")
    yield "d_model", _shape(width, "decoder.embed_tokens.weight")
    yield "decoder_layers", _counted(layers, "decoder.layers.{i}")
    yield "decoder_ffn_dim", _shape(facts.shape(fc1)[0], fc1)
    yield "decoder_attention_heads", heads
    yield "encoder_layers", _hard_coded(layers, unused)
    yield "encoder_ffn_dim", _hard_coded(facts.shape(fc1)[0], unused)
    yield "encoder_attention_heads", Derived(value=heads.value, evidence=unused)
    yield "activation_function", _activation(model, "args", "gelu")
    scale = _argument(model, "no_scale_embedding", "args", False)
    yield "scale_embedding", Derived(value=not scale.value, evidence=scale.evidence)
    if facts.has("decoder.embed_positions.weight"):
        rows = facts.shape("decoder.embed_positions.weight")[0]
        yield (
            "max_position_embeddings",
            _shape(rows - HF_POSITION_OFFSET, "decoder.embed_positions.weight"),
        )
    tied = _argument(model, "share_decoder_input_output_embed", "args", False)
    yield "tie_word_embeddings", Derived(value=bool(tied.value), evidence=tied.evidence)
    for key, name, default in (
        ("dropout", "decoder_dropout", 0.1),
        ("attention_dropout", "decoder_attention_dropout", 0.0),
        ("activation_dropout", "decoder_activation_dropout", 0.0),
        ("decoder_layerdrop", "decoder_layerdrop", 0.0),
    ):
        yield key, _argument(model, name, "args", default)
    for key, flag in (
        ("is_decoder", True),
        ("is_encoder_decoder", False),
        ("add_cross_attention", True),
        ("use_cache", True),
    ):
        yield key, _hard_coded(flag, "the decoder attends to an encoder and generates")
    for key, value in (
        ("bos_token_id", BOS),
        ("pad_token_id", PAD),
        ("eos_token_id", EOS),
        ("decoder_start_token_id", EOS),
        ("forced_eos_token_id", EOS),
    ):
        yield key, _hard_coded(value, "the first symbols of every fairseq dictionary")


def _hard_coded(value: Any, evidence: str) -> Derived:
    return Derived(value=value, evidence=evidence)


def _shape(value: Any, name: str) -> Derived:
    return Derived(value=value, evidence=f"shape of {name}")


def _counted(value: Any, name: str) -> Derived:
    return Derived(value=value, evidence=f"number of {name}")


def _present(value: Any, name: str) -> Derived:
    return Derived(value=value, evidence=f"presence of {name}")


def _argument(group: Mapping[str, Any], name: str, where: str, default: Any = MISSING) -> Derived:
    if name in group:
        return Derived(value=group[name], evidence=f"{where}.{name}")
    if default is MISSING:
        return Derived(value=MISSING, evidence=f"{where}.{name}")
    return Derived(value=default, evidence=f"fairseq's default, as {where}.{name} is absent")


def _activation(group: Mapping[str, Any], where: str, default: Any = MISSING) -> Derived:
    found = _argument(group, "activation_fn", where, default)
    return Derived(value=ACTIVATIONS.get(found.value, found.value), evidence=found.evidence)


def _strides(w2v: Mapping[str, Any]) -> Derived:
    found = _argument(w2v, "conv_feature_layers", "w2v_args")
    if found.value is MISSING:
        return found
    layers = parse_conv_layers(str(found.value))
    return Derived(value=[stride for _, _, stride in layers], evidence=found.evidence)


def _overridden(
    derived: Mapping[str, Derived], overrides: Mapping[str, Any], side: str
) -> dict[str, Derived]:
    given = {
        key: Derived(value=value, evidence=f"--{side}-config") for key, value in overrides.items()
    }
    return {**derived, **given}


def _unknown(derived: Mapping[str, Derived], side: str) -> Iterator[Reason]:
    for key, field in derived.items():
        if field.value is MISSING:
            because = f"{field.evidence} is absent; supply `--{side}-config '{{\"{key}\": ...}}'`"
            yield Reason(name=f"{side}.{key}", because=because)


def _rows(
    facts: Facts, encoder: Mapping[str, Derived], decoder: Mapping[str, Derived]
) -> tuple[Row, ...]:
    masks = any(_number(encoder, key) > 0 for key in ("mask_time_prob", "mask_feature_prob"))
    layer_norm = facts.extractor_norm == "layer"
    projects = facts.has(W2V + "post_extract_proj.weight")
    normed = facts.has(POS_CONV + "weight_g")
    mask_rows = MASK_EMBEDDING if masks else NO_MASK_EMBEDDING
    return (
        *(LAYER_NORM_EXTRACTOR if layer_norm else GROUP_NORM_EXTRACTOR),
        *ENCODER_ROWS,
        *(PROJECTION if projects else NO_PROJECTION),
        *(WEIGHT_NORM if normed else WEIGHT_NORM_REMOVED),
        *(mask_rows if facts.has(W2V + "mask_emb") else ()),
        *(ADAPTOR if encoder["add_adapter"].value else ()),
        *DECODER_ROWS,
        *(TIED_OUTPUT if decoder["tie_word_embeddings"].value else UNTIED_OUTPUT),
        *(row for row in PRETRAINING_LEFTOVERS if facts.has_under(row.source.split("{")[0])),
    )


def _number(derived: Mapping[str, Derived], key: str) -> float:
    field = derived[key]
    if not isinstance(field.value, (int, float)):
        raise BadInput(
            f"`{key}` must be a number, but {field.evidence} says {field.value!r}. Supply "
            f"`--encoder-config '{{\"{key}\": ...}}'`."
        )
    return field.value


def _head_widths(encoder: Mapping[str, Derived], decoder: Mapping[str, Derived]) -> dict[str, int]:
    counts = {
        "encoder.encoder.layers.": (encoder["hidden_size"], encoder["num_attention_heads"]),
        HF_DECODER + "layers.": (decoder["d_model"], decoder["decoder_attention_heads"]),
    }
    return {
        prefix: width.value // heads.value
        for prefix, (width, heads) in counts.items()
        if isinstance(heads.value, int) and heads.value > 0
    }


def _layouts(facts: Facts) -> tuple[Layout, ...]:
    axes = "B T D" if facts.extractor_norm == "layer" else "B D T"
    return (*ENCODER_LAYOUTS, Layout(HF_CONV + "{i}.layer_norm", axes, axes), *DECODER_LAYOUTS)


def _refusals(
    facts: Facts, arguments: Arguments, encoder: Mapping[str, Derived]
) -> Iterator[Reason]:
    model, w2v = arguments.model, arguments.w2v_model
    width = encoder["hidden_size"].value
    d_model = facts.shape("decoder.embed_tokens.weight")[1]
    for name, present, because in (
        ("encoder.adaptor.proj", facts.has_under("encoder.adaptor.proj."), "Wav2Vec2Adapter has no feed-forward blocks around its convolutions"),
        ("encoder.adaptor.layernorm", facts.has_under("encoder.adaptor.layernorm"), "Wav2Vec2Adapter has no layer norm before or between its convolutions"),
        ("encoder.w2v_encoder.proj", facts.has_under("encoder.w2v_encoder.proj."), "Wav2Vec2Adapter projects only together with a layer norm"),
        ("args.decoder_normalize_before", not model.get("decoder_normalize_before", False), "MBartDecoderLayer normalizes before each block, this decoder after"),
        ("decoder.layer_norm", not facts.has("decoder.layer_norm.weight"), "MBartDecoder always has a final layer norm"),
        ("decoder.layernorm_embedding", not facts.has("decoder.layernorm_embedding.weight"), "MBartDecoder always normalizes its embeddings"),
        ("decoder.embed_positions", not facts.has("decoder.embed_positions.weight"), "MBartDecoder has learned positions, this decoder sinusoidal ones or none"),
        ("decoder.embed_tokens", width != d_model and encoder["output_hidden_size"].value != d_model, f"MBartAttention reads states of the decoder's width {d_model}, but the encoder gives {width}"),
        ("encoder.adaptor.layers", encoder.get("adapter_kernel_size", _shape(3, "")).value != 2 * HF_ADAPTER_PADDING + 1, "Wav2Vec2AdapterLayer pads by one, which is right for kernels of three only"),
        ("encoder.adaptor.layers", facts.has("encoder.adaptor.layers.0.weight") and encoder["output_hidden_size"].value != width, "Wav2Vec2Model changes the width before its adapter only, through a projection of its own"),
        ("w2v_args.layer_type", str(w2v.get("layer_type", "transformer")) != "transformer", "Wav2Vec2Model has transformer layers only"),
        ("w2v_args.pos_conv_depth", int(w2v.get("pos_conv_depth", 1)) > 1, "Wav2Vec2Model has one positional convolution"),
        ("args.activation_fn", model.get("activation_fn", "gelu") not in ACTIVATIONS, "no function of transformers equals it"),
        ("w2v_args.activation_fn", w2v.get("activation_fn", "gelu") not in ACTIVATIONS, "no function of transformers equals it"),
        ("decoder.project", facts.has_under("decoder.project_"), "MBartDecoder has no projections around its layers"),
    ):  # fmt: skip
        if present:
            yield Reason(name=name, because=because)


def _check_dictionary_size(sidecars: Sidecars, network: Network) -> None:
    expected, found = network.decoder["vocab_size"].value, len(sidecars.dictionary)
    if expected != found:
        raise BadInput(
            f"`{sidecars.dict_path}` must give {expected} symbols, as decoder.embed_tokens.weight "
            f"has rows, but gives {found} (four of them fairseq's own). Name the checkpoint's own "
            "dictionary with `--dict`."
        )


def _default_language(sidecars: Sidecars, options: Options) -> str | None:
    languages = sidecars.dictionary.languages
    known = ", ".join(languages) or "none"
    if sidecars.config.get("prepend_bos_and_append_tgt_lang_tag"):
        raise BadInput(
            f"`{sidecars.config_yaml}` must put the language tag first, but sets "
            "`prepend_bos_and_append_tgt_lang_tag`, which this version does not convert."
        )
    if not sidecars.config.get("prepend_tgt_lang_tag"):
        _refuse_language(sidecars, options)
        return None
    chosen = options.target_lang or _only_language(sidecars, languages)
    if chosen not in languages:
        raise BadInput(
            f"`{chosen}` must be a target language of `{sidecars.dict_path}`, but that has the "
            f"tags of: {known}. Choose one with `--target-lang`."
        )
    return chosen


def _refuse_language(sidecars: Sidecars, options: Options) -> None:
    if options.target_lang is not None:
        raise BadInput(
            f"`--target-lang {options.target_lang}` must choose among several target languages, "
            f"but `{sidecars.config_yaml}` does not set `prepend_tgt_lang_tag`. Leave the option "
            "out, or name the checkpoint's own configuration with `--config-yaml`."
        )


def _hub(sidecars: Sidecars) -> Mapping[str, Any]:
    hub = sidecars.config.get("hub") or {}
    if not isinstance(hub, Mapping):
        raise BadInput(
            f"`hub` in `{sidecars.config_yaml}` must be a mapping, but is {hub!r:.80}. Correct it, "
            "or name the checkpoint's own configuration with `--config-yaml`."
        )
    return hub


def _only_language(sidecars: Sidecars, languages: Mapping[str, int]) -> str:
    hub = _hub(sidecars)
    if hub.get("tgt_lang"):
        return str(hub["tgt_lang"])
    if len(languages) == 1:
        return next(iter(languages))
    raise BadInput(
        "`generation_config.forced_bos_token_id` must name the target language, but "
        f"`{sidecars.dict_path}` has {len(languages)} ({', '.join(languages) or 'none'}) and "
        f"`{sidecars.config_yaml}` has no `hub.tgt_lang`. Choose one with `--target-lang`."
    )


def _normalization(arguments: Arguments, sidecars: Sidecars) -> tuple[Derived, list[Reason]]:
    claims = dict(_normalization_claims(arguments, sidecars))
    if not claims:
        raise BadInput(
            "`preprocessor_config.do_normalize` must be known, but neither `hub.input_type` in "
            f"`{sidecars.config_yaml}` nor `args.normalize` says. Add `hub: {{input_type: "
            "standardized_waveform}` (or `waveform`) to the configuration."
        )
    evidence, value = next(iter(claims.items()))
    others = [name for name, claim in claims.items() if claim != value]
    assumptions = [
        Reason(
            name="preprocessor_config.do_normalize",
            because=f"{evidence} says {value}, which fairseq's own inference follows, although "
            f"{' and '.join(others)} says {not value}",
        )
    ]
    return Derived(value=value, evidence=evidence), assumptions if others else []


def _normalization_claims(arguments: Arguments, sidecars: Sidecars) -> Iterator[tuple[str, bool]]:
    hub = _hub(sidecars)
    if hub.get("input_type") in ("waveform", "standardized_waveform"):
        yield "config.yaml hub.input_type", hub["input_type"] == "standardized_waveform"
    if "normalize" in arguments.model:
        yield "args.normalize", bool(arguments.model["normalize"])
    if "normalize" in arguments.w2v_task:
        yield "w2v_args.task.normalize", bool(arguments.w2v_task["normalize"])
    if "standardize_audio" in sidecars.config:
        yield "config.yaml standardize_audio", bool(sidecars.config["standardize_audio"])


def _search(arguments: Arguments) -> Search:
    generation = arguments.generation
    return Search(
        beam=int(generation.get("beam", 5)),
        lenpen=float(generation.get("lenpen", 1.0)),
        max_len_a=float(generation.get("max_len_a", 0.0)),
        max_len_b=int(generation.get("max_len_b", 200)),
        min_len=int(generation.get("min_len", 1)),
        no_repeat_ngram_size=int(generation.get("no_repeat_ngram_size", 0)),
    )


def _config(network: Network, checkpoint: Checkpoint) -> dict[str, Any]:
    dtypes = Counter(spec.dtype for spec in checkpoint.tensors.values())
    return {
        "architectures": ["SpeechEncoderDecoderModel"],
        "model_type": "speech-encoder-decoder",
        "is_encoder_decoder": True,
        "tie_word_embeddings": False,
        "dtype": dtypes.most_common(1)[0][0],
        "bos_token_id": BOS,
        "pad_token_id": PAD,
        "eos_token_id": EOS,
        "decoder_start_token_id": EOS,
        "encoder": {key: derived.value for key, derived in network.encoder.items()},
        "decoder": {key: derived.value for key, derived in network.decoder.items()},
    }


def _generation(
    network: Network, search: Search, dictionary: Dictionary, lang: str | None
) -> dict[str, Any]:
    positions = int(network.decoder["max_position_embeddings"].value)
    generated = min(search.max_len_b, positions - 1) + 1
    values = {
        "bos_token_id": BOS,
        "pad_token_id": PAD,
        "eos_token_id": EOS,
        "decoder_start_token_id": EOS,
        # fairseq forces the end after its longest hypothesis, and never chooses <pad>.
        "forced_eos_token_id": EOS,
        "suppress_tokens": [PAD],
        "max_length": 1 + generated,
        "num_beams": search.beam,
        "length_penalty": search.lenpen,
        "early_stopping": True,
        "no_repeat_ngram_size": search.no_repeat_ngram_size,
    }
    if search.min_len > 1 or lang is None:
        # The tag counts as a generated token on both sides, so that one token is no bound behind it.
        values["min_new_tokens"] = search.min_len
    if lang is None:
        return values
    return {**values, "forced_bos_token_id": dictionary.languages[lang]}


def _preprocessor(normalize: Derived) -> dict[str, Any]:
    return {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "processor_class": "Wav2Vec2Processor",
        "feature_size": 1,
        "sampling_rate": 16_000,
        "padding_side": "right",
        "padding_value": 0.0,
        "do_normalize": normalize.value,
        "return_attention_mask": True,
    }


def _padding(network: Network) -> PaddingProbes:
    adapts = network.encoder["add_adapter"].value
    return PaddingProbes(
        before="encoder.encoder", unmasked="encoder.adapter" if adapts else None, after="decoder"
    )


def _w2v(checkpoint: Checkpoint) -> Any:
    return read_arguments(checkpoint).model.get("w2v_args")


def _reference_yaml(sidecars: Sidecars, normalize: Derived) -> dict[str, Any]:
    input_type = "standardized_waveform" if normalize.value else "waveform"
    hub = {**_hub(sidecars), "input_type": input_type}
    return {
        **sidecars.config,
        "vocab_filename": "dict.txt",
        "bpe_tokenizer": {"bpe": "sentencepiece", "sentencepiece_model": "spm.model"},
        "hub": hub,
    }
