"""What is wrong with a folder."""

from __future__ import annotations

from toolkit.batch.kind import Answer, Kind
from toolkit.session.groups import Request
from toolkit.session.keywords import given_to
from toolkit.session.requests.diff import Diff


def _run(request: Request) -> Answer:
    from toolkit.pipeline.difference import diff

    return diff(**given_to(request))


KIND = Kind(name="diff", request=Diff, run=_run)
