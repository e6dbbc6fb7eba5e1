"""What fairseq reads from a checkpoint and leaves out of its model, without a word."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from toolkit.core.coverage import Reason
from toolkit.core.findings import Finding, Hypothesis
from toolkit.core.formats import SinceFormat
from toolkit.mapping import Plan
from toolkit.replay.pairs import owner

LATEST = 3
"""The format that today's fairseq writes."""


def find_left_out(
    plan: Plan,
    uncompared: Iterable[tuple[str, Reason | None]],
    formats: Collection[SinceFormat],
) -> tuple[Finding, ...]:
    """A finding for each module whose tensors the checkpoint has and fairseq's model does not.

    The folder holds what the checkpoint does: it is the checkpoint that has to be mended.

    Args:
        plan: What the mapping makes.
        uncompared: Target modules without a counterpart, each with the reason where there is one.
        formats: Modules that fairseq has in later formats alone.
    """
    known = {item.module: item for item in formats}
    return tuple(_left_out(path, plan, known) for path, why in uncompared if why is None)


def _left_out(path: str, plan: Plan, known: dict[str, SinceFormat]) -> Finding:
    made = {n: a.source for n, a in plan.assignments.items() if owner(n) == path}
    sources = tuple(dict.fromkeys(source for source in made.values() if source is not None))
    module = owner(sources[0]) if sources else ""
    cause, fix = _explain(known.get(module), plan)
    return Finding(
        kind="missing",
        target_module=path,
        target_parameters=tuple(made),
        source_module=module,
        source_parameters=sources,
        summary=f"fairseq leaves `{module}` out of its model, although the checkpoint has its "
        f"tensors{cause}",
        hypothesis=Hypothesis(name="left_out", confirmed=bool(cause)),
        fix=fix,
    )


def _explain(since: SinceFormat | None, plan: Plan) -> tuple[str, str]:
    if since is None:
        return "", "compare the checkpoint's arguments with those that it was trained with"
    told = f"is below {since.first}" if since.marker in plan.sources else "is missing"
    return (
        f": `{since.marker}` {told}, so that it takes the file for one of a format without it",
        f"give the `model` of the checkpoint `{since.marker}` as `torch.tensor([{LATEST}.])`, as "
        "`toolkit export` does, if it was trained with that module; if not, take its tensors out",
    )


def explains(left_out: Iterable[Finding], module: str) -> bool:
    """Whether a module differs as something inside of it is left out of fairseq's model."""
    return any(_is_inside(finding.target_module, module) for finding in left_out)


def _is_inside(path: str, module: str) -> bool:
    return path == module or path.startswith(f"{module}.")
