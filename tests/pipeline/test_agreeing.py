"""verify and diff say the same of a folder: the verdict, and the first cause."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit.audio import Clip
from toolkit.compare.pictures import shortest
from toolkit.core.breakable import Breakable
from toolkit.core.errors import BadInput
from toolkit.core.progress import silent
from toolkit.core.result import Finding, Result
from toolkit.faults import Fault, single_faults
from toolkit.pipeline.difference import Session, diff_folder, open_session
from toolkit.pipeline.origin import Origin
from toolkit.pipeline.prepare import Prepared
from toolkit.pipeline.verification import prove

SAMPLE = ("zeroed", "dropout_changed", "rows_swapped")
"""Kinds that come to a finding of a tensor, to a note, to a finding of the tokenizer."""

SHARDS = 20
"""Parts of the catalogue, which processes may share."""


@pytest.fixture(scope="module")
def session(prepared: Prepared, clips: tuple[Clip, ...]) -> Iterator[Session]:
    with open_session(prepared, shortest(clips, 1)) as opened:
        yield opened


@pytest.fixture(scope="module")
def one_of_each_kind(converted: Path, breakable: Breakable) -> dict[str, Fault]:
    return {fault.kind: fault for fault in reversed(single_faults(converted, breakable))}


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


def disagreement(
    session: Session, right: Path, fault: Fault, folder: Path, clips: tuple[Clip, ...]
) -> str | None:
    broken = Path(shutil.copytree(right, folder))
    fault.break_folder(broken)
    different, proven = diff_folder(session, broken), maybe_proven(session, broken, clips)
    shutil.rmtree(broken)
    if proven is None:
        return None if different.verdict == "mismatch" else f"refused, but {different.verdict}"
    if different.verdict != proven.verdict:
        return f"{different.verdict}, but {proven.verdict}"
    first, other = place(different.findings), place(proven.findings)
    return None if first == other else f"{first}, but {other}"


@pytest.mark.parametrize("kind", SAMPLE)
def test_verify_and_diff_agree_on_a_sample(
    kind: str,
    session: Session,
    converted: Path,
    one_of_each_kind: dict[str, Fault],
    tmp_path: Path,
    clips: tuple[Clip, ...],
) -> None:
    fault = one_of_each_kind[kind]
    assert disagreement(session, converted, fault, tmp_path / "broken", clips) is None


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_verify_and_diff_agree_on_every_fault(
    shard: int,
    session: Session,
    converted: Path,
    breakable: Breakable,
    tmp_path: Path,
    clips: tuple[Clip, ...],
) -> None:
    found = {
        fault.name: disagreement(session, converted, fault, tmp_path / "broken", clips)
        for fault in single_faults(converted, breakable)[shard::SHARDS]
    }
    assert {name: said for name, said in found.items() if said} == {}
