"""What of a folder that says letters can be broken: its head, and the files beside its weights."""

# The tables keep their columns.
# ruff: noqa: E501

from __future__ import annotations

from functools import partial

from toolkit.core import slips
from toolkit.core.breakable import Breakable, Output, Part, joined
from toolkit.core.slips import (
    CONFIG,
    PROCESSOR,
    TOKENIZER_CONFIG,
    Invention,
    other,
    others,
    plus,
    slip,
    toggled,
    unseen,
)
from toolkit.tasks.ctc.letters import VOCAB
from toolkit.tasks.speech import breakable

HEAD = "lm_head"
"""What transformers' classes for CTC call the layer that gives every symbol its logit."""
_setting = partial(slips.slip, file=TOKENIZER_CONFIG)
_invention = partial(Invention, file=TOKENIZER_CONFIG, hypotheses=("wrong_vocabulary",))

# fmt: off
_HEAD = Breakable(
    parts=(Part(name="output layer", modules=HEAD),),
    outputs=(Output(module=HEAD),),
    slips=(
        slip("vocab_size",      "vocabulary_size_changed", plus(1, -1),                   "wrong_value", "wrong_vocabulary"),
        slip("dtype",           "dtype_changed",           others("float16", "bfloat16"), "wrong_dtype"),
        unseen("architectures", "unread_key_changed",      other(["Wav2Vec2Model"])),
        unseen("pad_token_id",  "unread_key_changed",      plus(1)),
        unseen("bos_token_id",  "unread_key_changed",      plus(1)),
        unseen("eos_token_id",  "unread_key_changed",      plus(1)),
        unseen("final_dropout", "dropout_changed",         other(0.1, 0.0)),
    ),
    inventions=(
        Invention(file=CONFIG, path="output_attentions", value=True),
        Invention(file=CONFIG, path="ctc_zero_infinity", value=True, noted=True),
        Invention(file=CONFIG, path="label_smoothing",   value=0.1,  noted=True),
    ),
    narrow_dtypes=("float16", "bfloat16"),
)
_LETTERS = Breakable(
    slips=(
        _setting("word_delimiter_token",         "setting_changed", others(" ", "<unk>"), "wrong_vocabulary"),
        _setting("replace_word_delimiter_char",  "setting_changed", others("_", "|"),     "wrong_vocabulary"),
        _setting("do_lower_case",                "setting_changed", toggled,              "wrong_vocabulary"),
        _setting("clean_up_tokenization_spaces", "setting_changed", toggled,              "wrong_vocabulary"),
        slip("processor_class", "processor_class_changed", other("Speech2TextProcessor"), file=PROCESSOR),
    ),
    inventions=(
        _invention(path="padding_side",         value="left"),
        _invention(path="extra_special_tokens", value=["e"]),
        _invention(path="max_length",           value=20, noted=True),
    ),
    vocabularies=(VOCAB,),
)
# fmt: on

BREAKABLE = joined((_HEAD, _LETTERS, breakable.BREAKABLE))
"""The head, and the files of feature extractor, processor and tokenizer."""
