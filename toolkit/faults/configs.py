"""Faults of the JSON files: one key wrong, absent, or added.

`config.json`, `generation_config.json` and `preprocessor_config.json`; a key's label is its path,
with the name of the file before it for the latter two.
"""

# The tables keep their columns.
# ruff: noqa: E501

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from toolkit.bundled import maybe_config_class
from toolkit.faults.facts import CONFIG, GENERATION, PREPROCESSOR, Facts, read_json
from toolkit.faults.fault import Fault, Truth


@dataclass(frozen=True, kw_only=True)
class Slip:
    """One key with the wrong values that it can get."""

    path: str
    kind: str
    hypotheses: tuple[str, ...]
    values: Callable[[Any, Facts], tuple[Any, ...]]
    """Wrong values, given the right one."""
    noted: bool
    """Fine-tuning alone reads the key, or nothing does."""


def config_faults(facts: Facts) -> Iterator[Fault]:
    """Faults of the three configuration files."""
    for file, slips in (
        (CONFIG, CONFIG_SLIPS),
        (GENERATION, GENERATION_SLIPS),
        (PREPROCESSOR, PREPROCESSOR_SLIPS),
    ):
        for slip in slips:
            yield from _slip_faults(file, slip, facts)
    yield from _absent_faults(facts)
    yield from _invented_faults(facts)


def set_key(folder: Path, *, file: str, path: str, value: Any) -> None:
    """Gives a key of a JSON file a value."""

    def edit(inner: dict[str, Any], key: str) -> None:
        inner[key] = value

    _edit_key(folder, file, path, edit)


def remove_key(folder: Path, *, file: str, path: str) -> None:
    """Leaves a key of a JSON file out."""

    def edit(inner: dict[str, Any], key: str) -> None:
        del inner[key]

    _edit_key(folder, file, path, edit)


def write_json(file: Path, values: Mapping[str, Any]) -> None:
    """Writes a JSON file as transformers does, but for the order of keys."""
    text = json.dumps(values, indent=2, ensure_ascii=False)
    file.write_text(f"{text}\n", encoding="utf-8")


def label_of(file: str, path: str) -> str:
    """What findings call a key."""
    return path if file == CONFIG else f"{file.removesuffix('.json')}.{path}"


def _edit_key(
    folder: Path, file: str, path: str, edit: Callable[[dict[str, Any], str], None]
) -> None:
    values = read_json(folder / file)
    *parents, key = path.split(".")
    inner = values
    for parent in parents:
        inner = inner[parent]
    edit(inner, key)
    write_json(folder / file, values)


def _slip_faults(file: str, slip: Slip, facts: Facts) -> Iterator[Fault]:
    present, right = _lookup(_content(facts, file), slip.path)
    if not present:
        return
    for value in slip.values(right, facts):
        label = label_of(file, slip.path)
        fault = _key_fault(
            f"{slip.kind}:{label}={json.dumps(value)}",
            slip.kind,
            file,
            slip.path,
            slip.hypotheses,
            partial(set_key, file=file, path=slip.path, value=value),
        )
        yield _noted(fault) if slip.noted else fault


def _noted(fault: Fault) -> Fault:
    return replace(fault, truth=replace(fault.truth, noted=True))


def _key_fault(
    name: str,
    kind: str,
    file: str,
    path: str,
    hypotheses: tuple[str, ...],
    break_folder: Callable[[Path], None],
) -> Fault:
    return Fault(
        name=name,
        kind=kind,
        part=_part(file, path),
        truth=Truth(
            config_keys=frozenset({label_of(file, path)}),
            hypotheses=frozenset(hypotheses),
            files=frozenset({file}),
        ),
        break_folder=break_folder,
    )


def _part(file: str, path: str) -> str:
    if file != CONFIG:
        return f"{file.removesuffix('_config.json')} config"
    side = path.partition(".")[0]
    return f"{side} config" if side in ("encoder", "decoder") else "model config"


def _content(facts: Facts, file: str) -> Mapping[str, Any]:
    files = {CONFIG: facts.config, GENERATION: facts.generation, PREPROCESSOR: facts.preprocessor}
    return files[file]


def _lookup(values: Mapping[str, Any], path: str) -> tuple[bool, Any]:
    inner: Any = values
    for key in path.split("."):
        if not isinstance(inner, Mapping) or key not in inner:
            return False, None
        inner = inner[key]
    return True, inner


Values = Callable[[Any, Facts], tuple[Any, ...]]


def _others(*candidates: Any) -> Values:
    """Of some values those that are wrong."""

    def values(right: Any, _: Facts) -> tuple[Any, ...]:
        return tuple(value for value in candidates if value != right)

    return values


