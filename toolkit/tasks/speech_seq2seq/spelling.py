"""A tokenizer whose symbols are letters, with a symbol behind every word.

As fairseq's labels have them (`H E L L O | W O R L D |`), and as its `post_process` reads them.
Source: `examples/wav2vec/libri_labels.py`, `fairseq/data/data_utils.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.folder.contents import FolderContents
from toolkit.tasks.speech_seq2seq.special_tokens import BOUNDARY, maybe_boundary
from toolkit.tasks.speech_seq2seq.text_steps import WHITESPACE, decoder_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def spell(tokenizer: Tokenizer, contents: FolderContents) -> None:
    """Makes a tokenizer cut texts into letters, and join letters to texts.

    A dictionary without the symbol behind words knows none: their letters stand side by side.
    """
    from tokenizers import Regex, normalizers, pre_tokenizers

    boundary = maybe_boundary(contents) or ""
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(rf"\A{WHITESPACE}+|{WHITESPACE}+\z"), ""),
            normalizers.Replace(Regex(f"{WHITESPACE}+"), boundary),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.decoder = decoder_of(contents, BOUNDARY)
