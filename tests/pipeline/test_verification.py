"""What a proof does by default, held against one that does everything on every clip.

The default is run on each deliberate fault of two golden checkpoints, both on one of each kind, on
clips of which the default leaves some out: of the modules, of the searches, of those with a beam.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.sampling import slow
from toolkit import record
from toolkit.audio import Clip, golden_folder
from toolkit.core.progress import silent
from toolkit.core.result import Result
from toolkit.faults import DoubleFault, Fault, double_faults, maybe_harmless, single_faults
from toolkit.pipeline.clips import clips_for, efforts_for
from toolkit.pipeline.faulting import breakable_of, names
from toolkit.pipeline.origin import Origin
from toolkit.pipeline.prepare import Inputs, Prepared, prepare
from toolkit.pipeline.verification import prove
from toolkit.pipeline.writing import write_converted

CLIPS = tuple(
    golden_folder() / f"{name}.flac" for name in ("tiny", "quiet", "ru_2", "es_1", "odd_frames")
)
AnyFault: TypeAlias = Fault | DoubleFault
FAMILIES = ("checkpoint", "ctc")
"""Folders of the golden checkpoints: one that is searched with a beam, one that is not."""
PARTS = 40
"""In how many tests the faults of a checkpoint are looked at."""
in_parts = pytest.mark.parametrize(
    ("family", "part"),
    [("ctc", None), *(slow(family, part) for family in FAMILIES for part in range(PARTS))],
)
"""One fault each time, all of them in the slow part."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A right conversion, and whom to ask about broken copies of it."""

    family: str
    prepared: Prepared
    right: Path

    @cached_property
    def clips(self) -> Sequence[Clip]:
        """What both proofs are run on."""
        return clips_for(self.prepared, CLIPS)

    @cached_property
    def origin(self) -> Origin:
        """Fairseq itself; where searches take long, what it said once."""
        if self.family == "ctc":
            return Origin()
        recording = self.right.parent / "recording"
        record(golden_folder() / self.family / "model.pt", recording, audio=CLIPS)
        return Origin(recording=recording)

    @cached_property
    def faults(self) -> Sequence[AnyFault]:
        """The whole catalogue."""
        given = (self.right, breakable_of(self.prepared))
        return (*single_faults(*given), *double_faults(*given))

    def prove(self, folder: Path, *, thorough: bool) -> Result:
        """The proof of one folder."""
        return prove(
            self.prepared, folder, self.clips, self.origin, thorough=thorough, progress=silent
        )


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trial]:
    """By the folder of a golden checkpoint; made when it is asked for."""

    @cache
    def make(family: str) -> Trial:
        prepared = prepare(Inputs(checkpoint=golden_folder() / family / "model.pt"))
        right = tmp_path_factory.mktemp(family) / "right"
        right.mkdir()
        write_converted(prepared, right)
        return Trial(family=family, prepared=prepared, right=right)

    return make


@pytest.mark.parametrize("family", FAMILIES)
def test_the_default_leaves_something_out_of_everything(
    family: str, trials: Callable[[str], Trial]
) -> None:
    trial = trials(family)
    efforts = efforts_for(trial.prepared, trial.clips, beam=True, thorough=False)
    done = [vars(effort) for effort in efforts]
    wanted = ("replayed", "searched", "piped", *(("beamed",) if family == "checkpoint" else ()))
    assert all(0 < sum(each[what] for each in done) < len(done) for what in wanted)


@in_parts
def test_the_default_finds_and_blames_every_fault_of_the_catalogue(
    family: str, part: int | None, trials: Callable[[str], Trial], tmp_path: Path
) -> None:
    trial = trials(family)
    missed = {
        fault.name: missing(trial, fault, tmp_path / "broken")
        for fault in part_of(trial.faults, part)
    }
    assert {name: said for name, said in missed.items() if said} == {}


@in_parts
def test_what_a_thorough_proof_finds_and_blames_the_default_finds_and_blames_alike(
    family: str, part: int | None, trials: Callable[[str], Trial], tmp_path: Path
) -> None:
    trial = trials(family)
    chosen = part_of(one_of_each_kind(trial.faults), part)
    found = {fault.name: difference(trial, fault, tmp_path / "broken") for fault in chosen}
    assert {name: said for name, said in found.items() if said} == {}


def test_what_draws_nothing_finds_the_same(trials: Callable[[str], Trial]) -> None:
    trial = trials("ctc")
    given = (trial.prepared, trial.right, trial.clips[:2], trial.origin)
    plain, drawn = (prove(*given, pictures=draws, progress=silent) for draws in (False, True))
    assert plain.pictures is None
    assert drawn.pictures is not None
    assert drawn.pictures.pairs
    assert plain.to_dict() == drawn.to_dict()


def part_of(faults: Sequence[AnyFault], part: int | None) -> Sequence[AnyFault]:
    """What one test looks at."""
    return faults[:1] if part is None else faults[part::PARTS]


def one_of_each_kind(faults: Sequence[AnyFault]) -> Sequence[AnyFault]:
    """The first of each kind, in the order of the catalogue."""
    return list({fault.kind: fault for fault in reversed(faults)}.values())[::-1]


def missing(trial: Trial, fault: AnyFault, broken: Path) -> str:
    """What the default says of a fault that it does not find; nothing where it finds it."""
    if not broken_by(trial, fault, broken):
        return ""
    result = trial.prove(broken, thorough=False)
    return "" if is_found(result, fault) else f"not blamed: {look(result)}"


def difference(trial: Trial, fault: AnyFault, broken: Path) -> str:
    """How the two proofs of a fault differ; nothing where both say the same."""
    if not broken_by(trial, fault, broken):
        return ""
    default, thorough = (trial.prove(broken, thorough=every) for every in (False, True))
    if look(default) == look(thorough) and failed(default) <= failed(thorough):
        return ""
    said = [{**look(one), "failed": failed(one)} for one in (default, thorough)]
    return f"default: {said[0]}, thorough: {said[1]}"


def broken_by(trial: Trial, fault: AnyFault, broken: Path) -> bool:
    """Whether a copy of the right folder, broken so, may do something else than it did."""
    shutil.rmtree(broken, ignore_errors=True)
    shutil.copytree(trial.right, broken)
    fault.break_folder(broken)
    return maybe_harmless(trial.right, broken) is None


def look(result: Result) -> Mapping[str, Any]:
    """What a result says of a folder, but for figures."""
    return {
        "verdict": result.verdict,
        "findings": [
            (f.kind, f.target_module, f.target_parameters, f.config_keys, f.hypothesis)
            for f in result.findings
        ],
        "notes": [(note.key, note.consequence) for note in result.notes],
    }


def failed(result: Result) -> set[str]:
    """Names of the levels that fail; more clips may fail one that fewer pass."""
    return {level.name for level in result.levels if level.verdict == "fail"}


def is_found(result: Result, fault: AnyFault) -> bool:
    """Whether a fault that does something is a mismatch, and what was broken is blamed first."""
    if isinstance(fault, DoubleFault):
        blamed = (any(names(f, truth) for f in result.findings) for truth in fault.truths)
        return result.verdict == "mismatch" and all(blamed)
    if fault.truth.noted:
        return result.verdict == "match" and result.notes != ()
    return result.verdict == "mismatch" and names(result.findings[0], fault.truth)
