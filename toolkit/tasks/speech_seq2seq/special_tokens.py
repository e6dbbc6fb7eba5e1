"""The special tokens of a tokenizer, and what frames a text with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.checkpoint.dictionary import BOS, EOS, PAD, SPECIAL_SYMBOLS, UNK
from toolkit.folder.contents import FolderContents

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.processors import PostProcessor

BOUNDARY = "|"
"""What fairseq's labels have behind every word."""


def add_special_tokens(tokenizer: Tokenizer, contents: FolderContents) -> None:
    """Makes a tokenizer of `tokenizers` know them, and frame a text with end and tag."""
    from tokenizers import AddedToken

    special = special_symbols(contents)
    tokenizer.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in special])
    tokenizer.post_processor = _frame(contents)


def special_symbols(contents: FolderContents) -> list[str]:
    """Those of fairseq and the language tags, in the order in which transformers lists them."""
    symbols = contents.dictionary.symbols
    return [symbols[i] for i in (BOS, PAD, EOS, UNK, *tag_ids(contents))]


def maybe_boundary(contents: FolderContents) -> str | None:
    """What stands behind a text: the end of its last word, where texts are spelled in words."""
    known = contents.is_spelled and BOUNDARY in contents.dictionary.symbols
    return BOUNDARY if known else None


def _frame(contents: FolderContents) -> PostProcessor:
    from tokenizers import processors

    boundary = maybe_boundary(contents)
    framed = {
        "end": SPECIAL_SYMBOLS[EOS],
        "tag": contents.prefix_tag,
        "boundary": boundary,
        "language": contents.suffix_tag,
    }
    # Aliases, because a template cannot spell a symbol with a colon such as `<lang:de>`.
    special = [
        {"id": alias, "ids": [contents.dictionary.index(symbol)], "tokens": [symbol]}
        for alias, symbol in framed.items()
        if symbol is not None
    ]
    before = "" if contents.prefix_tag is None else "tag "
    behind = "" if boundary is None else "boundary "
    last = "" if contents.suffix_tag is None else " language"
    template = f"{before}$A {behind}end{last}"
    return processors.TemplateProcessing(single=template, special_tokens=special)


def tag_ids(contents: FolderContents) -> list[int]:
    """The ids of the language tags."""
    return list(contents.language_tags.values())
