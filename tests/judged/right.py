"""Folders that are as right as the conversion that they come from, each otherwise than it.

What people and their libraries do to a folder without changing what it does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tests.breaking import WEIGHTS, Break, Tensors, edit_json, edit_tensors, set_key
from tests.judged.wrong import (
    CONFIG,
    EMBEDDING,
    EXTRACTOR,
    GENERATION,
    PROCESSOR,
    TOKENIZER,
    TOKENIZER_CONFIG,
    both,
    delete,
    into_bin,
    into_shards,
    nest_extractor,
    read_json,
    remove_key,
    store,
    write,
)

WEIGHT_NORM = "encoder.encoder.pos_conv_embed.conv"
JSON_FILES = (CONFIG, GENERATION, EXTRACTOR, PROCESSOR, TOKENIZER_CONFIG, TOKENIZER)


@dataclass(frozen=True, kw_only=True)
class Right:
    """One folder that is right."""

    name: str
    make: Break


def in_every_json(edit: Callable[[Any], Any], **options: Any) -> Break:
    """All JSON files written otherwise, and read as the same."""

    def make(folder: Path) -> None:
        for name in JSON_FILES:
            content = edit(read_json(folder / name))
            (folder / name).write_text(json.dumps(content, **options), encoding="utf-8")

    return make


def backwards(content: Any) -> Any:
    """The same with the keys of every object in reverse."""
    if isinstance(content, dict):
        return {key: backwards(content[key]) for key in reversed(content)}
    return content


def fill(file: str, part: str | None, make_defaults: Callable[[], dict[str, Any]]) -> Break:
    """The defaults of this transformers spelled out wherever a key is left out."""

    def make(folder: Path) -> None:
        content = read_json(folder / file)
        place = content if part is None else content[part]
        for key, value in make_defaults().items():
            place.setdefault(key, value)
        (folder / file).write_text(json.dumps(content), encoding="utf-8")

    return make


def encoder_defaults() -> dict[str, Any]:
    from transformers import Wav2Vec2Config

    return dict(Wav2Vec2Config().to_dict())


def decoder_defaults() -> dict[str, Any]:
    from transformers import MBartConfig

    return dict(MBartConfig().to_dict())


def search_defaults() -> dict[str, Any]:
    from transformers import GenerationConfig

    return dict(GenerationConfig().to_dict())


def rename(old: str, new: str, *, keep: bool = False) -> Break:
    """A tensor under another name, or under both."""

    def edit(tensors: Tensors) -> None:
        tensor = tensors[old] if keep else tensors.pop(old)
        tensors[new] = tensor.clone()

    return lambda folder: edit_tensors(folder, edit)


def rescale_directions(folder: Path) -> None:
    """Directions of a weight norm at another length: the weight is the same within rounding."""

    def edit(tensors: Tensors) -> None:
        tensors[f"{WEIGHT_NORM}.parametrizations.weight.original1"] *= 1.7

    edit_tensors(folder, edit)


WEIGHT_NORM_OF_OLD = both(
    rename(f"{WEIGHT_NORM}.parametrizations.weight.original0", f"{WEIGHT_NORM}.weight_g"),
    rename(f"{WEIGHT_NORM}.parametrizations.weight.original1", f"{WEIGHT_NORM}.weight_v"),
)


def add_pickle(name: str, content: Any) -> Break:
    return lambda folder: torch.save(content, folder / name)


def add_tensors(name: str) -> Break:
    return lambda folder: save_file({"state": torch.ones(3)}, folder / name)


def legacy_bin(folder: Path) -> None:
    """As torch saved before 1.6."""
    from safetensors.torch import load_file

    tensors = load_file(folder / WEIGHTS)
    torch.save(tensors, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    (folder / WEIGHTS).unlink()


def bin_beside(folder: Path) -> None:
    """Both kinds of weights; transformers reads safetensors first."""
    kept = (folder / WEIGHTS).read_bytes()
    into_bin(None)(folder)
    (folder / WEIGHTS).write_bytes(kept)


def set_keys(file: str, part: str, **values: Any) -> Break:
    return both(*(set_key(file, f"{part}.{key}", value) for key, value in values.items()))


def resave_tokenizer(folder: Path) -> None:
    from transformers import AutoTokenizer

    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)


def resave_processor(folder: Path) -> None:
    from transformers import AutoProcessor

    AutoProcessor.from_pretrained(folder).save_pretrained(folder)


def resave_processor_alone(folder: Path) -> None:
    """What `AutoProcessor.save_pretrained` writes, and nothing else of a processor."""
    from transformers import AutoProcessor

    loaded = AutoProcessor.from_pretrained(folder)
    for name in (EXTRACTOR, PROCESSOR, TOKENIZER, TOKENIZER_CONFIG):
        (folder / name).unlink()
    loaded.save_pretrained(folder)


def resave_model(**options: Any) -> Break:
    def make(folder: Path) -> None:
        from transformers import AutoModelForSpeechSeq2Seq

        model = AutoModelForSpeechSeq2Seq.from_pretrained(folder)
        (folder / WEIGHTS).unlink()
        model.save_pretrained(folder, **options)

    return make


def name_tokens_as_before(folder: Path) -> None:
    """The tokenizer's files as transformers 4 names things."""
    config = read_json(folder / TOKENIZER_CONFIG)
    tags = config.pop("extra_special_tokens")
    config.pop("backend", None)
    config |= {"additional_special_tokens": tags, "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / TOKENIZER_CONFIG).write_text(json.dumps(config), encoding="utf-8")
    names = ("bos_token", "eos_token", "unk_token", "pad_token", "additional_special_tokens")
    special = {name: config[name] for name in names}
    (folder / "special_tokens_map.json").write_text(json.dumps(special), encoding="utf-8")


def list_added_tokens(folder: Path) -> None:
    """`added_tokens_decoder`, as transformers 4.34 and later write it."""
    added = read_json(folder / TOKENIZER)["added_tokens"]
    rows = {str(one["id"]): {k: v for k, v in one.items() if k != "id"} for one in added}
    edit_json(folder, TOKENIZER_CONFIG, "added_tokens_decoder", lambda _: rows)


def truncate_and_pad(folder: Path) -> None:
    """What a call that pads and cuts leaves in `tokenizer.json`; every call sets it anew."""
    truncation = {"direction": "Right", "max_length": 9, "strategy": "LongestFirst", "stride": 0}
    padding = {
        "strategy": "BatchLongest",
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 1,
        "pad_type_id": 0,
        "pad_token": "<pad>",
    }
    edit_json(folder, TOKENIZER, "truncation", lambda _: truncation)
    edit_json(folder, TOKENIZER, "padding", lambda _: padding)


def wrap_decoder(folder: Path) -> None:
    """A sequence within a sequence, which does the same."""
    edit_json(folder, TOKENIZER, "decoder", lambda inner: {"type": "Sequence", "decoders": [inner]})


DROPOUTS = ("activation_dropout", "attention_dropout", "hidden_dropout", "feat_proj_dropout")
MASKS = {"mask_time_prob": 0.65, "mask_time_length": 4, "mask_feature_prob": 0.0}

RIGHT: tuple[Right, ...] = tuple(
    Right(name=name, make=make)
    for name, make in {
        "as converted": both(),
        "keys in another order": in_every_json(backwards),
        "without a line end": in_every_json(lambda content: content, separators=(",", ":")),
        "escaped": in_every_json(lambda content: content, ensure_ascii=True, indent=4),
        "another card": write("README.md", "# Mine\n"),
        "files of a hub": both(
            write(".gitattributes", "*.safetensors filter=lfs\n"),
            write("LICENSE", "mine\n"),
            write("eval_results.json", "{}"),
        ),
        "defaults of the encoder": fill(CONFIG, "encoder", encoder_defaults),
        "defaults of the decoder": fill(CONFIG, "decoder", decoder_defaults),
        "defaults of the search": fill(GENERATION, None, search_defaults),
        "end as a list of one": set_key(GENERATION, "eos_token_id", [2]),
        "dropouts": both(*(set_key(CONFIG, f"encoder.{key}", 0.1) for key in DROPOUTS)),
        "dropouts of the decoder": set_keys(
            CONFIG, "decoder", dropout=0.1, attention_dropout=0.2, decoder_layerdrop=0.05
        ),
        "masks while nothing is masked": set_keys(CONFIG, "encoder", **MASKS),
        "masks in training": set_keys(CONFIG, "encoder", **MASKS, apply_spec_augment=True),
        "loss": set_keys(CONFIG, "encoder", ctc_loss_reduction="mean", ctc_zero_infinity=True),
        "bookkeeping": both(
            set_key(CONFIG, "_name_or_path", "/home/someone/model"),
            set_key(CONFIG, "transformers_version", "4.41.0"),
            set_key(GENERATION, "transformers_version", "4.41.0"),
            set_key(GENERATION, "_from_model_config", True),
        ),
        "labels spelled out": set_keys(
            CONFIG,
            "encoder",
            id2label={"0": "LABEL_0", "1": "LABEL_1"},
            label2id={"LABEL_0": 0, "LABEL_1": 1},
        ),
        "no architectures": remove_key(CONFIG, "architectures"),
        "defaults at top level": both(
            set_key(CONFIG, "return_dict", True),
            set_key(CONFIG, "output_attentions", False),
            set_key(CONFIG, "output_hidden_states", False),
        ),
        "precision as it was named": both(
            remove_key(CONFIG, "dtype"), set_key(CONFIG, "torch_dtype", "float32")
        ),
        "precision named twice": set_key(CONFIG, "torch_dtype", "float32"),
        "precision of the parts": both(
            set_key(CONFIG, "encoder.dtype", "float32"), set_key(CONFIG, "decoder.dtype", "float32")
        ),
        "no precision": remove_key(CONFIG, "dtype"),
        "stored in float64": store(torch.float64),
        "optimizer beside": both(
            add_tensors("optimizer.safetensors"), add_pickle("optimizer.pt", {"step": 3})
        ),
        "adapter's weights beside": add_tensors("adapter_model.safetensors"),
        "training arguments beside": both(
            add_pickle("training_args.bin", {"lr": 1.0}),
            write("trainer_state.json", "{}"),
            add_pickle("rng_state.pth", [1]),
            add_pickle("scheduler.pt", {}),
        ),
        "tied under the other name": rename(EMBEDDING, "decoder.lm_head.weight"),
        "tied under both names": rename(EMBEDDING, "decoder.lm_head.weight", keep=True),
        "weight norm of old": WEIGHT_NORM_OF_OLD,
        "weight norm scaled": rescale_directions,
        "in shards": into_shards,
        "as .bin": into_bin(None),
        "as .bin of old": legacy_bin,
        "as .bin beside": bin_beside,
        "extractor nested": nest_extractor(),
        "extractor nested alone": both(nest_extractor(), delete(EXTRACTOR)),
        "no processor file": delete(PROCESSOR),
        "processor's class left out": remove_key(EXTRACTOR, "processor_class"),
        "tokenizer saved again": resave_tokenizer,
        "processor saved again": resave_processor,
        "processor saved again alone": resave_processor_alone,
        "model saved again": resave_model(),
        "model saved again in shards": resave_model(max_shard_size="300KB"),
        "tokens named as before": name_tokens_as_before,
        "added tokens listed": list_added_tokens,
        "tokenizer that was called": truncate_and_pad,
        "decoder in a sequence": wrap_decoder,
    }.items()
)
