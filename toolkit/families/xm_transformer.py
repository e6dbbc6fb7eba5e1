"""XMTransformer: wav2vec 2.0 encoder, convolutional length adaptor, transformer decoder.

Becomes a `SpeechEncoderDecoderModel`: of stock classes where they compute the same, otherwise of
classes that the folder carries.
Source: `fairseq/models/speech_to_text/xm_transformer.py`; Li et al. 2021 (arXiv:2010.12829).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.bundled import FEATURES, GENERATION, MODELLING, TOKENIZATION
from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.dictionary import BOS, EOS, PAD
from toolkit.checkpoint.sidecars import Sidecars
from toolkit.compare.probes import PaddingProbes
from toolkit.core.result import Reason
from toolkit.families import conformer, transformer_decoder, wav2vec2
from toolkit.families.arguments import Arguments, read_arguments
from toolkit.families.base import Derived, Lack, Network, Options, Task
from toolkit.families.evidence import (
    Facts,
    argued,
    chosen,
    counted,
    overridden,
    present,
    shaped,
    unknown,
)
from toolkit.families.forms import Part, find_misfits, kind_of, lost_prefixes
from toolkit.families.prefixes import W2V
from toolkit.families.speech_to_text import (
    check_dictionary_size,
    default_language,
    generation_config,
    normalization,
    preprocessor_config,
    read_search,
    reference_yaml,
)
from toolkit.folder.contents import FolderContents
from toolkit.folder.tokenizer import needs_own_tokenizer
from toolkit.mapping import Drop, Row, Rule, Table
from toolkit.replay.pairs import Layout
from toolkit.tasks import speech_seq2seq

if TYPE_CHECKING:
    from toolkit.oracle.hooks import Calls

ADAPTOR = "encoder.adaptor."
HF_ADAPTER = "encoder.length_adapter."
BYPASSED = ("encoder.w2v_encoder", W2V.rstrip("."))
"""The encoder calls `w2v_encoder.forward` itself, and that one `w2v_model.extract_features`."""
ADAPTER_KEYS = tuple(
    f"encoder.{name}" for name in ("add_adapter", "num_adapter_layers", "output_hidden_size")
)
"""What the stock adapter's keys say where it cannot be the checkpoint's."""
STOCK_KERNEL = 3
"""`Wav2Vec2AdapterLayer` pads by one whatever its kernel, which is right for this one only."""

# fmt: off
STOCK_ADAPTER: tuple[Rule, ...] = (
    Rule(ADAPTOR + "layers.{i}.{weight|bias}",            "encoder.adapter.layers.{i}.conv.{weight|bias}"),
)
STOCK_PROJECTION: tuple[Rule, ...] = (
    # What SpeechEncoderDecoderModel puts between encoder and decoder of different widths.
    Rule("encoder.w2v_encoder.proj.{weight|bias}",        "enc_to_dec_proj.{weight|bias}"),
)
STOCK_PROJECTION_IN: tuple[Rule, ...] = (
    # Where the stock adapter changes the width, it projects and normalizes before its convolutions.
    Rule("encoder.w2v_encoder.proj.{weight|bias}",        "encoder.adapter.proj.{weight|bias}"),
    Rule("encoder.w2v_proj_ln.{weight|bias}",             "encoder.adapter.proj_layer_norm.{weight|bias}"),
)
BUNDLED_ADAPTER: tuple[Rule, ...] = (
    Rule("encoder.w2v_encoder.proj.{weight|bias}",        "encoder.output_projection.{weight|bias}"),
    Rule("encoder.w2v_proj_ln.{weight|bias}",             "encoder.output_layer_norm.{weight|bias}"),
    Rule(ADAPTOR + "layernorm.{weight|bias}",             HF_ADAPTER + "layer_norm.{weight|bias}"),
    Rule(ADAPTOR + "proj.{0|2}.{weight|bias}",            HF_ADAPTER + "half_step_in.feed_forward.{0|2}.{weight|bias}"),
    Rule(ADAPTOR + "proj_ln.{weight|bias}",               HF_ADAPTER + "half_step_in.layer_norm.{weight|bias}"),
    Rule(ADAPTOR + "layers.{i}.{weight|bias}",            HF_ADAPTER + "layers.{i}.conv.{weight|bias}"),
    Rule(ADAPTOR + "layernorms.{i}.{weight|bias}",        HF_ADAPTER + "layers.{i}.layer_norm.{weight|bias}"),
    Rule(ADAPTOR + "post_proj.{0|2}.{weight|bias}",       HF_ADAPTER + "half_step_out.feed_forward.{0|2}.{weight|bias}"),
    Rule(ADAPTOR + "post_proj_ln.{weight|bias}",          HF_ADAPTER + "half_step_out.layer_norm.{weight|bias}"),
)
LAYOUTS = (
    Layout("encoder.adapter",                             "T B D",          "B T D"),
    Layout("encoder.adapter.layers.{i}.conv",             "B D T",          "B D T"),
    Layout("encoder.adapter.{proj|proj_layer_norm}",      "T B D",          "B T D"),
    Layout("enc_to_dec_proj",                             "T B D",          "B T D"),
    Layout("encoder.{output_projection|output_layer_norm}", "T B D",        "B T D"),
    Layout("encoder.length_adapter",                      "T B D",          "B T D"),
    Layout(HF_ADAPTER + "layer_norm",                     "T B D",          "B T D"),
    Layout(HF_ADAPTER + "{half_step_in|half_step_out}.{feed_forward|layer_norm}", "T B D", "B T D"),
    Layout(HF_ADAPTER + "{half_step_in|half_step_out}.feed_forward.{0|2}", "T B D", "B T D"),
    Layout(HF_ADAPTER + "layers.{i}.conv",                "B D T",          "B D T"),
    Layout(HF_ADAPTER + "layers.{i}.layer_norm",          "B T D",          "B T D"),
)
# fmt: on


@dataclass(frozen=True)
class XMTransformer:
    """The family's answers; see `toolkit.families.base.Family`."""

    name: str = "xm_transformer"

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether the tensors are those of a wav2vec 2.0 encoder with a transformer decoder."""
        facts = Facts(checkpoint)
        return wav2vec2.matches(facts) and transformer_decoder.matches(facts)

    def network(self, checkpoint: Checkpoint, options: Options) -> Network:
        """What the network is, read off the tensors first and the arguments second."""
        arguments, facts = read_arguments(checkpoint, options.w2v), Facts(checkpoint)
        wav2vec2.check_pretrained(facts, arguments)
        model = arguments.model
        shortcomings = tuple(_shortcomings(facts, arguments, options))
        kinds = _kinds(facts, model, options, bool(shortcomings))
        parts = tuple(_parts(facts, arguments, options, kinds))
        encoder = {
            **dict(wav2vec2.config(facts, arguments, options, kind=kinds.encoder)),
            **dict(_adapter(facts, model, options, kinds.encoder)),
        }
        decoder = dict(transformer_decoder.config(facts, model, kind=kinds.decoder))
        encoder = overridden(encoder, options.encoder_config, "encoder")
        encoder |= chosen(options, "encoder")
        decoder = overridden(decoder, options.decoder_config, "decoder")
        return Network(
            generation=_generation(facts),
            encoder=encoder,
            decoder=decoder,
            table=Table(name=self.name, rows=_rows(facts, model, encoder, decoder)),
            layouts=(
                *wav2vec2.layouts(facts, arguments.w2v_model),
                *LAYOUTS,
                *transformer_decoder.LAYOUTS,
            ),
            head_widths=_head_widths(encoder, decoder),
            bypassed=BYPASSED,
            frames_of=wav2vec2.FRAMES_OF,
            unpaired=wav2vec2.unpaired(facts, arguments.w2v_model),
            unknown=(*unknown(encoder, "encoder"), *unknown(decoder, "decoder")),
            refusals=tuple(_refusals(facts, arguments.w2v_model, model)),
            shortcomings=shortcomings,
            carries_code=kinds.carried,
            misfits=tuple(find_misfits(parts)),
            lost=lost_prefixes(parts),
        )

    def task(
        self, checkpoint: Checkpoint, sidecars: Sidecars, network: Network, options: Options
    ) -> Task:
        """What the folder and fairseq's task need beside the weights."""
        arguments, facts = read_arguments(checkpoint, options.w2v), Facts(checkpoint)
        check_dictionary_size(sidecars, network)
        lang, language_assumed = default_language(sidecars, arguments, options)
        search = read_search(arguments)
        normalize, assumptions = normalization(arguments, sidecars, network, options)
        code = {"custom_generate/generate.py": GENERATION}
        preprocessor = preprocessor_config(normalize)
        if network.carries_code:
            code |= {file.name: file for file in (MODELLING, FEATURES)}
            preprocessor["auto_map"] = {
                "AutoFeatureExtractor": f"{FEATURES.stem}.FairseqFeatureExtractor"
            }
        if needs_own_tokenizer(sidecars.spm_path, sidecars.dictionary):
            code[TOKENIZATION.name] = TOKENIZATION
        contents = FolderContents(
            config=_config(network, checkpoint),
            generation=generation_config(network, search, sidecars.dictionary, lang),
            preprocessor=preprocessor,
            dictionary=sidecars.dictionary,
            spm_path=sidecars.spm_path,
            language_tags=sidecars.dictionary.languages,
            prefix_tag=None if lang is None else sidecars.dictionary.tag_of(lang),
            max_positions=int(network.decoder["max_position_embeddings"].value),
            code=code,
            misfits=network.misfits,
        )
        # fairseq asserts that the model's arguments and the pretrained encoder's agree on this.
        normalized = arguments.w2v_task.get("normalize", bool(normalize.value))
        settings = {"normalize": normalized, **arguments.task, **arguments.model}
        w2v_args = arguments.w2v or wav2vec2.reference_arguments(
            facts, network.encoder, normalize=bool(settings["normalize"])
        )
        return Task(
            kind=speech_seq2seq.TASK,
            contents=contents,
            padding=_padding(facts, network, options),
            search=search,
            default_lang=lang,
            reference_settings={**settings, "w2v_args": w2v_args},
            reference_yaml=reference_yaml(sidecars, normalize),
            assumptions=(*network.assumptions, *assumptions, *language_assumed),
            preprocessor={"do_normalize": normalize},
        )

    def possible(self, network: Network, calls: Sequence[Calls]) -> Mapping[str, tuple[Any, ...]]:
        """The strides that the lengths in fairseq's extractor leave."""
        strides = wav2vec2.possible_strides(network.encoder, calls)
        return {f"encoder.{key}": candidates for key, candidates in strides}


