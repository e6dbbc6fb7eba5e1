"""A folder beside the checkpoint: every level and every finding, computed when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.breaking import brief
from tests.levels import LEVEL_NAMES
from toolkit.audio import Clip
from toolkit.core.findings import Finding
from toolkit.core.measures import Level
from toolkit.core.result import ModuleRow
from toolkit.diagnosis import Evidence, Truth, find_faults, take_inventory
from toolkit.oracle.reference import Reference
from toolkit.pipeline.prepare import Prepared
from toolkit.pipeline.truth import expect_texts, make_truth
from toolkit.replay.target import Target
from toolkit.tasks import Measurements
from toolkit.tasks.speech_seq2seq.clip import ClipRun, run_clip
from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget
from toolkit.trial.bench import Bench
from toolkit.trial.rows import module_rows


@dataclass(frozen=True, kw_only=True)
class Examined:
    prepared: Prepared
    truth: Truth
    bench: Bench
    runs: tuple[ClipRun, ...]

    @property
    def target(self) -> Target:
        return self.bench.target

    @property
    def rows(self) -> tuple[ModuleRow, ...]:
        return module_rows((run.pairs for run in self.runs), self.bench.target.kind_of)

    def level(self, name: str) -> Level:
        task = self.prepared.task
        measured = Measurements(
            kind=task.kind,
            bench=self.bench,
            runs=self.runs,
            checkpoint=self.prepared.checkpoint,
            plan=self.prepared.plan,
            contents=task.contents,
            padding=task.padding,
            texts=(),
        )
        return task.kind.level(name).judge(measured)

    def verdicts(self, verdict: str, names: Iterable[str] = LEVEL_NAMES) -> set[str]:
        """The levels with that verdict."""
        return {name for name in names if self.level(name).verdict == verdict}

    def findings(self, names: Iterable[str] = LEVEL_NAMES) -> tuple[Finding, ...]:
        """What diagnosis makes of the levels with these names."""
        return find_faults(
            Evidence(
                inventory=take_inventory(self.truth, self.target.view),
                modules=self.rows,
                levels=tuple(self.level(name) for name in names),
                kinds=self.prepared.task.kind.finding_kinds,
                twins=self.truth.twins,
            )
        )


def examine(
    truth: Truth,
    prepared: Prepared,
    make_bench: Callable[[Target], Bench],
    target: Target,
    clips: Iterable[Clip],
) -> Examined:
    """Both models on the clips; the searches of the converted one are kept short."""
    bench = make_bench(target)
    tags = prepared.task.contents.language_tags
    with brief(target):
        runs = tuple(run_clip(bench, c, tag=tags[c.lang or "en"]) for c in clips)
    return Examined(prepared=prepared, truth=truth, bench=bench, runs=runs)


@pytest.fixture(scope="session")
def truth(prepared: Prepared, reference: Reference) -> Truth:
    return make_truth(prepared, expect_texts(prepared, reference, ["Ёжик ест яблоко."]))


@pytest.fixture(scope="session")
def examined(
    truth: Truth,
    prepared: Prepared,
    make_bench: Callable[[Target], Bench],
    clip: Callable[[str], Clip],
) -> Callable[..., Examined]:
    """Examines a folder on the named clips; on a short one with an odd number of frames if none."""

    def look(folder: Path, *names: str) -> Examined:
        chosen = [clip(name) for name in names or ("ru_2",)]
        return examine(truth, prepared, make_bench, Seq2SeqTarget(folder), chosen)

    return look


@pytest.fixture(scope="session")
def right(
    truth: Truth,
    prepared: Prepared,
    make_bench: Callable[[Target], Bench],
    target: Target,
    clip: Callable[[str], Clip],
) -> Examined:
    """The right conversion on a short clip, another short one, and a quiet one."""
    return examine(truth, prepared, make_bench, target, [clip("ru_2"), clip("pt_1"), clip("quiet")])
