"""The wav2vec 2.0 encoder inside a fairseq speech model: configuration, rules, layouts.

Source: `fairseq/models/wav2vec/wav2vec2.py`; Baevski et al. 2020 (arXiv:2006.11477).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from typing import TYPE_CHECKING, Any

from toolkit.core.errors import BadInput
from toolkit.core.result import Reason
from toolkit.families import conformer
from toolkit.families.arguments import Arguments, parse_conv_layers
from toolkit.families.base import Derived, Lack, Options
from toolkit.families.evidence import (
    MISSING,
    Facts,
    argued,
    counted,
    hard_coded,
    number,
    present,
    shaped,
)
from toolkit.families.prefixes import CONV, HF_CONV, HF_POS_CONV, POS_CONV, W2V
from toolkit.mapping import Drop, Fill, Identity, Row, Rule, SplitWeightNorm, Zeros
from toolkit.replay.pairs import Layout

if TYPE_CHECKING:
    from toolkit.oracle.hooks import Calls

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_accurate": "gelu_new",
    "gelu_fast": "gelu_new",
    "relu": "relu",
    "relu_squared": "relu2",
    "tanh": "tanh",
    "linear": "linear",
}
"""fairseq's activation functions and their names in transformers; `gelu_fast` is `gelu_accurate`
under its older name. `swish` is not among them: fairseq hands its layers a class there, which
fails."""

KNOWN_HEADS = {(768, 12): 12, (1024, 24): 16, (1280, 48): 16, (1920, 48): 16}
"""Attention heads of the published encoders, by width and number of layers: wav2vec 2.0 base and
large, XLS-R 0.3, 1 and 2 B (arXiv:2111.09296, table 2)."""
FRAMES_OF = "encoder.feature_extractor"
CARRIED = "xm_transformer_encoder"
NAMES = {"wav2vec2": "Wav2Vec2", "wav2vec2-conformer": "Wav2Vec2Conformer"}
"""How the stock classes are called, by their model type."""
USUAL_HEAD_WIDTH = 64
USUAL_STRIDES = (5, 2, 2, 2, 2, 2, 2)

# fmt: off
ROWS: tuple[Row, ...] = (
    Rule(CONV + "{i}.0.{weight|bias}",                    HF_CONV + "{i}.conv.{weight|bias}"),
    Rule(W2V + "layer_norm.{weight|bias}",                "encoder.feature_projection.layer_norm.{weight|bias}"),
    Rule(W2V + "encoder.layer_norm.{weight|bias}",        "encoder.encoder.layer_norm.{weight|bias}"),
)
TRANSFORMER_LAYERS: tuple[Row, ...] = (
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
    Rule(POS_CONV + "0.bias",                             HF_POS_CONV + "conv.bias"),
    # torch's weight_g and weight_v under the names that its parametrizations use (tf#31633).
    Rule(POS_CONV + "0.weight_g",                         HF_POS_CONV + "conv.parametrizations.weight.original0"),
    Rule(POS_CONV + "0.weight_v",                         HF_POS_CONV + "conv.parametrizations.weight.original1"),
)
WEIGHT_NORM_REMOVED: tuple[Row, ...] = (
    Rule(POS_CONV + "0.bias",                             HF_POS_CONV + "conv.bias"),
    Rule(POS_CONV + "0.weight",
         (HF_POS_CONV + "conv.parametrizations.weight.original0", HF_POS_CONV + "conv.parametrizations.weight.original1"),
         SplitWeightNorm()),
)
STACKED_POSITIONS: tuple[Row, ...] = (
    Rule(POS_CONV + "{i}.0.{weight|bias}",                HF_POS_CONV + "layers.{i}.{weight|bias}"),
)
MASK_EMBEDDING: tuple[Row, ...] = (
    Rule(W2V + "mask_emb",                                "encoder.masked_spec_embed"),
)
NO_MASK_EMBEDDING: tuple[Row, ...] = (
    Drop(W2V + "mask_emb", "it stands for masked frames in training, and the checkpoint masks none"),
)
PRETRAINING_LEFTOVERS: tuple[Drop, ...] = (
    Drop(W2V + "quantizer.{vars|weight_proj.weight|weight_proj.bias}", "the quantizer serves pretraining only"),
    Drop(W2V + "project_q.{weight|bias}",                 "the quantizer's projection serves pretraining only"),
    Drop(W2V + "final_proj.{weight|bias}",                "the contrastive head serves pretraining only"),
    Drop(W2V + "target_glu.0.{weight|bias}",              "the contrastive head serves pretraining only"),
)

LAYOUTS = (
    # fairseq keeps activations time first inside its stacks, batch first around them.
    Layout("encoder",                                     "B L -> T B D",   "B L -> B T D"),
    Layout("encoder.feature_extractor",                   "B L -> B D T",   "B L -> B D T"),
    Layout(HF_CONV + "{i}",                               "B D T",          "B D T"),
    Layout(HF_CONV + "{i}.conv",                          "B D T",          "B D T"),
    Layout("encoder.feature_projection.{layer_norm|projection}", "B T D",   "B T D"),
    Layout("encoder.encoder",                             "B T D",          "B T D"),
    Layout("encoder.encoder.pos_conv_embed",              "B D T",          "B T D"),
    Layout("encoder.encoder.pos_conv_embed.conv",         "B D T",          "B D T"),
    Layout("encoder.encoder.pos_conv_embed.layers.{i}",   "B D T",          "B D T"),
)
TRANSFORMER_LAYOUTS = (
    Layout("encoder.encoder.layer_norm",                  "B T D",          "B T D"),
    # An odd number of frames is made even before the layers, and odd again after them.
    Layout("encoder.encoder.layers.{i}",                  "T B D",          "B T D", extra_frames=1),
    Layout("encoder.encoder.layers.{i}.attention",        "T B D",          "B T D", extra_frames=1),
    Layout("encoder.encoder.layers.{i}.attention.{q_proj|k_proj|v_proj|out_proj}", "T B D", "B T D", extra_frames=1),
    Layout("encoder.encoder.layers.{i}.{layer_norm|final_layer_norm}",             "T B D", "B T D", extra_frames=1),
    Layout("encoder.encoder.layers.{i}.feed_forward.{intermediate_dense|output_dense}", "T B D", "B T D", extra_frames=1),
)
# fmt: on


def matches(facts: Facts) -> bool:
    """Whether the tensors of a wav2vec 2.0 encoder are there."""
    return facts.has(f"{CONV}0.0.weight")


def width(facts: Facts) -> int:
    """The encoder's width."""
    return facts.shape(W2V + "encoder.layer_norm.weight")[0]


