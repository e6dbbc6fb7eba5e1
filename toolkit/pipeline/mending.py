"""Writes a folder with the findings of another one undone, and proves it before it appears."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from toolkit.audio import Clip
from toolkit.core.errors import BadInput
from toolkit.core.findings import Finding
from toolkit.core.progress import Progress
from toolkit.core.result import Fixed, Result
from toolkit.folder.foreign_code import find_foreign_code
from toolkit.folder.safe_copy import loadable
from toolkit.folder.staging import staged_folder
from toolkit.folder.weights import write_weights
from toolkit.pipeline.origin import Origin
from toolkit.pipeline.papers import write_papers
from toolkit.pipeline.prepare import Prepared
from toolkit.pipeline.undoing import copy_whole, copy_without_weights, undo_keys
from toolkit.pipeline.verification import prove
from toolkit.pipeline.writing import write_converted
from toolkit.session.requests.verify import Verify


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """What it takes to mend a folder and to prove it."""

    prepared: Prepared
    """The checkpoint for the classes of the folder."""
    prepare_freely: Callable[[], Prepared]
    """The checkpoint for the classes that a conversion chooses."""
    clips: Sequence[Clip]
    origin: Origin
    progress: Progress
    proof: Verify
    """What proves the new folder again."""


def check_destination(destination: Path, folder: Path) -> None:
    """Makes sure, before any work, that a mended folder can appear.

    Raises:
        BadInput: it exists, or lies in the folder under test.
    """
    if os.path.lexists(destination):
        raise BadInput(f"`{destination}` must not exist yet, but does. Choose another `--fix` DIR.")
    if destination.resolve().is_relative_to(folder.resolve()):
        raise BadInput(
            f"`{destination}` must lie outside the folder under test, but lies in `{folder}`, "
            "which is never changed. Choose another `--fix` DIR."
        )


def mend(result: Result, folder: Path, destination: Path, bench: Workbench) -> Result:
    """The result with what became of its findings in the new folder.

    They are undone one by one in a copy. Where that does not make a match, because the classes
    cannot express the checkpoint or files say more than findings name, a conversion is written. The
    folder appears when it is proven on the clips of the diff; nothing is written for a match.

    Args:
        result: What diff found.
        folder: The folder that it found it in.
        destination: The folder to write.
        bench: What it takes.

    Raises:
        BadInput: the destination cannot be written, or neither way leads to a match.
    """
    if result.verdict == "match":
        return result
    with staged_folder(destination) as staged:
        ways = {"undone": _undo, "converted": _convert}
        for how, way in ways.items():
            prepared = way(result.findings, folder, staged.path, bench)
            proof = prove(prepared, staged.path, bench.clips, bench.origin, progress=bench.progress)
            if proof.verdict == "match":
                write_papers(staged.path, proof, prepared, bench.proof)
                staged.publish()
                fixed = Fixed(path=str(destination), how=how, findings=len(result.findings))
                return replace(result, fixed=fixed)
    failing = ", ".join(level.name for level in proof.levels if level.verdict == "fail")
    raise BadInput(
        f"`{destination}` must be a folder that matches, but a conversion of "
        f"`{result.source.path}` does not either: {failing}. Run `toolkit convert` for the details."
    )


def _undo(findings: Sequence[Finding], folder: Path, staged: Path, bench: Workbench) -> Prepared:
    """Right weights, keys and tokenizer wherever a finding names them; the rest as it was."""
    prepared = bench.prepared
    contents = prepared.task.contents
    rewritten = any(finding.target_parameters for finding in findings)
    with loadable(folder, find_foreign_code(folder)) as place:
        copy = copy_without_weights if rewritten else copy_whole
        copy(place, staged)
    if rewritten:
        write_weights(prepared.plan, prepared.checkpoint, staged)
    undo_keys(contents, [f for f in findings if f.kind != "vocabulary"], staged)
    if any(finding.kind == "vocabulary" for finding in findings):
        for file in staged.glob("*token*"):
            file.unlink()
        prepared.task.kind.write_tokenizer(contents, staged)
    return prepared


def _convert(_: Sequence[Finding], __: Path, staged: Path, bench: Workbench) -> Prepared:
    prepared = bench.prepare_freely()
    shutil.rmtree(staged)
    staged.mkdir()
    write_converted(prepared, staged)
    return prepared
