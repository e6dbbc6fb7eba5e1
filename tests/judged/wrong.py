"""Folders that are wrong for whoever loads them, each a right conversion with one thing changed.

Over every kind of issue that a folder can have; at least eight of a kind.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.breaking import (
    WEIGHTS,
    Break,
    Tensors,
    add,
    change,
    edit_json,
    edit_key,
    edit_tensors,
    remove,
    scale,
    set_key,
    swap,
    swap_rows,
    unmark,
)

CONFIG = "config.json"
GENERATION = "generation_config.json"
EXTRACTOR = "preprocessor_config.json"
PROCESSOR = "processor_config.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
SEARCH = "custom_generate/generate.py"

ENCODER = "encoder.encoder.layers.1"
DECODER = "decoder.model.decoder.layers.1"
EMBEDDING = "decoder.model.decoder.embed_tokens.weight"
POSITIONS = "decoder.model.decoder.embed_positions.weight"
PROJECTION = "encoder.feature_projection.projection.weight"


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """One folder that is wrong."""

    kind: str
    name: str
    make: Break
    says: str
    """What some finding, or the refusal, names."""


def remove_key(file: str, path: str) -> Break:
    """A JSON file without a key."""

    def make(folder: Path) -> None:
        *parents, last = path.split(".")
        content = read_json(folder / file)
        place = content
        for parent in parents:
            place = place[parent]
        del place[last]
        (folder / file).write_text(json.dumps(content), encoding="utf-8")

    return make


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def both(*makers: Break) -> Break:
    """One change after the other."""

    def make(folder: Path) -> None:
        for maker in makers:
            maker(folder)

    return make


def write(name: str, content: str | bytes) -> Break:
    """A file with this content, new or instead of what it held."""

    def make(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        raw = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(raw)

    return make


def delete(name: str) -> Break:
    return lambda folder: (folder / name).unlink()


def edit_file(name: str, edit: Callable[[bytes], bytes]) -> Break:
    def make(folder: Path) -> None:
        content = (folder / name).read_bytes()
        changed = edit(content)
        assert changed != content, f"`{name}` is as it was"
        (folder / name).write_bytes(changed)

    return make


def store(dtype: torch.dtype, chosen: Callable[[str], bool] = lambda _: True) -> Break:
    """Weights, or those with a chosen name, stored in another precision."""

    def edit(tensors: Tensors) -> None:
        for name in tensors:
            if chosen(name):
                tensors[name] = tensors[name].to(dtype)

    return lambda folder: edit_tensors(folder, edit)


def insert_normalizer(step: dict[str, Any]) -> Break:
    """A further step of the normalizer, before all others."""
    return edit_key(TOKENIZER, "normalizer.normalizers", lambda steps: [step, *steps])


def append_decoder(step: dict[str, Any]) -> Break:
    return edit_key(TOKENIZER, "decoder.decoders", lambda steps: [*steps, step])


def replaces(letter: str, by: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"String": letter}, "content": by}


def list_as_special(row: int) -> Break:
    """An ordinary row of the vocabulary as a special token, which decoding drops."""

    def make(folder: Path) -> None:
        content = read_json(folder / TOKENIZER)["model"]["vocab"][row][0]
        flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        token = {"id": row, "content": content, "special": True, **flags}
        order = lambda tokens: sorted([*tokens, token], key=lambda one: one["id"])  # noqa: E731
        edit_json(folder, TOKENIZER, "added_tokens", order)

    return make


def flag_token(content: str, **flags: bool) -> Break:
    """An added token with other flags."""

    def edit(tokens: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**one, **flags} if one["content"] == content else one for one in tokens]

    return edit_key(TOKENIZER, "added_tokens", edit)


def score_row(row: int, score: float) -> Break:
    def edit(rows: list[list[Any]]) -> list[list[Any]]:
        return [[text, score if i == row else old] for i, (text, old) in enumerate(rows)]

    return edit_key(TOKENIZER, "model.vocab", edit)


def rename_row(row: int, text: str) -> Break:
    def edit(rows: list[list[Any]]) -> list[list[Any]]:
        return [[text if i == row else old, score] for i, (old, score) in enumerate(rows)]

    return edit_key(TOKENIZER, "model.vocab", edit)


def nest_extractor(**changed: Any) -> Break:
    """A feature extractor inside `processor_config.json`, as transformers 5 writes it."""

    def make(folder: Path) -> None:
        extractor = {**read_json(folder / EXTRACTOR), **changed}
        content = {**read_json(folder / PROCESSOR), "feature_extractor": extractor}
        (folder / PROCESSOR).write_text(json.dumps(content), encoding="utf-8")

    return make


def into_shards(folder: Path, spoil: str | None = None) -> None:
    """Two files and an index instead of `model.safetensors`; one tensor of theirs wrong."""
    tensors = load_file(folder / WEIGHTS)
    if spoil is not None:
        tensors[spoil] = tensors[spoil] * 1.5
    names = sorted(tensors)
    files = {"model-00001-of-00002.safetensors": names[::2]}
    files["model-00002-of-00002.safetensors"] = names[1::2]
    for file, part in files.items():
        save_file({n: tensors[n] for n in part}, folder / file, metadata={"format": "pt"})
    placed = {name: file for file, part in files.items() for name in part}
    size = sum(t.numel() * t.element_size() for t in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": placed}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / WEIGHTS).unlink()


def lose_shard(folder: Path) -> None:
    into_shards(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()


def into_bin(spoil: str | None) -> Break:
    """`pytorch_model.bin` instead of safetensors, one tensor of it wrong."""

    def make(folder: Path) -> None:
        tensors = load_file(folder / WEIGHTS)
        if spoil is not None:
            tensors[spoil] = tensors[spoil] * 1.5
        torch.save(tensors, folder / "pytorch_model.bin")
        (folder / WEIGHTS).unlink()

    return make


def copy_weights(name: str, spoil: str) -> Break:
    """Weights under another name too, one tensor of the copy wrong."""

    def make(folder: Path) -> None:
        tensors = load_file(folder / WEIGHTS)
        tensors[spoil] = tensors[spoil] * 1.5
        save_file(tensors, folder / name, metadata={"format": "pt"})

    return make


def untie(folder: Path) -> None:
    """An output layer of its own, at random."""

    def edit(tensors: Tensors) -> None:
        shape = tensors[EMBEDDING].shape
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(3))
        tensors["decoder.lm_head.weight"] = 0.02 * noise

    edit_tensors(folder, edit)
    edit_json(folder, CONFIG, "decoder.tie_word_embeddings", lambda _: False)


def at_random(like: Tensor) -> Tensor:
    return 0.02 * torch.randn(like.shape, generator=torch.Generator().manual_seed(4))


def poison(tensor: Tensor) -> Tensor:
    spoiled = tensor.clone()
    spoiled.view(-1)[7] = float("nan")
    return spoiled


def zero_row(row: int) -> Callable[[Tensor], Tensor]:
    def edit(tensor: Tensor) -> Tensor:
        changed = tensor.clone()
        changed[row] = 0
        return changed

    return edit


def swap_layers(folder: Path) -> None:
    """Two layers of the encoder in each other's place."""

    def edit(tensors: Tensors) -> None:
        before = dict(tensors)
        for name in before:
            for here, there in ((".layers.0.", ".layers.1."), (".layers.1.", ".layers.0.")):
                if name.startswith("encoder.encoder.layers.") and here in name:
                    tensors[name] = before[name.replace(here, there)]

    edit_tensors(folder, edit)


