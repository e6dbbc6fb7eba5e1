"""A folder's tokenizer against dict.txt and the sentencepiece model."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS
from toolkit.compare.static import wrong_rows
from toolkit.core.result import Finding, Hypothesis
from toolkit.diagnosis.truth import Truth
from toolkit.folder.view import FolderView

SCORE_ROUNDING = 1e-12
"""Relative; sentencepiece's own scores are float32, a million times coarser."""


def vocabulary_findings(truth: Truth, view: FolderView) -> Iterator[Finding]:
    """Rows, special tokens, scores and texts that the tokenizer has in another way."""
    if view.tokenizer is None:
        yield _vocabulary_finding("tokenizer.json", ("no tokenizer loads", *view.problems))
        return
    rows = tuple(wrong_rows(truth.contents, view))
    special = dict(_wrong_special(truth, view.tokenizer))
    if rows:
        yield _vocabulary_finding("tokenizer.json", rows)
    for key, wrong in special.items():
        yield _vocabulary_finding(f"tokenizer_config.{key}", (wrong,))
    if not rows and not special:
        wrong_texts = (
            *_wrong_scores(truth, view.tokenizer),
            *_wrong_texts(truth, view.tokenizer),
        )
        if wrong_texts:
            yield _vocabulary_finding("tokenizer.json", wrong_texts)


def _vocabulary_finding(key: str, wrong: tuple[str, ...]) -> Finding:
    return Finding(
        kind="vocabulary",
        consequence="text",
        target_module="",
        config_keys=(key,),
        summary=f"`{key}` differs from dict.txt: {'; '.join(wrong[:3])}",
        hypothesis=Hypothesis(
            name="wrong_vocabulary", confirmed=True, detail={"rows": list(wrong[:20])}
        ),
        fix="build the tokenizer row by row from dict.txt and the sentencepiece model",
    )


def _wrong_special(truth: Truth, tokenizer: Any) -> Iterator[tuple[str, str]]:
    """Keys of `tokenizer_config.json` that name another token than fairseq's."""
    names = ("bos_token", "pad_token", "eos_token", "unk_token")
    for key, expected in zip(names, SPECIAL_SYMBOLS, strict=True):
        found = getattr(tokenizer, key)
        if found != expected:
            yield key, f"{found!r}, not {expected!r}"
    printed = [
        lang
        for lang, index in truth.contents.language_tags.items()
        if truth.contents.dictionary.symbols[index] not in tokenizer.all_special_tokens
    ]
    if printed:
        yield "extra_special_tokens", f"decoding prints the tags of {', '.join(printed)}"


def _wrong_scores(truth: Truth, tokenizer: Any) -> Iterator[str]:
    """Rows whose score is not the sentencepiece model's, where the tokenizer scores rows."""
    if not truth.scores:
        return
    found = _scores(tokenizer)
    for piece, score in truth.scores.items():
        # `tokenizers` reads numbers from a file up to their last bit.
        if found and not math.isclose(found.get(piece, math.nan), score, rel_tol=SCORE_ROUNDING):
            yield f"{piece!r} has the score {found.get(piece)}, not {score}"


def _scores(tokenizer: Any) -> dict[str, float]:
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    vocabulary = model.get("vocab", [])
    return dict(vocabulary) if isinstance(vocabulary, list) else {}


def _wrong_texts(truth: Truth, tokenizer: Any) -> Iterator[str]:
    for text, ids in truth.encodings.items():
        found = tuple(tokenizer(text).input_ids)
        if found != ids:
            yield f"{text!r} becomes {found}, not {ids}"
    for ids, text in truth.decodings.items():
        said = tokenizer.decode(list(ids), skip_special_tokens=True)
        if said != text:
            yield f"{ids} become {said!r}, not {text!r}"
