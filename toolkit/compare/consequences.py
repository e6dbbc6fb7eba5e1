"""What follows from a configuration key with another value: wrong numbers, searches, or nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard, get_args

from toolkit.bundled import maybe_switch
from toolkit.compare import dtypes
from toolkit.compare.reading import is_read
from toolkit.core.errors import BadInput
from toolkit.core.findings import Consequence, NoteConsequence
from toolkit.core.json import JsonObject
from toolkit.folder import released_defaults
from toolkit.folder.skeleton import target_specs
from toolkit.folder.view import ABSENT

BOOKKEEPING = frozenset(
    {"architectures", "transformers_version", "_name_or_path", "name_or_path", "_commit_hash"}
    | {"_from_model_config", "_attn_implementation_autoset", "is_composition"}
    | {"id2label", "label2id", "num_labels", "problem_type", "finetuning_task"}
    | {"processor_class", "tokenizer_class"}
    | {"num_feat_extract_layers", "transformers_weights"}
)
"""Keys that say where a folder comes from or its weights lie, or what a class without a search
would name."""

GENERAL = frozenset(
    {"return_dict", "output_attentions", "output_hidden_states", "is_encoder_decoder"}
    | {"tie_encoder_decoder", "tie_word_embeddings", "use_cache", "chunk_size_feed_forward"}
)
"""Keys of every class that change what a caller gets back, whichever class reads them."""

TRAINING = re.compile(
    r".*dropout|.*layerdrop|mask_(time|feature)_.*|apply_spec_augment|ctc_.*|.*_loss(_.*)?|"
    r"initializer_range|init_std|(.*_)?gradient_checkpointing|num_negatives|"
    r"(proj_)?codevector_dim|num_codevector.*|contrastive_logits_temperature|use_bfloat16"
)
"""Names of keys that only fine-tuning reads."""

HEADS = re.compile(
    r"(proj_)?codevector_dim|num_codevector.*|contrastive_logits_temperature|apply_spec_augment"
)
"""Of them those that a model with the heads of pretraining reads whenever it is asked."""

CLASSES: Mapping[str, tuple[Consequence | NoteConsequence, str]] = {
    "id2label": ("text", "it names the classes"),
    "problem_type": ("text", "it makes other scores of the logits"),
    "label2id": ("training", "it finds the class of a label for a loss"),
}
"""What follows from other keys of bookkeeping where a model names classes, and why."""

WORDS = "vocab_size"

SPECIAL_ID = re.compile(r"(bos|eos|pad|decoder_start|forced_eos|forced_bos|sep|unk)_token_id")


@dataclass(frozen=True, kw_only=True)
class Change:
    """A key with another value than is right."""

    group: str
    """A part such as `decoder`, `generation_config`, `preprocessor_config` or `processor_config`;
    empty at top level."""
    name: str
    expected: Any
    """What the checkpoint says, or the default of its class."""
    actual: Any
    determined: bool
    """The checkpoint says it."""
    siblings: JsonObject
    """The other keys of the group, defaults filled in."""
    architecture: str | None = None
    """The class of a model without parts, whose keys are all at top level."""
    searches: bool = True
    """Whether the model generates."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A consequence and the reason for it."""

    consequence: Consequence | NoteConsequence
    because: str


def judge(change: Change) -> Judgement:
    """What the change has an effect on."""
    outer = _OUTER if change.architecture is None else _ALONE
    rules = _RULES.get(change.group, _PART) if change.group else outer
    return next(found for rule in rules if (found := rule(change)) is not None)


def is_fault(consequence: str) -> TypeGuard[Consequence]:
    """Whether it shows to somebody who uses the folder; otherwise it is worth a note."""
    return consequence in get_args(Consequence)


def is_note(consequence: str) -> TypeGuard[NoteConsequence]:
    """Whether it shows in fine-tuning alone, or nowhere."""
    return not is_fault(consequence)


def same_value(one: object, other: object) -> bool:
    """Whether two values are equal and of one type; a whole number may stand for a fraction.

    A list and a tuple are one type, as in JSON.
    """
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same_value, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same_value(one[k], other[k]) for k in one)
    return bool(one == other) and _fits(one, other)


