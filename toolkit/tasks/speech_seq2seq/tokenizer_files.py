"""The text of a tokenizer's files, as `tokenizers` and transformers write it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from json.encoder import encode_basestring

from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS
from toolkit.core.json import JsonObject
from toolkit.folder.contents import FolderContents

_NO_ROWS = '"vocab": []'


def render_unigram(described: JsonObject, rows: Iterable[tuple[str, float]]) -> str:
    """The text of `tokenizer.json`.

    Args:
        described: Its content without rows.
        rows: Each symbol and its score. They are written one by one, because an encoder of nested
            lists takes seconds for a quarter of a million.
    """
    frame = json.dumps(described, indent=2, ensure_ascii=False)
    before, after = frame.rsplit(_NO_ROWS, 1)
    written = ",\n".join(
        f"      [\n        {encode_basestring(symbol)},\n        {score!r}\n      ]"
        for symbol, score in rows
    )
    return f'{before}"vocab": [\n{written}\n    ]{after}'


def render_config(contents: FolderContents) -> str:
    """The text of `tokenizer_config.json`."""
    bos, pad, eos, unk = SPECIAL_SYMBOLS
    tags = [contents.dictionary.symbols[i] for i in contents.language_tags.values()]
    config = {
        "backend": "tokenizers",
        "bos_token": bos,
        "clean_up_tokenization_spaces": False,
        "eos_token": eos,
        "extra_special_tokens": tags,
        "model_max_length": contents.max_positions,
        "pad_token": pad,
        "tokenizer_class": "TokenizersBackend",
        "unk_token": unk,
    }
    return json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