def _other(*candidates: Any) -> Values:
    """Of some values the first that is wrong."""

    def values(right: Any, _: Facts) -> tuple[Any, ...]:
        return tuple(value for value in candidates if value != right)[:1]

    return values


def _toggled(right: Any, _: Facts) -> tuple[Any, ...]:
    return (not right,)


def _lost(right: Any, _: Facts) -> tuple[Any, ...]:
    return (False,) if right is True else ()


def _gained(right: Any, _: Facts) -> tuple[Any, ...]:
    return (True,) if right is False else ()


def _plus(*steps: int) -> Values:
    """Numbers some steps off, as far as they are positive."""

    def values(right: Any, _: Facts) -> tuple[Any, ...]:
        return tuple(right + step for step in steps if right + step > 0)

    return values


def _other_divisors(side: str, width_key: str) -> Values:
    """The next smaller and the next larger number that divides the width."""

    def values(right: Any, facts: Facts) -> tuple[Any, ...]:
        width = facts.config[side][width_key]
        divisors = [n for n in range(1, width + 1) if width % n == 0]
        smaller = [n for n in divisors if n < right][-1:]
        larger = [n for n in divisors if n > right][:1]
        return (*smaller, *larger)

    return values


def _one_step_off(right: Any, _: Facts) -> tuple[Any, ...]:
    """A list with its last entry one more, and one with its first two different ones swapped."""
    longer = [*right[:-1], right[-1] + 1]
    swapped = [right[1], right[0], *right[2:]]
    return (longer, swapped) if swapped != right else (longer,)


def _activations(right: Any, _: Facts) -> tuple[Any, ...]:
    return tuple(name for name in ("gelu", "relu", "gelu_new") if name != right)[-2:]


def _other_languages(right: Any, facts: Facts) -> tuple[Any, ...]:
    others = [index for index in facts.tags.values() if index != right]
    start = int(facts.config["bos_token_id"])
    return (*others[:1], *others[1:][-1:], start)