PATTERNS_OF_CODE = "class Anything:\n    pass\n"
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
LOSSY_SEARCH = (
    "def generate(model, *args, **kwargs):\n    return model.generate(*args, num_beams=1)\n"
)


def of_kind(kind: str, *rows: tuple[str, Break, str]) -> Sequence[Wrong]:
    return [Wrong(kind=kind, name=name, make=make, says=says) for name, make, says in rows]


def declare(dtype: str | None, key: str = "dtype") -> Break:
    """The configuration says a precision, under this key alone."""

    def make(folder: Path) -> None:
        content = {k: v for k, v in read_json(folder / CONFIG).items() if k != "dtype"}
        (folder / CONFIG).write_text(json.dumps({**content, key: dtype}), encoding="utf-8")

    return make


DTYPE = of_kind(
    "dtype",
    ("dtype float16", declare("float16"), "float16"),
    ("dtype bfloat16", declare("bfloat16"), "bfloat16"),
    ("dtype float64", declare("float64"), "float64"),
    ("torch_dtype float16", declare("float16", "torch_dtype"), "float16"),
    ("torch_dtype bfloat16", declare("bfloat16", "torch_dtype"), "bfloat16"),
    ("stored in float16", store(torch.float16), "float16"),
    ("stored in bfloat16", store(torch.bfloat16), "bfloat16"),
    ("stored and loaded in float16", both(store(torch.float16), declare("float16")), "float16"),
    ("stored and loaded in bfloat16", both(store(torch.bfloat16), declare("bfloat16")), "bfloat16"),
    (
        "decoder alone stored in float16",
        store(torch.float16, lambda name: name.startswith("decoder.")),
        "float16",
    ),
    (
        "encoder alone stored in bfloat16",
        store(torch.bfloat16, lambda name: name.startswith("encoder.")),
        "bfloat16",
    ),
)

