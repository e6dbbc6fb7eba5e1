"""A folder is proven against a checkpoint."""

from __future__ import annotations

from toolkit.batch.kind import Answer, Kind
from toolkit.session.groups import Request
from toolkit.session.keywords import given_to
from toolkit.session.requests.verify import Verify


def _run(request: Request) -> Answer:
    from toolkit.pipeline.verification import verify

    return verify(**given_to(request))


KIND = Kind(name="verify", request=Verify, run=_run)
