"""The tasks that one job is cut into: a plan, its shards, and the verdict on all of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from toolkit.batch.kept import keep, kept
from toolkit.batch.kind import Cut, CutPlan
from toolkit.batch.kinds import kinds
from toolkit.batch.outcome import Outcome
from toolkit.batch.work import Task

SHARDS = "shards"
"""Folder of what jobs are at that are cut, in the results."""


@dataclass(frozen=True, kw_only=True)
class Planned(Outcome):
    """A plan was made."""

    shards: int


@dataclass(frozen=True, kw_only=True)
class Part(Task):
    """A task that is a part of a job."""

    @property
    def cut(self) -> Cut:
        """How the parts of such a job are done."""
        cut = kinds()[self.kind].cut
        assert cut is not None, "only kinds that can be cut have parts"
        return cut

    @property
    def folder(self) -> Path:
        """Where the parts of a job lie; nothing else has the same."""
        return self.results / SHARDS / f"{self.address}-{self.clips_per_shard}"

    @property
    def plan_path(self) -> Path:
        """Where its plan lies."""
        return self.folder / "plan.pt"

    def plan(self) -> CutPlan:
        """The plan that was made.

        Raises:
            InternalError: its file is damaged.
        """
        return cast(CutPlan, kept(self.plan_path))

    def shard_path(self, number: int) -> Path:
        """Where a shard lies that was measured."""
        return self.folder / f"{number}.pt"


@dataclass(frozen=True, kw_only=True)
class Planning(Part):
    """Everything is found out that depends on all clips."""

    @property
    def part(self) -> str:
        """Which part it is."""
        return "plan"

    def run(self) -> Outcome:
        """Makes the plan, if it is not there; does all where one shard would have all clips."""
        if self.plan_path.is_file():
            plan = self.plan()
        else:
            assert self.clips_per_shard is not None, "a whole job needs no plan"
            plan = self.cut.plan(self.request, self.folder.name, self.clips_per_shard)
        if len(plan.shards) == 1:
            return super().run()
        self.folder.mkdir(parents=True, exist_ok=True)
        keep(plan, self.plan_path)
        return Planned(ending="done", shards=len(plan.shards))


@dataclass(frozen=True, kw_only=True)
class Measuring(Part):
    """The clips of one shard are measured."""

    number: int
    """From 0."""
    total: int
    """How many there are."""

    @property
    def part(self) -> str:
        """Which part it is."""
        return f"shard {self.number + 1} of {self.total}"

    def run(self) -> Outcome:
        """Measures the shard and keeps what comes of it."""
        plan = self.plan()
        shard = self.cut.measure(self.request, plan, self.number)
        keep(shard, self.shard_path(self.number))
        return Outcome(ending="done")


@dataclass(frozen=True, kw_only=True)
class Judging(Part):
    """The verdict is made of all shards."""

    @property
    def part(self) -> str:
        """Which part it is."""
        return "verdict"

    def run(self) -> Outcome:
        """Judges what all shards measured."""
        plan = self.plan()
        shards = [kept(self.shard_path(number)) for number in range(len(plan.shards))]
        return self.ended(self.cut.judge(self.request, plan, shards))
