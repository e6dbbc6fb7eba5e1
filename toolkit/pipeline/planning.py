"""Says what a conversion is going to do, and does none of it."""

from __future__ import annotations

from toolkit.core.planned import PlannedConversion
from toolkit.core.progress import silent
from toolkit.folder.languages import of_model
from toolkit.folder.staging import staged_folder
from toolkit.folder.weights import weight_files
from toolkit.pipeline.clips import efforts_for, size_of
from toolkit.pipeline.origin import Origin
from toolkit.pipeline.prepare import Inputs, Prepared, known_or_asked, prepare
from toolkit.pipeline.provable import why_unprovable, why_unverified
from toolkit.pipeline.reproduce import command_line
from toolkit.pipeline.room import expect_room, maybe_free_bytes
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.convert import Convert
from toolkit.trial.duration import describe_seconds, estimate_seconds, measure_speed
from toolkit.trial.effort import describe_effort

TOLD = {None: "", True: " --verify", False: " --no-verify"}
"""What a user said of a proof, which a line that gives a proof once more leaves out."""


@keywords_of(Convert)
def plan_conversion(request: Convert) -> PlannedConversion:
    """What `convert` would do with the same arguments. It reads everything and writes nothing.

    Raises:
        BadInput: a file, folder, device or value cannot be used, or no exact conversion exists.
        BrokenRule: the family's rules do not cover the checkpoint.
    """
    (request.progress or silent)("reading the checkpoint", 0, 1)
    origin = request.part(Origin)
    because = why_unverified(request.verify, origin)
    with staged_folder(request.out):
        prepared = prepare(request.part(Inputs), known_or_asked)
    files = weight_files(prepared.plan, prepared.checkpoint, request.max_shard_bytes)
    expect_room(request.out, sum(files.values()))
    because = because or why_unprovable(prepared, request.verify, origin)
    comparison, seconds = ("", None) if because else _foresee(prepared, origin, request)
    assigned = prepared.plan.assignments
    return PlannedConversion(
        source=str(request.checkpoint),
        out=str(request.out),
        task=prepared.task.kind.name,
        architectures=tuple(prepared.task.contents.config["architectures"]),
        carries_code=bool(prepared.network.shortcomings),
        parameters=sum(prepared.plan.targets[name].numel for name in of_model(assigned)),
        files=files,
        free_bytes=maybe_free_bytes(request.out),
        assumptions=prepared.assumptions,
        unverified_because=because,
        comparison=comparison,
        seconds=seconds,
        next=command_line(request) + TOLD[request.verify],
    )


def _foresee(prepared: Prepared, origin: Origin, request: Convert) -> tuple[str, float]:
    """What a proof compares, and how long that takes."""
    clips = origin.read_clips(prepared, request.named(prepared.task.kind.medium))
    efforts = efforts_for(prepared, clips, beam=request.beam, thorough=request.thorough)
    seconds = estimate_seconds(size_of(prepared, clips), efforts, measure_speed())
    many = prepared.task.kind.medium.many
    return f"{describe_effort(efforts, many)}{describe_seconds(seconds)}", seconds
