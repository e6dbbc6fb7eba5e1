"""Puts together what a report draws: sketches of a run, where its tensors come from, its words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.compare.pictures import Drawn, try_to_undo
from toolkit.core.findings import Finding
from toolkit.core.pictures import ClipPicture, Pictures, TensorPicture, Trial
from toolkit.core.result import Result
from toolkit.core.tokens import ClipTokens, TokenComparison
from toolkit.diagnosis import Truth
from toolkit.folder.view import FolderView
from toolkit.report.differences import token_ids

if TYPE_CHECKING:
    from torch import Tensor


def finish_pictures(
    book: Drawn,
    truth: Truth,
    view: FolderView,
    findings: Sequence[Finding],
    said: Sequence[ClipTokens] = (),
) -> Pictures:
    """All that a report draws of one run.

    Args:
        book: What was drawn during the run.
        truth: What the folder must hold.
        view: What it holds.
        findings: What was found.
        said: What both models said.
    """
    symbols = truth.contents.dictionary.symbols
    tokens = {
        *(token for clip in book.clips for token in _drawn(clip)),
        *(token for clip in said for one in (clip.greedy, *clip.beam) for token in _spoken(one)),
        *(token for finding in findings for token in token_ids(finding)),
    }
    return Pictures(
        clips=book.clips,
        pairs=tuple(book.pairs),
        flow=book.flow,
        tensors=tuple(_tensors(truth, view, findings)),
        pieces={token: symbols[token] for token in sorted(tokens) if token < len(symbols)},
    )


def _drawn(clip: ClipPicture) -> tuple[int, ...]:
    return (*clip.prefix, *(t for step in clip.steps for t in (step.expected, step.actual)))


def _spoken(one: TokenComparison) -> tuple[int, ...]:
    return (*one.reference, *one.converted)


def name_reproductions(result: Result, folder: Path | None) -> Result:
    """The result with the minimal reproductions that lie in a folder, one subfolder a module."""
    if folder is None or result.pictures is None or not folder.is_dir():
        return result
    found = {path.name: path.as_posix() for path in sorted(folder.iterdir()) if path.is_dir()}
    return replace(result, pictures=replace(result.pictures, reproductions=found))


def _tensors(
    truth: Truth, view: FolderView, findings: Sequence[Finding]
) -> Iterator[TensorPicture]:
    wrong = {name: finding for finding in findings for name in finding.target_parameters}
    for name, assignment in truth.plan.assignments.items():
        spec, finding = truth.plan.targets[name], wrong.get(name)
        yield TensorPicture(
            name=name,
            shape=tuple(spec.shape),
            dtype=str(spec.dtype).removeprefix("torch."),
            source=assignment.source,
            rule=truth.origins.get(name, assignment.origin),
            holds="" if finding is None else _holds(finding),
            trials=() if finding is None else _trials(name, finding, truth.tensors, view.tensors),
        )


def _holds(finding: Finding) -> str:
    """What a tensor holds in place of its own values, in words."""
    hypothesis = finding.hypothesis
    if hypothesis is None:
        return "differs from what the checkpoint says"
    other = hypothesis.detail.get("with")
    name = hypothesis.name.replace("_", " ")
    return f"holds the values of {other} ({name})" if other else name


def _trials(
    name: str, finding: Finding, expected: Mapping[str, Tensor], actual: Mapping[str, Tensor]
) -> tuple[Trial, ...]:
    """What was undone and the error left; a confirmed hypothesis leaves none."""
    if name not in expected or name not in actual:
        return ()
    hypothesis = finding.hypothesis
    known: tuple[Trial, ...] = ()
    if hypothesis is not None and hypothesis.confirmed:
        known = (Trial(name=hypothesis.name.replace("_", " "), error=0.0),)
    tried = try_to_undo(expected[name].float(), actual[name].float())
    return (*known, *(trial for trial in tried if trial.name not in {t.name for t in known}))