def _halved(right: Any, _: Facts) -> tuple[Any, ...]:
    return (right // 2,)


def _shorter(right: Any, _: Facts) -> tuple[Any, ...]:
    return (right - 1, right // 16)


def _suppressions(right: Any, facts: Facts) -> tuple[Any, ...]:
    """Nothing suppressed, another token than the right one, and the end of the text as well."""
    eos = int(facts.config["eos_token_id"])
    return ([], [index + 2 for index in right], [*right, eos])


def _slip(path: str, kind: str, values: Values, *hypotheses: str) -> Slip:
    names = hypotheses or ("wrong_value",)
    return Slip(path=path, kind=kind, values=values, hypotheses=names, noted=False)


def _unseen(path: str, kind: str, values: Values) -> Slip:
    """A slip that nobody sees who does not fine-tune the model."""
    return replace(_slip(path, kind, values), noted=True)


# fmt: off
CONFIG_SLIPS: tuple[Slip, ...] = (
    _slip("encoder.hidden_act",                    "activation_changed",     _activations,                     "wrong_activation"),
    _slip("encoder.feat_extract_activation",       "activation_changed",     _activations,                     "wrong_activation"),
    _slip("decoder.activation_function",           "activation_changed",     _activations,                     "wrong_activation"),
    _slip("encoder.num_attention_heads",           "head_count_changed",     _other_divisors("encoder", "hidden_size"), "wrong_head_count"),
    _slip("decoder.decoder_attention_heads",       "head_count_changed",     _other_divisors("decoder", "d_model"),     "wrong_head_count"),
    _unseen("decoder.encoder_attention_heads",   "unread_key_changed",     _plus(1)),
    _slip("encoder.do_stable_layer_norm",          "norm_order_changed",     _toggled,                         "norm_order"),
    _slip("encoder.feat_extract_norm",             "conv_norm_changed",      _other("group", "layer"),         "norm_order", "wrong_value"),
    _slip("encoder.conv_bias",                     "conv_bias_changed",      _toggled),
    _slip("encoder.conv_stride",                   "stride_changed",         _one_step_off,                    "wrong_stride"),
    _slip("encoder.adapter_stride",                "stride_changed",         _plus(1, -1),                     "wrong_stride"),
    _slip("encoder.layer_norm_eps",                "epsilon_changed",        _others(1e-3, 1e-6, 1e-12),       "wrong_epsilon"),
    _slip("encoder.add_adapter",                   "adapter_changed",        _toggled),
    _slip("encoder.num_adapter_layers",            "layer_count_changed",    _plus(1, -1)),
    _slip("encoder.num_hidden_layers",             "layer_count_changed",    _plus(1, -1)),
    _slip("decoder.decoder_layers",                "layer_count_changed",    _plus(1, -1)),
    _slip("encoder.num_conv_pos_embedding_groups", "pos_conv_groups_changed", _other_divisors("encoder", "hidden_size")),
    _unseen("encoder.hidden_dropout",                "dropout_changed",        _other(0.1, 0.0)),
    _unseen("encoder.attention_dropout",             "dropout_changed",        _other(0.1, 0.0)),
    _unseen("encoder.activation_dropout",            "dropout_changed",        _other(0.1, 0.0)),
    _unseen("encoder.feat_proj_dropout",             "dropout_changed",        _other(0.1, 0.0)),
    _unseen("encoder.layerdrop",                     "layerdrop_changed",      _other(0.1, 0.0)),
    _unseen("decoder.dropout",                       "dropout_changed",        _other(0.1, 0.0)),
    _unseen("decoder.attention_dropout",             "dropout_changed",        _other(0.1, 0.0)),
    _unseen("decoder.activation_dropout",            "dropout_changed",        _other(0.1, 0.0)),
    _unseen("decoder.decoder_layerdrop",             "layerdrop_changed",      _other(0.1, 0.0)),
    _unseen("encoder.apply_spec_augment",            "masking_changed",        _toggled),
    _unseen("encoder.mask_time_prob",                "masking_changed",        _other(0.05, 0.0)),
    _unseen("encoder.mask_feature_prob",             "masking_changed",        _other(0.05, 0.0)),
    _unseen("encoder.mask_time_length",              "masking_changed",        _plus(1)),
    _unseen("encoder.mask_feature_length",           "masking_changed",        _plus(1)),
    _slip("decoder.scale_embedding",               "embedding_scale_changed", _lost,                          "missing_scale"),
    _slip("decoder.scale_embedding",               "embedding_scale_changed", _gained,                        "missing_scale", "wrong_value"),
    _slip("decoder.tie_word_embeddings",           "tie_changed",            _lost,                            "tie_broken"),
    _slip("decoder.tie_word_embeddings",           "tie_changed",            _gained,                          "tie_invented"),
    _slip("tie_word_embeddings",                   "tie_changed",            _lost,                            "tie_broken"),
    _slip("tie_word_embeddings",                   "tie_changed",            _gained,                          "tie_invented"),
    _slip("decoder.vocab_size",                    "vocabulary_size_changed", _plus(1, -1),                    "wrong_value", "wrong_vocabulary"),
    _slip("decoder.max_position_embeddings",       "positions_changed",      _halved),
    _slip("decoder.add_cross_attention",           "cross_attention_changed", _toggled),
    _slip("decoder.use_cache",                     "cache_changed",          _toggled),
    _slip("decoder.pad_token_id",                  "token_id_changed",       _plus(2)),
    _slip("decoder.bos_token_id",                  "token_id_changed",       _plus(2)),
    _slip("decoder.eos_token_id",                  "token_id_changed",       _plus(2)),
    _slip("decoder.forced_eos_token_id",           "token_id_changed",       _plus(2)),
    _slip("decoder.decoder_start_token_id",        "start_token_changed",    _other(0, 2),                     "wrong_start_token"),
    _slip("decoder_start_token_id",                "start_token_changed",    _others(0, 1),                    "wrong_start_token"),
    _slip("pad_token_id",                          "token_id_changed",       _plus(2)),
    _slip("bos_token_id",                          "token_id_changed",       _plus(2)),
    _slip("eos_token_id",                          "token_id_changed",       _plus(2)),
)
"""Keys of `config.json`."""
UNSEEN = frozenset(slip.path for slip in CONFIG_SLIPS if slip.noted)
"""Those whose value nobody sees who does not fine-tune the model."""

GENERATION_SLIPS: tuple[Slip, ...] = (
    _slip("forced_bos_token_id",    "language_changed",          _other_languages,          "wrong_language"),
    _slip("decoder_start_token_id", "start_token_changed",       _others(0, 3),             "wrong_start_token"),
    _slip("forced_eos_token_id",    "generation_token_changed",  _plus(2)),
    _slip("eos_token_id",           "generation_token_changed",  _plus(3)),
    _slip("pad_token_id",           "generation_token_changed",  _plus(2)),
    _slip("bos_token_id",           "generation_token_changed",  _plus(3)),
    _slip("max_length",             "length_changed",            _shorter),
    _slip("num_beams",              "search_changed",            _others(1, 4)),
    _slip("length_penalty",         "search_changed",            _others(0.0, 2.0)),
    _slip("early_stopping",         "search_changed",            _others(False, "never")),
    _slip("no_repeat_ngram_size",   "search_changed",            _other(3, 0)),
    _slip("suppress_tokens",        "suppression_changed",       _suppressions),
)
"""Keys of `generation_config.json`."""

PREPROCESSOR_SLIPS: tuple[Slip, ...] = (
    _slip("do_normalize",           "normalization_changed",     _lost,                     "not_normalized"),
    _slip("do_normalize",           "normalization_changed",     _gained,                   "not_normalized", "wrong_value"),
    _slip("sampling_rate",          "sampling_rate_changed",     _others(8_000, 44_100)),
    _slip("padding_value",          "padding_changed",           _others(1.0, -1.0)),
    _slip("padding_side",           "padding_changed",           _other("left", "right")),
    _slip("return_attention_mask",  "attention_mask_changed",    _toggled),
    _slip("feature_size",           "feature_size_changed",      _plus(1)),
)
"""Keys of `preprocessor_config.json`."""

FORGETTABLE = (
    (CONFIG, "encoder.do_stable_layer_norm",     "norm_order"),
    (CONFIG, "encoder.feat_extract_norm",        "norm_order", "wrong_value"),
    (CONFIG, "encoder.conv_bias",                "wrong_value"),
    (CONFIG, "encoder.num_attention_heads",      "wrong_head_count"),
    (CONFIG, "encoder.apply_spec_augment",       "wrong_value"),
    (CONFIG, "encoder.hidden_dropout",           "wrong_value"),
    (CONFIG, "decoder.decoder_attention_heads",  "wrong_head_count"),
    (CONFIG, "decoder.scale_embedding",          "missing_scale"),
    (GENERATION, "forced_bos_token_id",          "wrong_language"),
    (GENERATION, "decoder_start_token_id",       "wrong_start_token"),
    (GENERATION, "forced_eos_token_id",          "wrong_value"),
    (GENERATION, "eos_token_id",                 "wrong_value"),
    (GENERATION, "suppress_tokens",              "wrong_value"),
    (GENERATION, "max_length",                   "wrong_value"),
    (GENERATION, "num_beams",                    "wrong_value"),
    (GENERATION, "early_stopping",               "wrong_value"),
    (PREPROCESSOR, "do_normalize",               "not_normalized"),
    (PREPROCESSOR, "return_attention_mask",      "wrong_value"),
)
# fmt: on
"""Keys that transformers fills with another value when they are absent."""

INVENTED = (
    ("do_sample", True),
    ("repetition_penalty", 1.5),
    ("min_length", 50),
    ("begin_suppress_tokens", [4]),
)
"""Keys that no right `generation_config.json` has, and that change what is generated."""


def _absent_faults(facts: Facts) -> Iterator[Fault]:
    defaults = _class_defaults(facts)
    for file, path, *hypotheses in FORGETTABLE:
        present, right = _lookup(_content(facts, file), path)
        default = _lookup(defaults[file], path)[1]
        if present and default != right:
            label = label_of(file, path)
            kind = "unseen_key_absent" if path in UNSEEN else "key_absent"
            fault = _key_fault(
                f"{kind}:{label}",
                kind,
                file,
                path,
                tuple(hypotheses),
                partial(remove_key, file=file, path=path),
            )
            yield _noted(fault) if path in UNSEEN else fault


def _class_defaults(facts: Facts) -> dict[str, dict[str, Any]]:
    """What transformers takes for a key that is absent; None where it knows no value."""
    import transformers

    sides = {
        side: _default_config(facts.config[side]["model_type"]).to_dict()
        for side in ("encoder", "decoder")
    }
    return {
        CONFIG: sides,
        GENERATION: transformers.GenerationConfig().to_dict(),
        PREPROCESSOR: transformers.Wav2Vec2FeatureExtractor().to_dict(),
    }


def _default_config(model_type: str) -> Any:
    import transformers

    carried = maybe_config_class(model_type)
    return carried() if carried else transformers.AutoConfig.for_model(model_type)


def _invented_faults(facts: Facts) -> Iterator[Fault]:
    for path, value in INVENTED:
        if path not in facts.generation:
            yield _key_fault(
                f"key_invented:{label_of(GENERATION, path)}={json.dumps(value)}",
                "key_invented",
                GENERATION,
                path,
                ("wrong_value",),
                partial(set_key, file=GENERATION, path=path, value=value),
            )
