"""A folder beside the checkpoint: every level and every finding, computed when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.breaking import brief
from toolkit.audio import Clip
from toolkit.compare.static import (
    config_level,
    weight_errors,
    weights_level,
)
from toolkit.compare.vocabulary import vocabulary_level
from toolkit.core.result import LEVEL_NAMES, Finding, Level, ModuleRow
from toolkit.diagnosis import Evidence, Truth, find_faults, take_inventory
from toolkit.oracle.reference import Reference
from toolkit.pipeline.prepare import Prepared
from toolkit.pipeline.truth import expect_texts, make_truth
from toolkit.replay.target import Target
from toolkit.trial.clip import Bench, ClipRun, run_clip
from toolkit.trial.dynamic import (
    beam_level,
    front_end_level,
    greedy_level,
    logits_level,
    modules_level,
    unexplained_modules,
)
from toolkit.trial.padding import padding_level
from toolkit.trial.reload import reload_level
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
        contents, plan = self.prepared.task.contents, self.prepared.plan
        target, runs = self.target, self.runs
        if name == "weights":
            return weights_level(weight_errors(plan, self.prepared.checkpoint, target), target)
        if name == "modules":
            uncompared = self.bench.pairing.uncompared
            return modules_level(runs, unexplained_modules(uncompared, runs))
        if name == "reload":
            return reload_level(target, contents, plan, runs, self.bench.search)
        levels: dict[str, Callable[[], Level]] = {
            "config": lambda: config_level(contents, target),
            "vocabulary": lambda: vocabulary_level(contents, self.bench.reference, target, []),
            "front_end": lambda: front_end_level(runs),
            "logits": lambda: logits_level(runs, self.bench.pairing.tolerance()),
            "greedy": lambda: greedy_level(runs),
            "beam": lambda: beam_level(runs),
            "padding": lambda: padding_level(self.bench, runs, self.prepared.task.padding),
        }
        return levels[name]()

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
        return examine(truth, prepared, make_bench, Target(folder), chosen)

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