CODE = of_kind(
    "code",
    ("search edited", edit_file(SEARCH, lambda code: code + b"\nEXTRA = 1\n"), SEARCH),
    ("search with a comment more", edit_file(SEARCH, lambda code: b"# mine\n" + code), SEARCH),
    (
        "search with Windows line ends",
        edit_file(SEARCH, lambda c: c.replace(b"\n", b"\r\n")),
        SEARCH,
    ),
    (
        "search as a stub",
        write(SEARCH, "def generate(model, **kwargs):\n    return None\n"),
        SEARCH,
    ),
    ("search exchanged", write(SEARCH, LOSSY_SEARCH), SEARCH),
    ("search empty", write(SEARCH, ""), SEARCH),
    ("module beside the search", write("custom_generate/more.py", PATTERNS_OF_CODE), "more.py"),
    ("library beside the search", write("custom_generate/fast.so", b"\x7fELF"), "fast.so"),
    (
        "requirements beside the search",
        write("custom_generate/requirements.txt", "transformers\n"),
        "requirements.txt",
    ),
    (
        "model of one's own",
        both(
            write("modeling_own.py", PATTERNS_OF_CODE),
            set_key(CONFIG, "auto_map", {"AutoModelForSpeechSeq2Seq": "modeling_own.Anything"}),
        ),
        "auto_map",
    ),
    (
        "model of another repository",
        set_key(CONFIG, "auto_map", {"AutoModel": "some/body--modeling_own.Anything"}),
        "auto_map",
    ),
    (
        "configuration of one's own",
        both(
            write("configuration_own.py", PATTERNS_OF_CODE),
            set_key(CONFIG, "auto_map", {"AutoConfig": "configuration_own.Anything"}),
        ),
        "auto_map",
    ),
    (
        "tokenizer of one's own",
        both(
            write("tokenization_own.py", PATTERNS_OF_CODE),
            set_key(
                TOKENIZER_CONFIG, "auto_map", {"AutoTokenizer": [None, "tokenization_own.Anything"]}
            ),
        ),
        "auto_map",
    ),
    (
        "feature extractor of one's own",
        both(
            write("extraction_own.py", PATTERNS_OF_CODE),
            set_key(EXTRACTOR, "auto_map", {"AutoFeatureExtractor": "extraction_own.Anything"}),
        ),
        "auto_map",
    ),
    (
        "processor of one's own",
        both(
            write("processing_own.py", PATTERNS_OF_CODE),
            set_key(PROCESSOR, "auto_map", {"AutoProcessor": "processing_own.Anything"}),
        ),
        "auto_map",
    ),
    (
        "pipeline of one's own",
        set_key(CONFIG, "custom_pipelines", {"speech": {"impl": "pipeline_own.Anything"}}),
        "custom_pipelines",
    ),
    ("chat template", write("chat_template.jinja", TEMPLATE), "chat_template"),
    (
        "chat template in a key",
        set_key(TOKENIZER_CONFIG, "chat_template", TEMPLATE),
        "chat_template",
    ),
)

