"""The tokenizer of a CTC folder: one id per row of the dictionary, the first of them the blank."""

from __future__ import annotations

import json
from pathlib import Path

from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS, Dictionary
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict
from toolkit.folder.contents import FolderContents

VOCAB = "vocab.json"
BLANK, SILENT_START = "<pad>", "<s>"
"""fairseq's blank is `<s>`, its row 0; `Wav2Vec2CTCTokenizer` takes its `<pad>` for the blank, so
that the two change places."""
LANGUAGE = "target_lang"
"""The setting that names the section of `vocab.json` that is read."""
DELIMITER = "|"
"""What fairseq's labels have between words."""
SETTINGS: JsonDict = {
    "bos_token": SILENT_START,
    "clean_up_tokenization_spaces": False,
    "do_lower_case": False,
    "eos_token": SPECIAL_SYMBOLS[2],
    "pad_token": BLANK,
    "replace_word_delimiter_char": " ",
    "tokenizer_class": "Wav2Vec2CTCTokenizer",
    "unk_token": SPECIAL_SYMBOLS[3],
    "word_delimiter_token": DELIMITER,
}
"""What `tokenizer_config.json` must say for fairseq's letters."""


def tokens_of(contents: FolderContents) -> tuple[str, ...]:
    """The token of every id, under the names that `Wav2Vec2CTCTokenizer` has for them.

    Raises:
        BadInput: a symbol stands twice in the dictionary, which no such tokenizer can hold.
    """
    return letters_of(contents.dictionary)


def letters_of(dictionary: Dictionary) -> tuple[str, ...]:
    """The token of every id that a dictionary has; see `tokens_of`.

    Raises:
        BadInput: a symbol stands twice in it.
    """
    symbols = dictionary.symbols
    repeated = [symbols[row] for row in dictionary.shadowed]
    if repeated:
        raise BadInput(
            "The dictionary must have every symbol once, as `Wav2Vec2CTCTokenizer` holds one id of "
            f"each, but repeats {', '.join(map(repr, repeated[:5]))}. Name the checkpoint's own "
            "dictionary with `--dict`; if this is it, a copy in which one of two such rows has "
            "another name."
        )
    return (BLANK, SILENT_START, *symbols[2:])


def write_letters(contents: FolderContents, folder: Path) -> None:
    """Writes `vocab.json`, in sections where there are several languages; and its settings.

    Raises:
        BadInput: a symbol stands twice in a dictionary.
    """
    _write(folder / VOCAB, _vocabulary(contents))
    settings = {**SETTINGS, **language_setting(contents), **contents.processor}
    _write(folder / "tokenizer_config.json", settings)


def language_setting(contents: FolderContents) -> JsonDict:
    """What `tokenizer_config.json` says of the language that is spoken first, if there are any."""
    return {} if contents.spoken is None else {LANGUAGE: contents.spoken.first}


def _vocabulary(contents: FolderContents) -> JsonDict:
    if contents.spoken is None:
        return _rows(contents.dictionary)
    return {name: _rows(held) for name, held in contents.spoken.dictionaries.items()}


def _rows(dictionary: Dictionary) -> JsonDict:
    return {token: row for row, token in enumerate(letters_of(dictionary))}


def _write(path: Path, values: JsonDict) -> None:
    said = json.dumps(values, ensure_ascii=False, indent=2)
    path.write_text(said + "\n", encoding="utf-8")