FAMILY = XMTransformer()


def _generation(facts: Facts) -> str:
    """Which of the historical encoder sides this is."""
    if facts.has_under(ADAPTOR + "proj."):
        return "v1 (adaptor_proj)"
    if _is_july_2021(facts):
        return "July 2021 (adaptor with norms or another width)"
    if facts.has_under(ADAPTOR + "layernorm."):
        return "v0 with adaptor_layernorm"
    if facts.has_under("encoder.w2v_encoder.proj."):
        return "encoder_proj without adaptor_proj"
    return "v0" if _layers(facts) else "v0 without adaptor"


@dataclass(frozen=True, kw_only=True)
class _Kinds:
    """The classes that tensors and values are for, by their model types."""

    encoder: str
    decoder: str
    carried: bool
    """Whether they are those that a folder carries."""


def _kinds(facts: Facts, model: Mapping[str, Any], options: Options, short: bool) -> _Kinds:
    """The classes of the folder on trial, where they are known, or those of a conversion."""
    form = options.form
    if short if form is None else form.carries_code:
        return _Kinds(encoder=wav2vec2.CARRIED, decoder=transformer_decoder.CARRIED, carried=True)
    encoder, decoder = (None, None) if form is None else (form.encoder, form.decoder)
    return _Kinds(
        encoder=kind_of(encoder, wav2vec2.NAMES, wav2vec2.stock_class(facts)),
        decoder=kind_of(
            decoder, transformer_decoder.NAMES, transformer_decoder.stock_class(facts, model)
        ),
        carried=False,
    )