def stock_class(facts: Facts) -> str:
    """The stock class that is nearest to the encoder."""
    return "wav2vec2-conformer" if conformer.matches(facts) else "wav2vec2"


def takes_layers(facts: Facts, kind: str) -> bool:
    """Whether a class, by its model type, has layers of the encoder's kind."""
    return kind in (CARRIED, stock_class(facts))


def config(
    facts: Facts, arguments: Arguments, options: Options, *, kind: str
) -> Iterator[tuple[str, Derived]]:
    """The values of the encoder's configuration.

    Args:
        facts: What the tensors say.
        arguments: fairseq's arguments.
        options: What the user says.
        kind: Model type of the class, `CARRIED` or a stock one.
    """
    convs = [facts.shape(f"{CONV}{i}.0.weight") for i in range(facts.count(CONV))]
    layers = facts.count(W2V + "encoder.layers.")
    yield "hidden_size", shaped(width(facts), W2V + "encoder.layer_norm.weight")
    yield "num_hidden_layers", counted(layers, W2V + "encoder.layers.{i}")
    yield "num_attention_heads", _heads(facts, arguments, layers)
    if not conformer.matches(facts) or not takes_layers(facts, kind):
        hidden = next((name for name in HIDDEN if facts.has(name)), HIDDEN[0])
        yield "intermediate_size", shaped(facts.shape(hidden)[0], hidden)
    if takes_layers(facts, kind):
        yield from _of_layers(facts, arguments)
    yield "conv_dim", shaped([c[0] for c in convs], CONV + "{i}.0.weight")
    yield "conv_kernel", shaped([c[2] for c in convs], CONV + "{i}.0.weight")
    if "conv_stride" not in options.encoder_config:
        yield "conv_stride", _strides(arguments, len(convs))
    yield "conv_bias", present(facts.has(f"{CONV}0.0.bias"), f"{CONV}0.0.bias")
    yield "feat_extract_norm", present(_extractor_norm(facts), f"{CONV}0.2.1.weight")
    gelu = "fairseq's ConvFeatureExtractionModel and make_conv_pos use GELU"
    yield "feat_extract_activation", hard_coded("gelu", gelu)
    yield from _positional_convolution(facts)
    if kind != "wav2vec2-conformer":
        yield "do_stable_layer_norm", _layer_norm_first(facts, arguments)
    yield "layer_norm_eps", hard_coded(1e-5, "fairseq's LayerNorm")
    yield from _regularization(arguments)


