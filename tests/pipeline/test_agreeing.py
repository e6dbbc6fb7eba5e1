"""verify and diff say the same of a folder: the verdict, and the first cause."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.sampling import wide
from toolkit.audio import Clip, golden_folder
from toolkit.compare.pictures import shortest
from toolkit.core.errors import BadInput
from toolkit.core.findings import Finding
from toolkit.core.progress import silent
from toolkit.core.result import Result
from toolkit.faults import Fault, single_faults
from toolkit.pipeline.difference import Session, diff_folder, open_session
from toolkit.pipeline.faulting import breakable_of
from toolkit.pipeline.origin import Origin
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.pipeline.verification import prove
from toolkit.pipeline.writing import write_converted

SAMPLE = ("zeroed", "dropout_changed", "rows_swapped")
"""Kinds that come to a finding of a tensor, to a note, to a finding of the tokenizer."""

SHARDS = 20
"""Parts of the catalogue, which processes may share."""


@dataclass(frozen=True, kw_only=True)
class Right:
    """A right conversion of a golden checkpoint."""

    session: Session
    folder: Path
    faults: tuple[Fault, ...]
    """All that can be broken of it."""


@pytest.fixture(scope="module", params=["checkpoint", "ctc"])
def right(
    request: pytest.FixtureRequest,
    clips: tuple[Clip, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Right]:
    prepared = prepare(Inputs(checkpoint=golden_folder() / request.param / "model.pt"))
    folder = tmp_path_factory.mktemp(request.param) / "hf"
    folder.mkdir()
    write_converted(prepared, folder)
    with open_session(prepared, shortest(clips, 1)) as session:
        faults = tuple(single_faults(folder, breakable_of(prepared)))
        yield Right(session=session, folder=folder, faults=faults)


def place(findings: tuple[Finding, ...]) -> tuple[object, ...]:
    """What the first finding names; nothing where there is none."""
    return tuple(
        (finding.kind, finding.target_parameters, finding.config_keys) for finding in findings[:1]
    )


def maybe_proven(session: Session, folder: Path, clips: tuple[Clip, ...]) -> Result | None:
    """What verify says; None where it refuses a folder that transformers cannot load."""
    try:
        return prove(session.prepared, folder, shortest(clips, 1), Origin(), progress=silent)
    except BadInput:
        return None


def disagreement(right: Right, fault: Fault, folder: Path, clips: tuple[Clip, ...]) -> str | None:
    broken = Path(shutil.copytree(right.folder, folder))
    fault.break_folder(broken)
    different = diff_folder(right.session, broken)
    proven = maybe_proven(right.session, broken, clips)
    shutil.rmtree(broken)
    if proven is None:
        return None if different.verdict == "mismatch" else f"refused, but {different.verdict}"
    if different.verdict != proven.verdict:
        return f"{different.verdict}, but {proven.verdict}"
    first, other = place(different.findings), place(proven.findings)
    return None if first == other else f"{first}, but {other}"


@pytest.mark.parametrize("kind", [SAMPLE[0], *map(wide, SAMPLE[1:])])
def test_verify_and_diff_agree_on_a_sample(
    kind: str, right: Right, tmp_path: Path, clips: tuple[Clip, ...]
) -> None:
    fault = next(fault for fault in right.faults if fault.kind == kind)
    assert disagreement(right, fault, tmp_path / "broken", clips) is None


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_verify_and_diff_agree_on_every_fault(
    shard: int, right: Right, tmp_path: Path, clips: tuple[Clip, ...]
) -> None:
    found = {
        fault.name: disagreement(right, fault, tmp_path / "broken", clips)
        for fault in right.faults[shard::SHARDS]
    }
    assert {name: said for name, said in found.items() if said} == {}
