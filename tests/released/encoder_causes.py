"""What is wrong with folders of the scripts, and how each is mended by hand, without diff."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from tests.breaking import Break, Tensors, set_key
from tests.released import right_parts
from tests.released.right_parts import SPELLING, edit_weights, files_of, key_of, weights_of
from toolkit.bundled import CLASSIFIER, FEATURES
from toolkit.checkpoint.dictionary import read_dictionary

PREPROCESSOR = "preprocessor_config.json"
AGAIN = "`toolkit diff --fix`, or convert the checkpoint again"
Mend = Callable[[Path, bool], None]
"""Mends a folder; is told whether the task of the checkpoint standardizes the sound."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One thing that a script did wrong."""

    says: str
    """Words of the finding that names it."""
    told: str
    """What the documentation says is wrong."""
    todo: str
    """What it says to do."""
    mend: Mend | None
    """None where no edit of ours makes the folder right; diff's own does."""


def _always(mend: Break) -> Mend:
    return lambda folder, _normalize: mend(folder)


def _exchange(folder: Path) -> None:
    vocab = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    vocab["<pad>"], vocab["<s>"] = vocab["<s>"], vocab["<pad>"]
    (folder / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    told = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    if "added_tokens_decoder" in told:
        added = told["added_tokens_decoder"]
        added["0"], added["1"] = added["1"], added["0"]
    (folder / "tokenizer_config.json").write_text(json.dumps(told), encoding="utf-8")


def _write_letters(folder: Path) -> None:
    dictionary = read_dictionary(folder.parent / "dict.ltr.txt")
    rows = {symbol: row for row, symbol in enumerate(dictionary.symbols)}
    vocab = {**rows, "<pad>": rows["<s>"], "<s>": rows["<pad>"]}
    (folder / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")


def _pass_through(folder: Path) -> None:
    def fill(tensors: Tensors) -> None:
        (name,) = (n for n in tensors if n.endswith("feature_projection.projection.weight"))
        tensors[name] = torch.eye(len(tensors[name]))
        bias = name.removesuffix("weight") + "bias"
        tensors[bias] = torch.zeros_like(tensors[bias])

    edit_weights(folder, fill)


def _silence_adapters(folder: Path) -> None:
    def fill(tensors: Tensors) -> None:
        for name in (n for n in tensors if ".layers.0.adapter_layer." in n):
            tensors[name] = torch.zeros_like(tensors[name])

    edit_weights(folder, fill)


def _write_extractor(folder: Path, normalize: bool) -> None:
    said = {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "feature_size": 1,
        "sampling_rate": 16000,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": True,
        "do_normalize": normalize,
    }
    (folder / PREPROCESSOR).write_text(json.dumps(said), encoding="utf-8")


def _carry_head(folder: Path) -> None:
    """Puts a class of fairseq's activation into the folder, in place of the stock one."""
    for file in (CLASSIFIER, FEATURES):
        (folder / file.name).write_bytes(file.read_bytes())
    auto = {
        "AutoConfig": f"{CLASSIFIER.stem}.FairseqClassifierConfig",
        "AutoModelForAudioClassification": f"{CLASSIFIER.stem}.Wav2Vec2ForSequenceClassification",
    }
    said = (("model_type", "fairseq_classifier"), ("classifier_activation", "gelu"))
    for name, value in (*said, ("auto_map", auto)):
        set_key("config.json", name, value)(folder)
    extractor = {"AutoFeatureExtractor": f"{FEATURES.stem}.FairseqFeatureExtractor"}
    set_key(PREPROCESSOR, "auto_map", extractor)(folder)


def _remove(is_wrong: Callable[[str], bool]) -> Break:
    def edit(tensors: Tensors) -> None:
        for name in filter(is_wrong, list(tensors)):
            del tensors[name]

    return lambda folder: edit_weights(folder, edit)


def beyond_layers(number: int) -> Break:
    """Takes away the layers of an encoder from that one on."""
    layer = re.compile(r".*encoder\.layers\.(\d+)\.")

    def is_beyond(name: str) -> bool:
        found = layer.match(name)
        return found is not None and int(found[1]) >= number

    return _remove(is_beyond)


def _both(first: Break, second: Break) -> Break:
    def mend(folder: Path) -> None:
        first(folder)
        second(folder)

    return mend


def key(name: str, right: Any, beside: Break | None = None) -> Cause:
    """A key of `config.json` that is the borrowed configuration's, or a default."""
    value = json.dumps(right)
    mend = set_key("config.json", name, right)
    return Cause(
        says=f"`{name}` must be {right!r}",
        told=f"`{name}` is lent",
        todo=f"set `{name}` to `{value}`",
        mend=_always(_both(mend, beside) if beside else mend),
    )


NORMALIZED = Cause(
    says="`preprocessor_config.do_normalize` must be False",
    told="`do_normalize` is true, whatever the task says",
    todo="set `do_normalize` to `false`",
    mend=lambda folder, normalize: set_key(PREPROCESSOR, "do_normalize", normalize)(folder),
)
UNMASKED = Cause(
    says="`preprocessor_config.return_attention_mask` must be True",
    told="`return_attention_mask` is false: padding is heard",
    todo="set `return_attention_mask` to `true`",
    mend=_always(set_key(PREPROCESSOR, "return_attention_mask", True)),
)
BLANK = Cause(
    says="0: '<pad>' became '<s>'",
    told="`<pad>` and `<s>` are not exchanged in `vocab.json`",
    todo="exchange their ids there and in `added_tokens_decoder`",
    mend=_always(_exchange),
)
LETTERS = Cause(
    says="`vocab.json` is not as the rows of the dictionary say",
    told="`vocab.json` is that of another model",
    todo="write it anew from the dictionary, the ids of `<pad>` and `<s>` exchanged",
    mend=_always(_write_letters),
)
PROJECTION = Cause(
    says="feature_projection.projection",
    told="a projection that fairseq has not at equal widths is random",
    todo="fill it with the identity and zeros",
    mend=_always(_pass_through),
)
NO_EXTRACTOR = Cause(
    says="`preprocessor_config.json` is missing",
    told="there is no `preprocessor_config.json`",
    todo="write it",
    mend=_write_extractor,
)
SILENT_HEAD = Cause(
    says="applies `gelu` to the mean of the projected frames",
    told="the GELU behind the mean of the frames is left out",
    todo=f"{AGAIN}: no stock class has it",
    mend=_always(_carry_head),
)
TIDIED = Cause(
    says="`tokenizer_config.clean_up_tokenization_spaces` is not as",
    told="`clean_up_tokenization_spaces` is true",
    todo="set `clean_up_tokenization_spaces` to `false`",
    mend=_always(set_key("tokenizer_config.json", "clean_up_tokenization_spaces", False)),
)
ONE_LANGUAGE = Cause(
    says="tensors of 30 modules in the model are missing from the folder",
    told="the adapters of the first language alone are there",
    todo=AGAIN,
    mend=_always(files_of("adapter.*")),
)
NO_LANGUAGE = replace(ONE_LANGUAGE, told="the weights of no language are there")
NO_ADAPTER = Cause(
    says="78 tensors of 39 modules in the model are missing from the folder",
    told="no adapter is there, neither the model's nor a language's",
    todo=AGAIN,
    mend=_always(_both(files_of("adapter.*"), weights_of(".adapter_layer."))),
)
ONE_VOCABULARY = Cause(
    says="it has the letters of one language",
    told="the letters of one language alone are there",
    todo=AGAIN,
    mend=_always(files_of(*SPELLING)),
)
GONE_DECODER = Cause(
    says="the checkpoint's decoder is not known to be what `speech_to_text_2` computes",
    told="its decoder is of a class that today's transformers has no more",
    todo=AGAIN,
    mend=_always(right_parts.decoder),
)
GONE_BLOCKS = replace(GONE_DECODER, mend=None)
"""The same where the folder that is right carries its classes."""
GONE_TOKENIZER = Cause(
    says="`tokenizer.json` is not as the rows of the dictionary say: no tokenizer loads",
    told="its tokenizer too",
    todo=AGAIN,
    mend=_always(files_of(*SPELLING)),
)
UNSEARCHED = Cause(
    says="search settings are not as the checkpoint says",
    told="there are no settings of a search",
    todo=AGAIN,
    mend=_always(right_parts.search),
)
UNENDED = Cause(
    says="`generation_config.forced_eos_token_id` must be 2",
    told="no end is forced where a search is cut off",
    todo="set `forced_eos_token_id` of `generation_config.json` to `2`",
    mend=_always(set_key("generation_config.json", "forced_eos_token_id", 2)),
)
UNSPOKEN = Cause(
    says="hold what the checkpoint has beside its languages, nothing of `eng`",
    told="the model has what the checkpoint has beside its languages, nothing of English",
    todo=AGAIN,
    mend=_always(_both(key_of("vocab_size"), weights_of(".adapter_layer.", "lm_head."))),
)
RANDOM_ADAPTERS = Cause(
    says="layers.0.adapter_layer",
    told="layers without an adapter have a random one",
    todo="fill it with zeros",
    mend=_always(_silence_adapters),
)
BIASED = key(
    "conv_bias", False, _remove(lambda name: name.endswith(".conv.bias") and "conv_layers" in name)
)
ALL_NORMED = key(
    "feat_extract_norm",
    "group",
    _remove(lambda name: "conv_layers" in name and "layer_norm" in name and ".0." not in name),
)
ADAPTED = key("add_adapter", False, _remove(lambda name: ".adapter.layers" in name))
STABLE, UNSTABLE = key("do_stable_layer_norm", False), key("do_stable_layer_norm", True)