def _parts(facts: Facts, arguments: Arguments, options: Options, kinds: _Kinds) -> Iterator[Part]:
    """The parts of a folder on trial that is written in stock classes."""
    form, model = options.form, arguments.model
    if form is None or kinds.carried:
        return
    short = any(_encoder_lacks(facts, arguments, options, wav2vec2.stock_class(facts)))
    yield Part(
        name="encoder",
        found=form.encoder,
        nearest=wav2vec2.CARRIED if short else wav2vec2.stock_class(facts),
        names=wav2vec2.NAMES,
        lacks=tuple(_encoder_lacks(facts, arguments, options, kinds.encoder)),
        readers=("encoder_attn",),
    )
    yield Part(
        name="decoder",
        found=form.decoder,
        nearest=transformer_decoder.nearest(facts, model),
        names=transformer_decoder.NAMES,
        lacks=tuple(transformer_decoder.lacks(facts, model, kinds.decoder)),
    )


def _shortcomings(facts: Facts, arguments: Arguments, options: Options) -> Iterator[Reason]:
    yield from _encoder_lacks(facts, arguments, options, wav2vec2.stock_class(facts))
    yield from transformer_decoder.shortcomings(facts, arguments.model)


def _encoder_lacks(
    facts: Facts, arguments: Arguments, options: Options, kind: str
) -> Iterator[Lack]:
    yield from wav2vec2.lacks(facts, arguments.w2v_model, kind)
    adapts = bool(_layers(facts))
    projects, norm = "encoder.w2v_encoder.proj", "encoder.w2v_proj_ln."
    has_norm = facts.has_under(norm)
    placed = has_norm and adapts and _changes_width(facts)
    first = ADAPTOR + "layers.0.weight"
    out, into, kernel = facts.shape(first) if adapts else (0, 0, STOCK_KERNEL)
    for name, present_here, because in (
        (ADAPTOR + "proj", facts.has_under(ADAPTOR + "proj."), "its adaptor has feed-forward blocks around its convolutions, Wav2Vec2Adapter has none"),
        (ADAPTOR + "layernorm", facts.has_under(ADAPTOR + "layernorm"), "its adaptor has a layer norm before or between its convolutions, Wav2Vec2Adapter has none"),
        (projects, facts.has_under(projects + ".") and (adapts or has_norm) and not placed, "it projects after its layers, Wav2Vec2Adapter only together with a layer norm, and only before its convolutions"),
        (ADAPTOR + "layers", kernel != STOCK_KERNEL, f"Wav2Vec2AdapterLayer pads its adaptor by one, which is wrong for kernels of {kernel}"),
        (first, adapts and out != 2 * into, "its adaptor changes the width, Wav2Vec2AdapterLayer does not"),
        ("--exact-padding", adapts and options.exact_padding and options.padding_reference == "masked", "its adaptor zeroes frames beyond a clip's end, Wav2Vec2Adapter takes no mask"),
    ):  # fmt: skip
        if present_here:
            yield Lack(name=name, because=because, module="encoder.adapter", explains=ADAPTER_KEYS)