TOKENS = of_kind(
    "tokenizer",
    ("ordinary row listed as special", list_as_special(40), "special"),
    ("blank listed as special", list_as_special(4), "special"),
    (
        "ordinary row named as special",
        edit_key(TOKENIZER_CONFIG, "extra_special_tokens", lambda tokens: [*tokens, "e"]),
        "special",
    ),
    ("language printed when decoding", unmark("<lang:de>"), "tag of de"),
    ("token that swallows blanks", flag_token("<lang:fr>", lstrip=True, rstrip=True), "lang:fr"),
    ("decoder replaces a letter", append_decoder(replaces("e", "a")), "decoder"),
    (
        "decoder strips",
        append_decoder({"type": "Strip", "content": "n", "start": 1, "stop": 0}),
        "decoder",
    ),
    ("decoder gone", set_key(TOKENIZER, "decoder", None), "decoder"),
    ("normalizer replaces a letter", insert_normalizer(replaces("e", "a")), "normalizer"),
    ("normalizer lowers", insert_normalizer({"type": "Lowercase"}), "normalizer"),
    ("normalizer strips accents", insert_normalizer({"type": "StripAccents"}), "normalizer"),
    ("normalizer gone", set_key(TOKENIZER, "normalizer", None), "normalizer"),
    (
        "digits cut apart",
        set_key(TOKENIZER, "pre_tokenizer", {"type": "Digits", "individual_digits": True}),
        "pre_tokenizer",
    ),
    ("no language before the text", set_key(TOKENIZER, "post_processor", None), "post_processor"),
    ("another row is unknown", set_key(TOKENIZER, "model.unk_id", 5), "unk"),
    ("no row is unknown", set_key(TOKENIZER, "model.unk_id", None), "unk"),
    ("two rows exchanged", swap_rows(20, 21), "became"),
    ("row renamed", rename_row(30, "▁zzz"), "▁zzz"),
    ("score of a row", score_row(30, -0.01), "score"),
    ("tokens split", set_key(TOKENIZER_CONFIG, "split_special_tokens", True), "split_special"),
    ("padding on the left", set_key(TOKENIZER_CONFIG, "padding_side", "left"), "padding_side"),
    ("cut on the left", set_key(TOKENIZER_CONFIG, "truncation_side", "left"), "truncation_side"),
    (
        "texts of at most 8 tokens",
        set_key(TOKENIZER_CONFIG, "model_max_length", 8),
        "model_max_length",
    ),
    (
        "blanks before marks dropped",
        set_key(TOKENIZER_CONFIG, "clean_up_tokenization_spaces", True),
        "clean_up",
    ),
    ("another pad token", set_key(TOKENIZER_CONFIG, "pad_token", "</s>"), "pad_token"),
    ("another eos token", set_key(TOKENIZER_CONFIG, "eos_token", "<s>"), "eos_token"),
)

TYPES = of_kind(
    "types",
    ("beams as a float", set_key(GENERATION, "num_beams", 5.0), "num_beams"),
    ("beams as a string", set_key(GENERATION, "num_beams", "5"), "num_beams"),
    ("length as a float", set_key(GENERATION, "max_length", 202.0), "max_length"),
    ("language as a float", set_key(GENERATION, "forced_bos_token_id", 183.0), "forced_bos"),
    ("start token as a float", set_key(GENERATION, "decoder_start_token_id", 2.0), "decoder_start"),
    ("pad token as a truth", set_key(GENERATION, "pad_token_id", True), "pad_token_id"),
    ("grams as a truth", set_key(GENERATION, "no_repeat_ngram_size", False), "no_repeat_ngram"),
    ("early stopping as a number", set_key(GENERATION, "early_stopping", 1), "early_stopping"),
    ("normalization as a number", set_key(EXTRACTOR, "do_normalize", 1), "do_normalize"),
    ("mask as a number", set_key(EXTRACTOR, "return_attention_mask", 1), "return_attention_mask"),
    ("rate as a float", set_key(EXTRACTOR, "sampling_rate", 16000.0), "sampling_rate"),
    ("rate as a string", set_key(EXTRACTOR, "sampling_rate", "16000"), "sampling_rate"),
    ("size of a feature as a truth", set_key(EXTRACTOR, "feature_size", True), "feature_size"),
    ("scale as a number", set_key(CONFIG, "decoder.scale_embedding", 1), "scale_embedding"),
    ("norm order as a number", set_key(CONFIG, "encoder.do_stable_layer_norm", 1), "do_stable"),
    ("bias as a number", set_key(CONFIG, "encoder.conv_bias", 1), "conv_bias"),
)

TOP_LEVEL = of_kind(
    "top level",
    ("tuples instead of outputs", set_key(CONFIG, "return_dict", False), "return_dict"),
    ("attentions returned", set_key(CONFIG, "output_attentions", True), "output_attentions"),
    ("states returned", set_key(CONFIG, "output_hidden_states", True), "output_hidden_states"),
    ("no encoder-decoder", set_key(CONFIG, "is_encoder_decoder", False), "is_encoder_decoder"),
    ("invented key", set_key(CONFIG, "beam_widening", 3), "beam_widening"),
    ("invented group", set_key(CONFIG, "frontend", {"rate": 8000}), "frontend"),
    ("invented key of the search", set_key(GENERATION, "beam_widening", 3), "beam_widening"),
    ("invented key of the extractor", set_key(EXTRACTOR, "pre_emphasis", 0.97), "pre_emphasis"),
    ("another kind of model", set_key(CONFIG, "model_type", "encoder-decoder"), "model_type"),
    ("another pad", set_key(CONFIG, "pad_token_id", 5), "pad_token_id"),
    ("another start", set_key(CONFIG, "decoder_start_token_id", 0), "decoder_start_token_id"),
    (
        "quantized when loaded",
        set_key(
            CONFIG, "quantization_config", {"quant_method": "bitsandbytes", "load_in_8bit": True}
        ),
        "quantization_config",
    ),
)

