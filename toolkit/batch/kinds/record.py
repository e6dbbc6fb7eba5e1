"""fairseq's answers, recorded."""

from __future__ import annotations

from toolkit.batch.kind import Answer, Kind
from toolkit.session.groups import Request
from toolkit.session.keywords import given_to
from toolkit.session.requests.record import Record


def _run(request: Request) -> Answer:
    from toolkit.pipeline.recording import record

    return record(**given_to(request))


KIND = Kind(name="record", request=Record, run=_run, writes="rec_dir")
