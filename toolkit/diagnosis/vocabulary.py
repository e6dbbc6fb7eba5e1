"""A folder's tokenizer against dict.txt and the sentencepiece model."""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.compare.tokenizer_settings import maybe_cut
from toolkit.compare.vocabulary import FILE, Difference, compare_vocabulary
from toolkit.core.result import Finding, Hypothesis, Note
from toolkit.diagnosis.truth import Truth
from toolkit.folder.view import FolderView

SHOWN, KEPT = 3, 20
"""How many of the things that are wrong a summary shows, and a finding keeps."""
MAX_SHOWN_CHARS = 300


def vocabulary_findings(truth: Truth, view: FolderView) -> Iterator[Finding]:
    """Rows, special tokens, settings and texts that the tokenizer has in another way."""
    if view.tokenizer is None:
        wrong = ("no tokenizer loads", *view.problems)
        yield _finding(Difference(aspect="rows", keys=(FILE,), wrong=wrong))
        return
    yield from map(_finding, compare_vocabulary(truth.vocabulary, view.tokenizer))


def vocabulary_notes(truth: Truth, view: FolderView) -> Iterator[Note]:
    """What shows only where labels are made for fine-tuning."""
    longest = maybe_cut(truth.contents, view.tokenizer)
    if longest is not None:
        yield Note(
            key="tokenizer_config.max_length",
            consequence="training",
            summary=f"a call before the tokenizer was saved left its length behind: a processor "
            f"cuts labels at {longest} tokens, unless `max_length` is given",
        )


def _finding(difference: Difference) -> Finding:
    shown = "; ".join(difference.wrong[:SHOWN])
    if len(shown) > MAX_SHOWN_CHARS:
        shown = f"{shown[: MAX_SHOWN_CHARS - 1]}…"
    return Finding(
        kind="vocabulary",
        consequence="text",
        target_module="",
        config_keys=difference.keys,
        summary=f"`{difference.keys[0]}` is not as dict.txt and the sentencepiece model say: "
        f"{shown}",
        hypothesis=Hypothesis(
            name="wrong_vocabulary", confirmed=True, detail={"rows": list(difference.wrong[:KEPT])}
        ),
        fix="build the tokenizer row by row from dict.txt and the sentencepiece model",
    )