FILES = of_kind(
    "files",
    ("nested, not normalized", nest_extractor(do_normalize=False), "do_normalize"),
    ("nested, no mask", nest_extractor(return_attention_mask=False), "return_attention_mask"),
    ("nested, padded on the left", nest_extractor(padding_side="left"), "padding_side"),
    ("nested, 8 kHz", nest_extractor(sampling_rate=8000), "sampling_rate"),
    ("nested, padded with ones", nest_extractor(padding_value=1.0), "padding_value"),
    (
        "nested alone, not normalized",
        both(nest_extractor(do_normalize=False), delete(EXTRACTOR)),
        "do_normalize",
    ),
    ("not normalized", set_key(EXTRACTOR, "do_normalize", False), "do_normalize"),
    ("no mask", set_key(EXTRACTOR, "return_attention_mask", False), "return_attention_mask"),
    ("padded on the left", set_key(EXTRACTOR, "padding_side", "left"), "padding_side"),
    (
        "another processor",
        set_key(PROCESSOR, "processor_class", "WhisperProcessor"),
        "processor_class",
    ),
    (
        "another processor, named beside the extractor",
        both(delete(PROCESSOR), set_key(EXTRACTOR, "processor_class", "Speech2TextProcessor")),
        "processor_class",
    ),
    (
        "another extractor",
        set_key(EXTRACTOR, "feature_extractor_type", "WhisperFeatureExtractor"),
        "feature_extractor_type",
    ),
    (
        "extractor that nobody has",
        set_key(EXTRACTOR, "feature_extractor_type", "NoFeatureExtractor"),
        EXTRACTOR,
    ),
    (
        "weights that the configuration names",
        both(
            copy_weights("best.safetensors", PROJECTION),
            set_key(CONFIG, "transformers_weights", "best.safetensors"),
        ),
        "projection",
    ),
    (
        "right weights under a name that nobody reads",
        both(
            lambda folder: shutil.copy(folder / WEIGHTS, folder / "right.safetensors"),
            scale(PROJECTION, 1.5),
        ),
        "projection",
    ),
    ("wrong tensor in a shard", lambda folder: into_shards(folder, PROJECTION), "projection"),
    ("shard lost", lose_shard, "model-00002-of-00002.safetensors"),
    ("wrong tensor in a .bin", into_bin(PROJECTION), "projection"),
    ("no search configuration", delete(GENERATION), "generation_config"),
    ("no weights", delete(WEIGHTS), "weights"),
    ("no configuration", delete(CONFIG), CONFIG),
    ("no tokenizer", delete(TOKENIZER), "tokenizer"),
    ("adapter that is loaded too", write("adapter_config.json", "{}"), "adapter"),
)

TENSORS = of_kind(
    "weights",
    ("one element", scale(f"{ENCODER}.attention.k_proj.weight", 1.5), "k_proj"),
    ("one bias", scale(f"{DECODER}.fc1.bias", 2.0, index=3), "fc1"),
    ("scaled", change(f"{DECODER}.fc2.weight", lambda t: t * 0.5), "fc2"),
    ("negated", change(f"{ENCODER}.attention.v_proj.weight", lambda t: -t), "v_proj"),
    ("zeroed", change(f"{ENCODER}.layer_norm.bias", lambda t: t * 0), "layer_norm"),
    ("transposed", change(f"{DECODER}.self_attn.q_proj.weight", lambda t: t.T), "q_proj"),
    (
        "exchanged",
        swap(f"{DECODER}.encoder_attn.k_proj.weight", f"{DECODER}.encoder_attn.v_proj.weight"),
        "k_proj",
    ),
    ("layers exchanged", swap_layers, "layers"),
    ("at random", change(PROJECTION, at_random), "projection"),
    ("row of the vocabulary zeroed", change(EMBEDDING, zero_row(60)), "embed_tokens"),
    ("rows shifted", change(EMBEDDING, lambda t: t.roll(1, 0)), "embed_tokens"),
    ("positions shifted", change(POSITIONS, lambda t: t.roll(2, 0)), "embed_positions"),
    ("output at random", untie, "lm_head"),
    ("tensor lost", remove(f"{ENCODER}.attention.out_proj.weight"), "out_proj"),
    ("tensor of no place", add("decoder.extra.weight", torch.ones(3)), "decoder.extra.weight"),
    (
        "kernel flipped",
        change("encoder.feature_extractor.conv_layers.2.conv.weight", lambda t: t.flip(-1)),
        "conv_layers.2.conv",
    ),
    ("no number", change(PROJECTION, poison), "projection"),
)

