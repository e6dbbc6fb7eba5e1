"""A folder's tokenizer against what the checkpoint implies of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolkit.compare.differences import Difference
from toolkit.core.findings import Finding, Hypothesis, Note
from toolkit.diagnosis.truth import Truth
from toolkit.folder.view import FolderView

SHOWN, KEPT = 3, 20
"""How many of the things that are wrong a summary shows, and a finding keeps."""
MAX_SHOWN_CHARS = 300
DIFFERING = "differing"
"""How many rows or settings differ, in a finding's evidence."""


def vocabulary_findings(
    truth: Truth, view: FolderView, known: Sequence[Difference] | None = None
) -> Iterator[Finding]:
    """Rows, special tokens, settings and texts that the tokenizer has in another way.

    Args:
        truth: What a folder must hold.
        view: What it holds.
        known: In what its tokenizer differs, if that was asked before.
    """
    if truth.vocabulary is None:
        return
    if view.tokenizer is None:
        file = truth.vocabulary.file
        is_there = (view.path / file).is_file()
        why = view.problems if is_there else (f"the folder has no `{file}`",)
        missing = Difference(aspect="rows", keys=(file,), wrong=("no tokenizer loads", *why))
        yield _finding(missing, truth.vocabulary.said_by)
        return
    for difference in truth.vocabulary.compare(view.tokenizer) if known is None else known:
        yield _finding(difference, truth.vocabulary.said_by)


def vocabulary_notes(truth: Truth, view: FolderView) -> Iterator[Note]:
    """What shows only where labels are made for fine-tuning."""
    if truth.vocabulary is None or view.tokenizer is None:
        return
    longest = truth.vocabulary.maybe_cut(view.tokenizer)
    if longest is not None:
        yield Note(
            key="tokenizer_config.max_length",
            consequence="training",
            summary=f"a call before the tokenizer was saved left its length behind: a processor "
            f"cuts labels at {longest} tokens, unless `max_length` is given",
        )


def _finding(difference: Difference, said_by: str) -> Finding:
    said_by = difference.said_by or said_by
    shown = "; ".join(difference.wrong[:SHOWN])
    if len(shown) > MAX_SHOWN_CHARS:
        shown = f"{shown[: MAX_SHOWN_CHARS - 1]}…"
    return Finding(
        kind="vocabulary",
        consequence="text",
        target_module="",
        config_keys=difference.keys,
        summary=f"`{difference.keys[0]}` is not as {said_by} say: {shown}",
        hypothesis=Hypothesis(
            name="wrong_vocabulary", confirmed=True, detail={"rows": list(difference.wrong[:KEPT])}
        ),
        evidence={DIFFERING: len(difference.wrong)},
        fix=difference.fix or f"build the tokenizer row by row from {said_by}",
    )