def _of_layers(facts: Facts, arguments: Arguments) -> Iterator[tuple[str, Derived]]:
    if conformer.matches(facts):
        yield from conformer.config(facts, arguments.w2v_model)
    else:
        yield "hidden_act", _activation(arguments)


def rows(facts: Facts, encoder: Mapping[str, Derived]) -> tuple[Row, ...]:
    """The rules that apply to the encoder's tensors."""
    masks = any(
        number(encoder, key, "encoder") > 0 for key in ("mask_time_prob", "mask_feature_prob")
    )
    mask_rows = MASK_EMBEDDING if masks else NO_MASK_EMBEDDING
    projects, kind = facts.has(W2V + "post_extract_proj.weight"), encoder["model_type"].value
    return (
        *(LAYER_NORM_EXTRACTOR if _extractor_norm(facts) == "layer" else GROUP_NORM_EXTRACTOR),
        *ROWS,
        *(_layer_rows(facts) if takes_layers(facts, kind) else ()),
        *(PROJECTION if projects else NO_PROJECTION),
        *_positional_rows(facts),
        *(mask_rows if facts.has(W2V + "mask_emb") else ()),
        *(row for row in PRETRAINING_LEFTOVERS if facts.has_under(row.source.split("{")[0])),
    )


def _layer_rows(facts: Facts) -> tuple[Row, ...]:
    return conformer.rows(facts) if conformer.matches(facts) else TRANSFORMER_LAYERS


def layouts(facts: Facts, w2v: Mapping[str, Any]) -> tuple[Layout, ...]:
    """How activations lie in the encoder's modules on both sides."""
    axes = "B T D" if _extractor_norm(facts) == "layer" else "B D T"
    layers = conformer.layouts(facts, w2v) if conformer.matches(facts) else TRANSFORMER_LAYOUTS
    return (*LAYOUTS, *layers, Layout(HF_CONV + "{i}.layer_norm", axes, axes))


def unpaired(facts: Facts, w2v: Mapping[str, Any]) -> tuple[str, ...]:
    """Target tensors that no pair of modules has in common; see `Network.unpaired`."""
    training = ("encoder.masked_spec_embed",)
    return (*training, *(conformer.unpaired(facts, w2v) if conformer.matches(facts) else ()))


def lacks(facts: Facts, w2v: Mapping[str, Any], kind: str) -> Iterator[Lack]:
    """What the encoder has and a stock class, by its model type, cannot express."""
    if not takes_layers(facts, kind):
        has = "conformer layers" if conformer.matches(facts) else "transformer layers"
        yield Lack(
            name="w2v_args.layer_type",
            because=f"it has {has}, {NAMES[kind]} has none",
            module="encoder.encoder.layers.0",
            explains=conformer.KEYS,
        )
    elif conformer.matches(facts):
        yield from conformer.lacks(facts, w2v)
    if facts.has(POS_CONV + "0.0.weight"):
        yield Lack(
            name="w2v_args.pos_conv_depth",
            because=f"it has several positional convolutions, {NAMES[kind]} one",
            module=HF_POS_CONV.rstrip("."),
        )


