"""Breaks a good conversion on purpose, one fault at a time, and checks what diff says of each."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.formats import tell_format
from toolkit.compare.pictures import shortest
from toolkit.core.breakable import Breakable, joined
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput
from toolkit.core.findings import Finding
from toolkit.core.outcomes import DoubleOutcome, FaultOutcome, FaultsResult, YardstickOutcome
from toolkit.core.progress import Progress, silent
from toolkit.core.result import ModuleRow, Result
from toolkit.faults import (
    CheckpointFault,
    DoubleFault,
    Fault,
    Truth,
    checkpoint_faults,
    double_faults,
    maybe_harmless,
    single_faults,
)
from toolkit.mapping import Tie
from toolkit.oracle.asking import Pass
from toolkit.pipeline.difference import Session, diff_folder, open_session
from toolkit.pipeline.golden import golden_checkpoint, golden_of
from toolkit.pipeline.pairing import pair_with
from toolkit.pipeline.prepare import Inputs, Prepared, prepare
from toolkit.pipeline.workers import share_among
from toolkit.pipeline.writing import write_converted
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.faults import Faults
from toolkit.trial.baselines import (
    BaselineVerdict,
    detected_by_all,
    judge_baselines,
    record_float32,
)


@keywords_of(Faults)
def faults(request: Faults) -> FaultsResult:
    """Breaks the conversion of a checkpoint in every way of the catalogue, and runs diff on each.

    Raises:
        BadInput: the checkpoint cannot be converted, or no fault is kept.
    """
    report = request.progress or silent
    started = time.monotonic()
    source = _source(request)
    with tempfile.TemporaryDirectory(prefix="toolkit-faults-") as name:
        right = Path(name) / "right"
        prepared = _convert(source, right)
        chosen = [fault for fault in _every_fault(prepared, right) if request.only in fault.name]
        if not chosen:
            raise BadInput("`--only` must keep at least one fault, but keeps none. Widen it.")
        outcomes = list(_run_all(source, right, chosen, request.workers, report))
    return FaultsResult(
        singles=tuple(o for o in outcomes if isinstance(o, FaultOutcome)),
        doubles=tuple(o for o in outcomes if isinstance(o, DoubleOutcome)),
        excluded=tuple(o for o in outcomes if isinstance(o, Reason)),
        duration_s=time.monotonic() - started,
    )


Outcome = FaultOutcome | DoubleOutcome | Reason
Single = Fault | CheckpointFault


def _source(request: Faults) -> Path:
    if request.family is None:
        return request.checkpoint or golden_checkpoint()
    if request.checkpoint is not None:
        raise BadInput(
            "`--family` must stand alone, as it names the golden checkpoint of a family, but "
            f"`{request.checkpoint}` is named too. Leave one out."
        )
    return golden_of(request.family)


def breakable_of(prepared: Prepared) -> Breakable:
    """What of a conversion can be broken, as its family and its task say."""
    return joined((prepared.network.breakable, prepared.task.kind.breakable))


def _convert(source: Path, folder: Path) -> Prepared:
    prepared = prepare(Inputs(checkpoint=source))
    folder.mkdir()
    write_converted(prepared, folder)
    return prepared


def _every_fault(prepared: Prepared, right: Path) -> Iterator[Single | DoubleFault]:
    breakable = breakable_of(prepared)
    yield from single_faults(right, breakable)
    yield from faults_of_checkpoint(prepared)
    yield from double_faults(right, breakable)


def faults_of_checkpoint(prepared: Prepared) -> Iterator[CheckpointFault]:
    """Those that a checkpoint can have while its folder is right."""
    plan = prepared.plan
    origins = {name: a.source for name, a in plan.assignments.items() if a.source is not None}
    yield from checkpoint_faults(origins, tuple(plan.sources), prepared.network.formats)


def _run_all(
    source: Path,
    right: Path,
    chosen: Sequence[Single | DoubleFault],
    workers: int,
    progress: Progress,
) -> Iterator[Outcome]:
    run = partial(_run_in_worker, source, right)
    for done, outcome in enumerate(share_among(workers, run, chosen), start=1):
        progress(chosen[done - 1].name, done, len(chosen))
        yield outcome


@dataclass(frozen=True, kw_only=True)
class _Workshop:
    """What a worker needs for any fault."""

    session: Session
    right: Path
    expected: Pass
    """fairseq's float32 pass over the first clip, for the yardsticks."""


_WORKSHOP: list[_Workshop] = []
"""The worker's own; a process starts it once."""


def _workshop(source: Path, right: Path) -> _Workshop:
    import torch

    if not _WORKSHOP:
        torch.set_num_threads(1)
        _WORKSHOP.append(ExitStack().enter_context(_open_workshop(source, right)))
    return _WORKSHOP[0]


@contextmanager
def _open_workshop(
    source: Path, right: Path, spoil: Callable[[Checkpoint], Checkpoint] | None = None
) -> Iterator[_Workshop]:
    prepared = prepare(Inputs(checkpoint=source), spoil=spoil)
    with open_session(prepared, shortest(prepared.task.kind.medium.read([]))) as session:
        expected = record_float32(session.asked.reference, session.records[0])
        yield _Workshop(session=session, right=right, expected=expected)