def _changes_width(facts: Facts) -> bool:
    """Whether the stock adapter would be one between different widths."""
    return facts.shape(ADAPTOR + "layers.0.weight")[0] != 2 * wav2vec2.width(facts)


def _refusals(facts: Facts, w2v: Mapping[str, Any], model: Mapping[str, Any]) -> Iterator[Reason]:
    yield from wav2vec2.refusals(facts, w2v)
    yield from transformer_decoder.refusals(facts, model)


def _adapter(
    facts: Facts, model: Mapping[str, Any], options: Options, kind: str
) -> Iterator[tuple[str, Derived]]:
    if kind == wav2vec2.CARRIED:
        yield from _bundled_adapter(facts, model, options)
        return
    yield "model_type", Derived(value=kind, evidence="the encoder's layers")
    yield "add_adapter", counted(bool(_layers(facts)), ADAPTOR + "layers.{i}")
    yield from _adapter_shape(facts, model, bundled=False)


def _bundled_adapter(
    facts: Facts, model: Mapping[str, Any], options: Options
) -> Iterator[tuple[str, Derived]]:
    projection, norm = "encoder.w2v_encoder.proj.weight", "encoder.w2v_proj_ln.weight"
    kind = ("linear_norm" if facts.has(norm) else "linear") if facts.has(projection) else None
    feed_forward = ADAPTOR + "proj.0.weight"
    evidence = "the encoder is a wav2vec 2.0 model with parts that the stock class lacks"
    yield "model_type", Derived(value=wav2vec2.CARRIED, evidence=evidence)
    yield "add_adapter", Derived(value=False, evidence="`length_adapter` takes its place")
    yield from _adapter_shape(facts, model, bundled=True)
    layers = "conformer" if conformer.matches(facts) else "transformer"
    yield "layer_type", Derived(value=layers, evidence="the encoder's layers")
    yield "pos_conv_depth", wav2vec2.positional_depth(facts)
    yield "output_projection", present(kind, projection)
    yield "adapter_feed_forward", present(facts.has(feed_forward), feed_forward)
    yield "adapter_layer_norm", _layer_norm(facts)
    if _layers(facts):
        yield "adapter_padding", _adapter_padding(facts, options)