SEARCHES = of_kind(
    "generation",
    ("greedy", set_key(GENERATION, "num_beams", 1), "num_beams"),
    ("more beams", set_key(GENERATION, "num_beams", 6), "num_beams"),
    ("another language", set_key(GENERATION, "forced_bos_token_id", 185), "forced_bos_token_id"),
    ("no language", remove_key(GENERATION, "forced_bos_token_id"), "forced_bos_token_id"),
    ("another start token", set_key(GENERATION, "decoder_start_token_id", 0), "decoder_start"),
    (
        "two ends, of which the carried search knows nothing",
        set_key(GENERATION, "eos_token_id", [2, 5]),
        "eos_token_id",
    ),
    ("another end", set_key(GENERATION, "eos_token_id", 6), "eos_token_id"),
    ("20 tokens at most", set_key(GENERATION, "max_length", 20), "max_length"),
    ("3 new tokens at most", set_key(GENERATION, "max_new_tokens", 3), "max_new_tokens"),
    ("30 tokens at least", set_key(GENERATION, "min_length", 30), "min_length"),
    ("longer texts preferred", set_key(GENERATION, "length_penalty", 2.0), "length_penalty"),
    ("no pair twice", set_key(GENERATION, "no_repeat_ngram_size", 2), "no_repeat_ngram_size"),
    ("repetition punished", set_key(GENERATION, "repetition_penalty", 1.5), "repetition_penalty"),
    ("search that goes on", set_key(GENERATION, "early_stopping", False), "early_stopping"),
    ("pads allowed", remove_key(GENERATION, "suppress_tokens"), "suppress_tokens"),
    ("letters forbidden", set_key(GENERATION, "suppress_tokens", [1, 5]), "suppress_tokens"),
    ("first letter forbidden", set_key(GENERATION, "begin_suppress_tokens", [4]), "begin_suppress"),
    ("word forbidden", set_key(GENERATION, "bad_words_ids", [[5, 6]]), "bad_words_ids"),
    ("sampled", set_key(GENERATION, "do_sample", True), "do_sample"),
    ("three texts", set_key(GENERATION, "num_return_sequences", 3), "num_return_sequences"),
    ("objects returned", set_key(GENERATION, "return_dict_in_generate", True), "return_dict_in"),
)

ARCHITECTURE = of_kind(
    "architecture",
    ("norms after", set_key(CONFIG, "encoder.do_stable_layer_norm", False), "do_stable"),
    ("relu in the encoder", set_key(CONFIG, "encoder.hidden_act", "relu"), "hidden_act"),
    ("relu in the decoder", set_key(CONFIG, "decoder.activation_function", "relu"), "activation"),
    ("not scaled", set_key(CONFIG, "decoder.scale_embedding", False), "scale_embedding"),
    ("heads of the encoder", set_key(CONFIG, "encoder.num_attention_heads", 6), "num_attention"),
    ("heads of the decoder", set_key(CONFIG, "decoder.decoder_attention_heads", 4), "heads"),
    ("epsilon", set_key(CONFIG, "encoder.layer_norm_eps", 1e-3), "layer_norm_eps"),
    ("adapter's stride", set_key(CONFIG, "encoder.adapter_stride", 1), "adapter_stride"),
    ("no adapter", set_key(CONFIG, "encoder.add_adapter", False), "adapter"),
    ("a layer less", set_key(CONFIG, "encoder.num_hidden_layers", 2), "num_hidden_layers"),
    (
        "extractor's activation",
        set_key(CONFIG, "encoder.feat_extract_activation", "relu"),
        "feat_extract",
    ),
)

WRONG: tuple[Wrong, ...] = (
    *DTYPE,
    *CODE,
    *TOKENS,
    *TYPES,
    *TOP_LEVEL,
    *FILES,
    *TENSORS,
    *SEARCHES,
    *ARCHITECTURE,
)