def _fits(expected: object, actual: object) -> bool:
    """Whether a value is of a type that may stand where the other does."""
    if type(expected) is float:
        return type(actual) in (int, float)
    return type(expected) is type(actual)


Rule = Callable[[Change], Judgement | None]


def _none(because: str) -> Judgement:
    return Judgement(consequence="none", because=because)


def _bookkeeping(change: Change) -> Judgement | None:
    if change.name in BOOKKEEPING:
        return _none("it says where the folder comes from, and no model reads it")
    return None


def _classes(change: Change) -> Judgement | None:
    """A key that says what a whole clip is called, of a model that says that."""
    classifies = str(change.architecture).endswith("ForSequenceClassification")
    if not classifies or change.name not in CLASSES:
        return None
    consequence, because = CLASSES[change.name]
    return Judgement(consequence=consequence, because=because)


def _training(change: Change) -> Judgement | None:
    """A key that only fine-tuning reads, as long as a model can be built with its value."""
    if not TRAINING.fullmatch(change.name) or not _is_sane(change):
        return None
    return Judgement(consequence="training", because="only fine-tuning reads it")


def _heads(change: Change) -> Judgement | None:
    """A key that shapes what a pretrained model returns beside its features, and its loss."""
    pretrained = str(change.architecture).endswith("ForPreTraining")
    if pretrained and HEADS.fullmatch(change.name):
        return Judgement(consequence="output", because="the heads of pretraining read it")
    return None


def _is_sane(change: Change) -> bool:
    if re.fullmatch(r".*(dropout|layerdrop|_prob)", change.name):
        return type(change.actual) in (int, float) and 0 <= change.actual <= 1
    unknown = change.expected in (None, ABSENT) or change.actual == ABSENT
    return unknown or _fits(change.expected, change.actual)


def _special_id(change: Change) -> Judgement | None:
    """Ids in a `config.json`: `generation_config.json` rules, so that they may be left out."""
    if not SPECIAL_ID.fullmatch(change.name):
        return None
    if not change.searches:
        read = Judgement(consequence="training", because="without a search, only a loss reads it")
        return _unread(change) or read
    if change.actual in (None, ABSENT):
        return _none("transformers takes it from `generation_config.json`")
    if not change.determined:
        return _none("transformers takes ids from `generation_config.json`")
    return Judgement(consequence="generation", because="it names another token")


def _processor(change: Change) -> Judgement | None:
    """The class of a feature extractor beside the model's keys: its own file names it."""
    if change.name == "feature_extractor_type":
        return _none("`preprocessor_config.json` says it")
    return None


def _outer_cache(change: Change) -> Judgement | None:
    """Trainers switch it off for the whole model, where nothing looks."""
    if change.name == "use_cache" and type(change.actual) is bool:
        return _none("the decoder's own key and `generation_config.json` decide")
    return None


def _dtype(change: Change) -> Judgement | None:
    """The dtype of the whole: what is half as wide may be held with more room."""
    if change.name not in dtypes.KEYS:
        return None
    if change.expected in ("float16", "bfloat16") and change.actual == "float32":
        return _none("it holds the same numbers with more room")
    return Judgement(consequence="output", because="users get the model in that dtype")


def _search_setting(change: Change) -> Judgement | None:
    if change.name in released_defaults.GENERATION and change.name not in GENERAL:
        return _none("transformers takes settings of searches from `generation_config.json`")
    return None


def _spelled_out(change: Change) -> Judgement | None:
    everywhere = {**released_defaults.GENERATION, **released_defaults.MODEL}
    defaults = everywhere.get(change.name, ())
    if not change.determined and any(same_value(d, change.actual) for d in defaults):
        return _none("a release of transformers spells this default out")
    return None


def _general(change: Change) -> Judgement | None:
    if change.name in GENERAL:
        return Judgement(consequence="output", because="it changes what the model returns")
    return None


def _encoder_id(change: Change) -> Judgement | None:
    if change.group == "encoder" and (
        SPECIAL_ID.fullmatch(change.name) or change.name == "vocab_size"
    ):
        return _none("an encoder reads no tokens")
    return None