def _run_in_worker(source: Path, right: Path, fault: Single | DoubleFault) -> Outcome:
    if isinstance(fault, CheckpointFault):
        spoil = partial(tell_format, marker=fault.marker, number=fault.number)
        with _open_workshop(source, right, spoil) as workshop:
            return _judge_single(fault, workshop, right)
    workshop = _workshop(source, right)
    # Beside the right folder, so that nothing stays if this process is ended.
    with tempfile.TemporaryDirectory(prefix="fault-", dir=right.parent) as name:
        broken = Path(shutil.copytree(workshop.right, Path(name) / "broken"))
        fault.break_folder(broken)
        proof = maybe_harmless(workshop.right, broken)
        if proof is not None:
            return Reason(name=fault.name, because=proof)
        if isinstance(fault, DoubleFault):
            return _judge_double(fault, diff_folder(workshop.session, broken).findings)
        if fault.truth.noted:
            return _judge_noted(fault, diff_folder(workshop.session, broken))
        return _judge_single(fault, workshop, broken)


def _judge_single(fault: Single, workshop: _Workshop, broken: Path) -> FaultOutcome:
    result = diff_folder(workshop.session, broken)
    ties = workshop.session.prepared.proof.ties
    first = result.findings[0] if result.findings else None
    right, wrong = _module_errors(fault.truth, result.modules, ties)
    hypothesis = first.hypothesis if first else None
    return FaultOutcome(
        name=fault.name,
        kind=fault.kind,
        part=fault.part,
        of_weights=bool(fault.truth.parameters),
        noted=False,
        detected=first is not None,
        blamed=first is not None and names(first, fault.truth),
        hypothesis=hypothesis is not None
        and hypothesis.confirmed
        and hypothesis.name in fault.truth.hypotheses,
        extra=max(0, len(result.findings) - 1),
        said=_say(first),
        right_error=max(right, default=0.0),
        wrong_error=max(wrong, default=None),
        yardsticks=tuple(
            YardstickOutcome(
                name=baseline.name,
                detects=baseline.detects,
                names_module=baseline.module in fault.truth.modules,
            )
            for baseline in _yardsticks(workshop, broken)
        ),
    )


def _judge_noted(fault: Fault, result: Result) -> FaultOutcome:
    """What a fault that nobody sees comes to: a note, no finding, the verdict of a match."""
    named = [note for note in result.notes if note.key in fault.truth.config_keys]
    is_right = bool(named) and result.verdict == "match"
    return FaultOutcome(
        name=fault.name,
        kind=fault.kind,
        part=fault.part,
        of_weights=False,
        noted=True,
        detected=is_right,
        blamed=is_right,
        hypothesis=False,
        extra=len(result.findings),
        said=named[0].summary if named else _say(next(iter(result.findings), None)),
        right_error=0.0,
        wrong_error=None,
        yardsticks=(),
    )


def _module_errors(
    truth: Truth, rows: Sequence[ModuleRow], ties: Sequence[Tie]
) -> tuple[list[float], list[float]]:
    """Isolated errors of modules without a broken tensor, and of those that own one and show it."""
    if not truth.parameters or truth.config_keys:
        return [], []
    broken = truth.parameters | {t.target for t in ties if t.target_twin in truth.parameters}
    right = [
        row.isolated_error
        for row in rows
        if row.target not in truth.modules
        and not any(name.startswith(f"{row.target}.") for name in broken)
    ]
    wrong = [row.isolated_error for row in rows if row.target in truth.modules]
    return right, [error for error in wrong if error > 0]


def _judge_double(fault: DoubleFault, findings: Sequence[Finding]) -> DoubleOutcome:
    first, second = (any(names(f, truth) for f in findings) for truth in fault.truths)
    return DoubleOutcome(
        name=fault.name,
        kind=fault.kind,
        found=(first, second),
        extra=max(0, len(findings) - 2),
        said=tuple(finding.summary for finding in findings),
    )


def names(finding: Finding, truth: Truth) -> bool:
    """Whether the finding points at the module or the key that was broken."""
    keys = set(finding.config_keys) & truth.config_keys
    return bool(keys) or (not finding.config_keys and finding.target_module in truth.modules)


def _say(finding: Finding | None) -> str:
    if finding is None:
        return "nothing"
    name = finding.hypothesis.name if finding.hypothesis else "no hypothesis"
    return f"{finding.summary} [{name}]"


def _yardsticks(workshop: _Workshop, broken: Path) -> tuple[BaselineVerdict, ...]:
    import torch

    session = workshop.session
    torch.manual_seed(1)  # transformers fills missing tensors at random
    try:
        target = session.prepared.task.kind.target(broken, lenient=True)
    except BadInput:
        return detected_by_all()
    pairs = pair_with(session.prepared, session.asked.source.paths, target).pairs
    return judge_baselines(
        target, session.asked.source, pairs, session.records[0], workshop.expected
    )
