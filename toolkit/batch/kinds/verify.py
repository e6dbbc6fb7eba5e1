"""A folder is proven against a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from toolkit.batch.kind import Answer, Cut, CutPlan, Kind
from toolkit.session.groups import Request
from toolkit.session.hub import fetch_named
from toolkit.session.keywords import given_to
from toolkit.session.requests.verify import Verify


def _run(request: Request) -> Answer:
    from toolkit.pipeline.verification import verify

    return verify(**given_to(request))


def _fits(request: Request) -> bool:
    """A recording, here or in another Python, is one thing: so is what is heard of it."""
    asked = cast(Verify, request)
    return asked.recording is None and asked.fairseq_python is None


def _plan(request: Request, address: str, clips_per_shard: int) -> CutPlan:
    from toolkit.pipeline.sharding import plan_shards

    return plan_shards(_fetched(request), address, clips_per_shard)


def _measure(request: Request, plan: CutPlan, number: int) -> object:
    from toolkit.pipeline.sharding import measure_shard
    from toolkit.pipeline.shards import ShardPlan

    return measure_shard(_fetched(request), cast(ShardPlan, plan), number)


def _judge(request: Request, plan: CutPlan, shards: Sequence[object]) -> Answer:
    from toolkit.pipeline.sharding import judge_shards
    from toolkit.pipeline.shards import Shard, ShardPlan

    return judge_shards(_fetched(request), cast(ShardPlan, plan), cast("Sequence[Shard]", shards))


def _fetched(request: Request) -> Verify:
    return fetch_named(cast(Verify, request))


KIND = Kind(
    name="verify",
    request=Verify,
    run=_run,
    cut=Cut(fits=_fits, plan=_plan, measure=_measure, judge=_judge),
)