def _decoders_encoder(change: Change) -> Judgement | None:
    """A decoder's class also describes an encoder, which is not built.

    Its count of layers is also how many layers' states a search makes room for.
    """
    if change.group != "decoder":
        return None
    counts = (change.siblings.get("decoder_layers"), change.actual)
    roomy = all(type(count) is int for count in counts) and counts[0] <= counts[1]
    if change.name in _ENCODER_SIZES or (change.name == "encoder_layers" and roomy):
        return _none("it describes the encoder of the decoder's class, which is not built")
    return None


_ENCODER_SIZES = ("encoder_ffn_dim", "encoder_attention_heads")


def _part_dtype(change: Change) -> Judgement | None:
    if change.name in dtypes.KEYS:
        return _none("the whole model is loaded in one dtype, which no part decides")
    return None


POSITIONS = {
    "rotary_embedding_base": "the weights hold the frequencies that it stands for",
    "max_source_positions": "the table of positions grows with the clip",
}
"""Keys of `position_embeddings_type` that decide nothing once the weights are loaded."""


def _positions(change: Change) -> Judgement | None:
    known = change.name in POSITIONS and "position_embeddings_type" in change.siblings
    if known and type(change.actual) is int and change.actual > 0:
        return _none(POSITIONS[change.name])
    return None


def _switched_off(change: Change) -> Judgement | None:
    """A key that is read only where another one is true, and that is false."""
    switch = maybe_switch(change.name, str(change.siblings.get("model_type")))
    off = switch is not None and change.siblings.get(switch) is False
    if off and type(change.actual) is int:
        return _none(f"no code of the model reads it while `{switch}` is false")
    return None


def _unread(change: Change) -> Judgement | None:
    kind = str(change.siblings.get("model_type"))
    if not is_read(change.name, kind, change.architecture):
        return _none("no code of the model reads it")
    return None


def _words(change: Change) -> Judgement | None:
    """How many words there are, of a model of which no tensor is as large as that."""
    if change.name != WORDS or change.searches:
        return None
    sizes = [_shapes(change, words) for words in (change.expected, change.actual)]
    if sizes[0] is None or sizes[0] != sizes[1]:
        return None
    return _none("the model has no head for words")


def _shapes(change: Change, words: object) -> dict[str, tuple[int, ...]] | None:
    """The shapes of a model's tensors with so many words; None where there is no such model."""
    config = {**change.siblings, WORDS: words, "architectures": [change.architecture]}
    try:
        return {name: spec.shape for name, spec in target_specs(config).items()}
    except BadInput:
        return None


def _output(change: Change) -> Judgement | None:
    because = "the checkpoint says otherwise" if change.determined else "no checkpoint sets it"
    return Judgement(consequence="output", because=because)


def _generation(change: Change) -> Judgement | None:
    """What is set beside what the checkpoint says, unless it is a default of any release."""
    defaults = released_defaults.GENERATION.get(change.name, ())
    if not change.determined and any(same_value(d, change.actual) for d in defaults):
        return _none("a release of transformers spells this default out")
    starts = change.siblings.get("decoder_start_token_id") is not None
    if change.name == "bos_token_id" and change.actual in (None, ABSENT) and starts:
        return _none("a search begins with `decoder_start_token_id`")
    return Judgement(consequence="generation", because="searches read it")


def _processor_class(_change: Change) -> Judgement:
    return Judgement(consequence="output", because="`AutoProcessor` builds another class")


_OUTER: tuple[Rule, ...] = (
    *(_bookkeeping, _processor, _outer_cache, _dtype, _special_id, _spelled_out, _general),
    *(_search_setting, _training, _output),
)
_ALONE: tuple[Rule, ...] = (
    *(_classes, _bookkeeping, _processor, _dtype, _special_id, _heads, _training, _spelled_out),
    *(_general, _search_setting, _positions, _words, _switched_off, _unread, _output),
)
_PART: tuple[Rule, ...] = (
    *(_bookkeeping, _encoder_id, _special_id, _training, _spelled_out, _general),
    *(_search_setting, _decoders_encoder, _part_dtype, _positions, _switched_off, _unread, _output),
)
_RULES: Mapping[str, tuple[Rule, ...]] = {
    "generation_config": (_bookkeeping, _generation),
    "preprocessor_config": (_bookkeeping, _output),
    "processor_config": (_processor_class,),
}
"""What decides about the keys of a file; the first rule that knows a key does."""