def _adapter_shape(
    facts: Facts, model: Mapping[str, Any], *, bundled: bool
) -> Iterator[tuple[str, Derived]]:
    layers, first = _layers(facts), ADAPTOR + "layers.0.weight"
    projection = "encoder.w2v_encoder.proj.weight"
    yield "num_adapter_layers", counted(layers, ADAPTOR + "layers.{i}")
    if layers:
        yield "adapter_kernel_size", shaped(facts.shape(first)[2], first)
        yield "adapter_stride", argued(model, "adaptor_stride", "args", 2)
        yield "output_hidden_size", shaped(facts.shape(first)[0] // 2, first)
    elif bundled and facts.has(projection):
        yield "output_hidden_size", shaped(facts.shape(projection)[0], projection)
    else:
        norm = W2V + "encoder.layer_norm.weight"
        yield "output_hidden_size", shaped(wav2vec2.width(facts), norm)


def _layer_norm(facts: Facts) -> Derived:
    each, once = ADAPTOR + "layernorms.0.weight", ADAPTOR + "layernorm.weight"
    if facts.has(each):
        return present("layers", each)
    return present("input" if facts.has(once) else None, once)


def _adapter_padding(facts: Facts, options: Options) -> Derived:
    kernel = facts.shape(ADAPTOR + "layers.0.weight")[2]
    if _is_july_2021(facts):
        return Derived(value="unmasked", evidence="the adaptor of July 2021 zeroes nothing")
    if kernel % 2 == 0:
        return Derived(
            value="alone",
            evidence=f"fairseq cannot run padded batches with kernels of {kernel}: its mask is "
            "shorter than its frames",
        )
    return Derived(value=options.padding_reference, evidence="--padding-reference")


def _is_july_2021(facts: Facts) -> bool:
    """Whether the adaptor normalizes or widens as only the first of all did."""
    first = ADAPTOR + "layers.0.weight"
    widens = facts.has(first) and facts.shape(first)[0] != 2 * facts.shape(first)[1]
    return widens or facts.has_under(ADAPTOR + "layernorms.")


def _layers(facts: Facts) -> int:
    return facts.count(ADAPTOR + "layers.")


def _rows(
    facts: Facts,
    model: Mapping[str, Any],
    encoder: Mapping[str, Derived],
    decoder: Mapping[str, Derived],
) -> tuple[Row, ...]:
    return (
        *wav2vec2.rows(facts, encoder),
        *(
            rule
            for rule in _adapter_rows(facts, encoder)
            if facts.has_under(rule.source.split("{")[0])
        ),
        *transformer_decoder.rows(facts, model, decoder),
        *_multitask_rows(facts),
    )


def _adapter_rows(facts: Facts, encoder: Mapping[str, Derived]) -> tuple[Rule, ...]:
    if encoder["model_type"].value == wav2vec2.CARRIED:
        return BUNDLED_ADAPTER
    projection = STOCK_PROJECTION_IN if _layers(facts) else STOCK_PROJECTION
    return (*STOCK_ADAPTER, *projection)


def _multitask_rows(facts: Facts) -> Iterator[Row]:
    """One row for each decoder that an auxiliary task trained beside the model's own."""
    names = {name.split(".")[0] for name in facts.tensors}
    for name in sorted(names - {"encoder", "decoder"}):
        if name.endswith("_decoder"):
            for tensor in sorted(t for t in facts.tensors if t.startswith(f"{name}.")):
                yield Drop(tensor, "the decoder of an auxiliary task serves training only")


def _head_widths(encoder: Mapping[str, Derived], decoder: Mapping[str, Derived]) -> dict[str, int]:
    counts = {
        "encoder.encoder.layers.": (encoder["hidden_size"], encoder["num_attention_heads"]),
        transformer_decoder.HF_DECODER + "layers.": (
            decoder["d_model"],
            decoder["decoder_attention_heads"],
        ),
    }
    return {
        prefix: width.value // heads.value
        for prefix, (width, heads) in counts.items()
        if isinstance(heads.value, int) and heads.value > 0
    }


def _config(network: Network, checkpoint: Checkpoint) -> dict[str, Any]:
    dtypes = Counter(spec.dtype for spec in checkpoint.tensors.values())
    common = {
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
    if not network.carries_code:
        return common
    module = MODELLING.stem
    return {
        **common,
        # An own type: without `trust_remote_code` the folder must not load as something else.
        "model_type": "xm_transformer",
        "auto_map": {
            "AutoConfig": f"{module}.XMTransformerConfig",
            "AutoModelForSpeechSeq2Seq": f"{module}.SpeechEncoderDecoderModel",
        },
    }


def _padding(facts: Facts, network: Network, options: Options) -> PaddingProbes:
    reference = _adapter_padding(facts, options).value if _layers(facts) else "masked"
    deviates = bool(_layers(facts)) and not network.carries_code and reference == "masked"
    return PaddingProbes(
        before="encoder.encoder",
        unmasked="encoder.adapter" if deviates else None,
        after="decoder",
        reference=reference,
    )