def refusals(facts: Facts, w2v: Mapping[str, Any]) -> Iterator[Reason]:
    """What the encoder has and nothing here can express."""
    kind = str(w2v.get("layer_type", "transformer"))
    if kind != ("conformer" if conformer.matches(facts) else "transformer"):
        yield Reason(name="w2v_args.layer_type", because=f"layers of kind `{kind}` are not known")
    yield from refused_activation(w2v, "w2v_args")


def refused_activation(group: Mapping[str, Any], where: str) -> Iterator[Reason]:
    """An activation function that transformers does not have."""
    if group.get("activation_fn", "gelu") not in ACTIVATIONS:
        yield Reason(name=f"{where}.activation_fn", because="no function of transformers equals it")


def activation(group: Mapping[str, Any], where: str, default: str = "gelu") -> Derived:
    """The activation function under its name in transformers."""
    found = argued(group, "activation_fn", where, default)
    return Derived(value=ACTIVATIONS.get(found.value, found.value), evidence=found.evidence)


def reference_arguments(
    facts: Facts, encoder: Mapping[str, Derived], *, normalize: bool
) -> dict[str, Any]:
    """The arguments of an encoder whose own were lost, from its configuration.

    Raises:
        BadInput: the user supplied a value that fairseq cannot have.
    """
    value = {key: derived.value for key, derived in encoder.items()}
    _check_supplied(value)
    convs = list(zip(value["conv_dim"], value["conv_kernel"], value["conv_stride"], strict=True))
    functions = {name: fairseq_name for fairseq_name, name in ACTIVATIONS.items()}
    return {
        "_name": "wav2vec2",
        "arch": "wav2vec2",
        "task": "audio_pretraining",
        "data": ".",
        "normalize": normalize,
        "extractor_mode": "layer_norm" if value["feat_extract_norm"] == "layer" else "default",
        "conv_feature_layers": str(convs),
        "conv_bias": value["conv_bias"],
        "encoder_embed_dim": value["hidden_size"],
        "encoder_layers": value["num_hidden_layers"],
        "encoder_ffn_embed_dim": value["intermediate_size"],
        "encoder_attention_heads": value["num_attention_heads"],
        "activation_fn": functions.get(value["hidden_act"], "gelu"),
        "layer_norm_first": value.get("do_stable_layer_norm", True),
        "conv_pos": value["num_conv_pos_embeddings"] * positional_depth(facts).value,
        "conv_pos_groups": value["num_conv_pos_embedding_groups"],
        "pos_conv_depth": positional_depth(facts).value,
        "quantize_targets": True,
        **(conformer.reference_arguments(facts, value) if conformer.matches(facts) else {}),
    }


def _check_supplied(value: Mapping[str, Any]) -> None:
    functions = sorted(set(ACTIVATIONS.values()))
    one_each = "one integer for each of `conv_dim`"
    kernel = value["num_conv_pos_embeddings"]
    for key, expected, fits in (
        ("conv_kernel", one_each, _is_one_each(value["conv_kernel"], value["conv_dim"])),
        ("conv_stride", one_each, _is_one_each(value["conv_stride"], value["conv_dim"])),
        ("hidden_act", f"one of {', '.join(functions)}", value["hidden_act"] in functions),
        ("num_conv_pos_embeddings", "an integer", isinstance(kernel, int)),
    ):
        if not fits:
            raise BadInput(
                f"`{key}` must be {expected}, but is {value[key]!r:.80}. Correct it in "
                "`--encoder-config`."
            )


def _is_one_each(value: Any, layers: Any) -> bool:
    integers = isinstance(value, list) and all(type(number) is int for number in value)
    return integers and isinstance(layers, list) and len(value) == len(layers)


