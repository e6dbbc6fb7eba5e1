"""Says what a checkpoint is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from toolkit.blocks.known_tensors import maybe_known_specs
from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.finite import find_not_finite
from toolkit.checkpoint.formats import left_out
from toolkit.core.artifact import Artifact
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput, BrokenRule
from toolkit.core.inspection import ConfigField, Inspection
from toolkit.core.origin import spelled
from toolkit.families import Family, Network, Task, architecture, find_family
from toolkit.families.sidecars import Named, Sidecars
from toolkit.mapping import Table, dropped_tensors, make_plan, unclaimed_tensors
from toolkit.pipeline.prepare import (
    Inputs,
    maybe_read_rows,
    open_mapped,
    table_with,
    with_languages,
)
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.inspect import Inspect


@keywords_of(Inspect)
def inspect(request: Inspect) -> Inspection:
    """What a fairseq file is, and what a conversion will do with it.

    Nothing of the file runs, and fairseq is not needed. Missing companions are reported, not
    refused.

    Raises:
        BadInput: the file is no fairseq checkpoint of a known family, or a companion that is named
            is none.
    """
    inputs = request.part(Inputs)
    rules = maybe_read_rows(inputs)
    opened = open_mapped(inputs, rules)
    family = find_family(opened)
    network = family.network(opened, inputs.options)
    table = table_with(network, rules)
    sidecars = _sidecars(family, opened, inputs.named)
    dropped = dropped_tensors(table, opened.tensors)
    unused = {reason.name for reason in dropped}
    prospect = _foresee(family, opened, network, table, sidecars, inputs)
    return Inspection(
        source=Artifact(path=spelled(inputs.checkpoint), sha256=opened.sha256()),
        format=opened.format,
        family=family.name,
        generation=network.generation,
        architecture=architecture(opened),
        tensors=len(opened.tensors),
        parameters=_parameters(opened),
        dtypes={**Counter(spec.dtype for spec in opened.tensors.values())},
        has_optimizer_state=opened.has_optimizer_state,
        fields=tuple(_fields(network)),
        assumptions=(*prospect.assumptions, *left_out(opened, network.formats)),
        unknown=prospect.unknown,
        refusals=prospect.refusals,
        task=prospect.task,
        architectures=prospect.architectures,
        shortcomings=network.shortcomings,
        dropped=(*dropped, *opened.left_out, *opened.wrappers),
        languages=() if isinstance(sidecars, str) else tuple(sidecars.languages),
        sidecars=_files(sidecars),
        not_finite=find_not_finite(opened, (n for n in opened.tensors if n not in unused)),
    )


def _parameters(checkpoint: Checkpoint) -> int:
    twins = {name for group in checkpoint.aliases() for name in group[1:]}
    return sum(spec.numel for name, spec in checkpoint.tensors.items() if name not in twins)


def _fields(network: Network) -> Iterator[ConfigField]:
    unknown = {reason.name for reason in network.unknown}
    for name, field in network.config.items():
        if name not in unknown:
            yield ConfigField(name=name, value=field.value, evidence=field.evidence)


@dataclass(frozen=True, kw_only=True)
class _Prospect:
    """What a conversion will come upon."""

    assumptions: tuple[Reason, ...]
    unknown: tuple[Reason, ...]
    refusals: tuple[Reason, ...]
    task: str | None = None
    architectures: tuple[str, ...] = ()


def _foresee(
    family: Family,
    checkpoint: Checkpoint,
    network: Network,
    table: Table,
    sidecars: Sidecars | str,
    inputs: Inputs,
) -> _Prospect:
    """What is known of the network, and of its task and plan as far as that is understood."""
    unclaimed = unclaimed_tensors(table, checkpoint.tensors)
    known = _Prospect(
        assumptions=network.assumptions,
        unknown=network.unknown,
        refusals=(*network.refusals, *unclaimed),
    )
    if isinstance(sidecars, str):
        missing = Reason(name="files beside the checkpoint", because=sidecars)
        return replace(known, unknown=(*known.unknown, missing))
    if known.unknown or known.refusals:
        return known
    try:
        task = family.task(checkpoint, sidecars, network, inputs.options)
    except BadInput as error:
        if _speaks_of(error, inputs.named):
            raise
        return replace(known, unknown=(Reason(name="task", because=str(error)),))
    return replace(
        known,
        assumptions=task.assumptions,
        refusals=tuple(_plan_problems(table, checkpoint, task)),
        task=task.kind.name,
        architectures=tuple(task.contents.config["architectures"]),
    )


def _plan_problems(table: Table, checkpoint: Checkpoint, task: Task) -> Iterator[Reason]:
    targets = maybe_known_specs(task.contents.config)
    if targets is None:
        return
    try:
        make_plan(table, checkpoint.tensors, with_languages(targets, task.contents))
    except BrokenRule as error:
        for line in str(error).split("\n"):
            yield Reason(name="rules", because=line)


def _sidecars(family: Family, checkpoint: Checkpoint, named: Named) -> Sidecars | str:
    """The checkpoint's companions, or why one is missing.

    Raises:
        BadInput: one that the user names is none.
    """
    try:
        return family.sidecars(checkpoint, named)
    except BadInput as error:
        if _speaks_of(error, named):
            raise
        return " ".join(str(error).split("\n"))


def _speaks_of(error: BadInput, named: Named) -> bool:
    """Whether an error is about a file that the user names."""
    paths = (path for path in vars(named).values() if path is not None)
    return any(f"`{path}`" in str(error) for path in paths)


def _files(found: Sidecars | str) -> dict[str, str]:
    return {"missing": found} if isinstance(found, str) else found.files