def check_pretrained(facts: Facts, arguments: Arguments) -> None:
    """Makes sure that arguments of another file describe the encoder that is there.

    Raises:
        BadInput: they describe another one; all contradictions at once.
    """
    if arguments.w2v_path is None:
        return
    differing = [
        f"`{name}` is {said!r} there, but {found!r} in the tensors"
        for name, said, found in _claims(facts, arguments.w2v_model)
        if said != found
    ]
    if differing:
        raise BadInput(
            f"`{arguments.w2v_path}` must be the checkpoint that this encoder was trained from, but "
            f"is that of another one: {'; '.join(differing)}. Name the right file with `--w2v`."
        )


HIDDEN = (W2V + "encoder.layers.0.fc1.weight", W2V + "encoder.layers.0.ffn1.w_1.weight")
"""What has the width of a layer's feed-forward block, in a transformer and in a conformer."""


def _claims(facts: Facts, w2v: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """What arguments say of shapes, beside what the tensors say."""
    convs = tuple(facts.shape(f"{CONV}{i}.0.weight") for i in range(facts.count(CONV)))
    layers = parse_conv_layers(str(w2v["conv_feature_layers"]))
    modes = {"layer": "layer_norm", "group": "default"}
    shapes = {
        "encoder_embed_dim": width(facts),
        "encoder_layers": facts.count(W2V + "encoder.layers."),
        "extractor_mode": modes[_extractor_norm(facts)],
    }
    hidden = next((n for n in HIDDEN if facts.has(n)), None)
    if hidden is not None:
        shapes["encoder_ffn_embed_dim"] = facts.shape(hidden)[0]
    yield from ((name, w2v[name], found) for name, found in shapes.items() if name in w2v)
    said = [(width, kernel) for width, kernel, _ in layers]
    yield "conv_feature_layers (width, kernel)", said, [(conv[0], conv[2]) for conv in convs]


def possible_strides(
    encoder: Mapping[str, Derived], recorded: Sequence[Calls]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The strides that fit the lengths of what went into fairseq's convolutions and came out.

    Args:
        encoder: The encoder's values; strides that are known stay so.
        recorded: fairseq's calls by module path, one mapping per clip.

    Raises:
        BadInput: the clips are too short to tell.
    """
    strides = encoder["conv_stride"]
    if strides.shown_by is None:
        return
    each = [
        _fitting_strides(int(kernel), [c for calls in recorded for c in calls[f"{CONV}{i}.0"]])
        for i, kernel in enumerate(encoder["conv_kernel"].value)
    ]
    fitting = tuple(list(row) for row in islice(product(*each), MAX_STRIDES + 1))
    if len(fitting) > MAX_STRIDES:
        raise BadInput(
            f"The strides of the convolutions must follow from a recording, but more than "
            f"{MAX_STRIDES} combinations fit the lengths of its clips. Record longer clips with "
            "`--audio`, or supply `--encoder-config '{\"conv_stride\": ...}'`."
        )
    yield "conv_stride", fitting


MAX_STRIDES = 16
"""Combinations of strides that are worth a trial."""


def _fitting_strides(kernel: int, calls: Sequence[Any]) -> list[int]:
    lengths = [(_length(call.inputs), _length(call.outputs)) for call in calls]
    longest = max((samples for samples, _ in lengths), default=0)
    return [
        stride
        for stride in range(1, longest + 1)
        if all((samples - kernel) // stride + 1 == frames for samples, frames in lengths)
    ]


def _length(tensors: Mapping[str, Any]) -> int:
    return int(next(iter(tensors.values())).shape[-1])


def positional_depth(facts: Facts) -> Derived:
    """How many positional convolutions there are in a row."""
    stacked = facts.has(POS_CONV + "0.0.weight")
    return counted(facts.count(POS_CONV) if stacked else 1, POS_CONV + "{i}.0.weight")


def _extractor_norm(facts: Facts) -> str:
    """`layer` for a norm on every convolution, `group` for one on the first."""
    return "layer" if facts.has(f"{CONV}0.2.1.weight") else "group"


def _heads(facts: Facts, arguments: Arguments, layers: int) -> Derived:
    if conformer.matches(facts) and (told := conformer.maybe_heads(facts)) is not None:
        return told
    if "encoder_attention_heads" in arguments.w2v_model:
        return _argued(arguments, "encoder_attention_heads")
    size = width(facts)
    possible = tuple(n for n in range(1, MAX_HEADS + 1) if size % n == 0)
    usual = min(possible, key=lambda heads: abs(size / heads - USUAL_HEAD_WIDTH))
    known = KNOWN_HEADS.get((size, layers))
    return Derived(
        value=known or usual,
        evidence=(
            f"published encoders of {layers} layers and width {size} have {known} heads"
            if known
            else f"heads are usually {USUAL_HEAD_WIDTH} wide"
        ),
        candidates=possible,
        shown_by=f"encoder.encoder.layers.0.{'self_attn' if conformer.matches(facts) else 'attention'}",
    )


MAX_HEADS = 32
"""More heads than any published encoder has."""


def _layer_norm_first(facts: Facts, arguments: Arguments) -> Derived:
    if "layer_norm_first" in arguments.w2v_model:
        return _argued(arguments, "layer_norm_first")
    norm = _extractor_norm(facts)
    return Derived(
        value=norm == "layer",
        evidence=(
            f"published encoders with {norm} norm in the extractor normalize "
            f"{'before' if norm == 'layer' else 'after'} each block"
        ),
        candidates=(True, False),
        # A conformer's layers have one order of norms; only their stack has two.
        shown_by="encoder.encoder" if conformer.matches(facts) else "encoder.encoder.layers.0",
    )


def _activation(arguments: Arguments) -> Derived:
    if arguments.w2v_model:
        return activation(arguments.w2v_model, arguments.w2v_model_where)
    return Derived(
        value="gelu",
        evidence="every published encoder has GELU",
        candidates=tuple(dict.fromkeys(ACTIVATIONS.values())),
        shown_by="encoder.encoder.layers.0",
    )


def _strides(arguments: Arguments, layers: int) -> Derived:
    found = _argued(arguments, "conv_feature_layers")
    if found.value is not MISSING:
        parsed = parse_conv_layers(str(found.value))
        return Derived(value=[stride for _, _, stride in parsed], evidence=found.evidence)
    if layers != len(USUAL_STRIDES):
        return Derived(value=MISSING, evidence=found.evidence, shown_by=FRAMES_OF)
    return Derived(
        value=list(USUAL_STRIDES),
        evidence="every published extractor of seven convolutions has these strides",
        candidates=(list(USUAL_STRIDES),),
        shown_by=FRAMES_OF,
    )


def _argued(arguments: Arguments, name: str) -> Derived:
    return argued(arguments.w2v_model, name, arguments.w2v_model_where)


def _positional_convolution(facts: Facts) -> Iterator[tuple[str, Derived]]:
    names = (POS_CONV + suffix for suffix in ("0.weight_v", "0.weight", "0.0.weight"))
    name = next((name for name in names if facts.has(name)), None)
    if name is not None:
        _, per_group, kernel = facts.shape(name)
        yield "num_conv_pos_embeddings", shaped(kernel, name)
        yield "num_conv_pos_embedding_groups", shaped(width(facts) // per_group, name)


def _positional_rows(facts: Facts) -> tuple[Row, ...]:
    if facts.has(POS_CONV + "0.0.weight"):
        return STACKED_POSITIONS
    return WEIGHT_NORM if facts.has(POS_CONV + "0.weight_g") else WEIGHT_NORM_REMOVED


def _regularization(arguments: Arguments) -> Iterator[tuple[str, Derived]]:
    model, w2v = arguments.model, arguments.w2v_model
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
            yield key, _argued(arguments, w2v_name)
        else:
            yield key, argued(model, name, "args", default)
    yield "final_dropout", argued(model, "final_dropout", "args", 0.0)
    yield "apply_spec_augment", argued(model, "apply_mask", "args", False)
