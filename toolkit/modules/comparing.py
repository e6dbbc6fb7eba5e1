"""`compare_modules`: any two torch models that must do the same, module by module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from toolkit.core.artifact import Artifact
from toolkit.core.coverage import Coverage, Reason
from toolkit.core.errors import BadInput
from toolkit.core.findings import Finding
from toolkit.core.measures import Level
from toolkit.core.result import ModuleRow, Result
from toolkit.diagnosis import Evidence, find_faults
from toolkit.diagnosis.findings import name_culprits
from toolkit.modules.agreeing import Agreement
from toolkit.modules.explaining import Case, explain_modules
from toolkit.modules.gaps import Gap, find_gap, find_giver
from toolkit.modules.inferring import Inferred, infer_rules
from toolkit.modules.judging import KINDS, LEVELS, modules_level, outputs_level, weights_level
from toolkit.modules.meeting import Round, hold_meetings, lay_out
from toolkit.modules.planning import Rules, Weights, weigh
from toolkit.modules.running import (
    Heard,
    Inputs,
    Side,
    expect_answer,
    expect_models,
    left_as_it_was,
    listen,
    shared_paths,
)
from toolkit.modules.tensors import find_tensors
from toolkit.modules.trials import Blamed
from toolkit.oracle.hooks import shape_alone
from toolkit.oracle.precision import as_it_is
from toolkit.pipeline.basics import environment
from toolkit.pipeline.resources import fitting_resources
from toolkit.replay.pairs import Layout, match_modules, module_paths, owner, parameterized
from toolkit.trial.coverage import measure_coverage
from toolkit.trial.measuring import PairErrors, Sides, measure_pairs
from toolkit.trial.pairing import Pairing
from toolkit.trial.rows import module_rows

if TYPE_CHECKING:
    from torch import nn


VERSIONS = ("python", "platform", "toolkit", "torch", "transformers")
"""What takes part in a comparison."""


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What two models are compared on."""

    source: Side
    target: Side
    weights: Weights
    outputs: Mapping[str, str] | None
    layouts: Mapping[str, Layout]
    """By the path of a target module."""
    leave_out: Mapping[str, str]
    """Tensors and modules of the target that are not looked at, each with the reason."""
    assumed: tuple[Reason, ...]
    """Rules that nobody gave and no values tell."""

    @property
    def models(self) -> tuple[nn.Module, nn.Module]:
        """The source and the target."""
        return self.source.model, self.target.model

    def kind_of(self, path: str) -> str:
        """Class name of a target module."""
        return type(self.target.model.get_submodule(path)).__name__

    @property
    def pairing(self) -> Pairing:
        """How exactly modules must agree; the pairs are those of each round."""
        rounded = self.weights.plan.rounded
        return Pairing(pairs=(), uncompared=(), rounded=rounded, frames_of="")

    @property
    def matched(self) -> dict[str, str]:
        """The source module of every target module that has one, in the target's order."""
        sources, targets = (module_paths(model, every=True) for model in self.models)
        # Buffers stand in one module here and in many there: frequencies, positions, counts.
        buffers = (name for name, _ in self.target.model.named_buffers(remove_duplicate=False))
        unpaired = {*self.leave_out, *buffers}
        found = match_modules(self.weights.plan, sources, targets, unpaired)
        return {p: found[p] for p in targets if p in found and p not in self.leave_out}


@dataclass(frozen=True, kw_only=True)
class _Compared:
    """What came of it."""

    source: Heard
    target: Heard
    rounds: tuple[Round, ...]
    apart: Mapping[str, str]
    """Target modules whose calls do not go together, each with the reason."""
    rows: tuple[ModuleRow, ...]


def compare_modules(
    source: nn.Module,
    target: nn.Module,
    *,
    inputs: Inputs,
    target_inputs: Inputs | None = None,
    rules: Rules | None = None,
    outputs: Mapping[str, str] | None = None,
    layouts: Iterable[Layout] = (),
    leave_out: Mapping[str, str] | None = None,
) -> Result:
    """Says whether two models do the same and, if not, which module, which tensor, and the fix.

    Each runs once in float64, and once more where they do not agree. Modules whose tensors the
    rules make of each other are compared, each of the target's fed with what its counterpart
    received. Both models stay as they were.

    Args:
        source: The model that is right.
        target: The model that is judged.
        inputs: What the source is called with: a tensor, a sequence of arguments, a mapping of
            arguments by name, or a function that calls the model and returns what it gave.
        target_inputs: The same for the target; as the source where None.
        rules: What becomes of each tensor of the source: rows of `toolkit.mapping`, a mapping of
            patterns of names (to several: split along the first axis), or the path of a mapping
            file. Where None, they are inferred, by values that both hold and else by structure;
            the result lists what no values tell.
        outputs: Paths of tensors in what the source returns, each with its path in what the target
            returns; where None, the first of each and those of the same name. The result says what
            was not compared.
        layouts: How tensors of modules lie, where shapes and values do not tell.
        leave_out: Tensors and modules of the target that are not compared, each with the reason.

    Raises:
        BadInput: a model does not answer to its inputs, rules are missing, or a layout is open.
        BrokenRule: the rules do not cover the source's tensors exactly once.
    """
    expect_models(source, target)
    declared = {layout.target: layout for layout in layouts}
    _expect_present(target, (*(leave_out or {}), *declared))
    known = infer_rules(source, target) if rules is None else Inferred(rules=rules)
    also = inputs if target_inputs is None else target_inputs
    asked = _Asked(
        source=Side(model=source, inputs=inputs, name=f"source, {type(source).__name__}"),
        target=Side(model=target, inputs=also, name=f"target, {type(target).__name__}"),
        weights=weigh(source, target, known.rules, leave_out or {}),
        outputs=outputs,
        layouts=declared,
        leave_out=leave_out or {},
        assumed=known.assumed,
    )
    with ExitStack() as stack:
        stack.enter_context(fitting_resources(asked.weights.plan))
        for model in (source, target):
            stack.enter_context(left_as_it_was(model))
        return _tell(asked, _compare(asked))


def _compare(asked: _Asked) -> _Compared:
    matched = asked.matched
    return _maybe_agreed(asked, matched) or _in_full(asked, matched)


def _maybe_agreed(asked: _Asked, matched: Mapping[str, str]) -> _Compared | None:
    """A comparison of models that do the same, of which nothing has to be kept or run again."""
    source = listen(asked.source, matched.values(), given=shape_alone)
    expect_answer(asked.source, source)
    tolerance, shared = asked.pairing.tolerance, shared_paths(asked.target.model)
    agreement = Agreement(
        matched, source.calls, asked.source.model, asked.layouts, tolerance, shared
    )
    target = listen(asked.target, matched, given=shape_alone, made=agreement.hear)
    outputs = outputs_level(source, target, asked.outputs, tolerance())
    meetings, apart = hold_meetings(matched, asked.models, source, target)
    errors = agreement.maybe_errors(meetings, tuple(target.calls))
    if errors is None or outputs.verdict != "pass":
        return None
    rows = module_rows([errors], asked.kind_of)
    return _Compared(source=source, target=target, rounds=(), apart=apart, rows=rows)


def _in_full(asked: _Asked, matched: Mapping[str, str]) -> _Compared:
    source, target = listen(asked.source, matched.values()), listen(asked.target, matched)
    meetings, apart = hold_meetings(matched, asked.models, source, target)
    rounds, otherwise = lay_out(meetings, asked.layouts, source, target)
    errors = [error for one in rounds for error in _measure(asked, one)]
    rows = module_rows([errors], asked.kind_of)
    return _Compared(
        source=source, target=target, rounds=rounds, apart={**apart, **otherwise}, rows=rows
    )


def _measure(asked: _Asked, one: Round) -> tuple[PairErrors, ...]:
    return measure_pairs(
        Sides(
            target=asked.target,
            source=asked.source.model,
            pairing=replace(asked.pairing, pairs=one.pairs),
            clip=one.name,
            made=one.made,
            received=one.received,
            in_place=True,
        )
    )


def _tell(asked: _Asked, compared: _Compared) -> Result:
    levels, twins = _judge(asked, compared), asked.weights.expected.twins
    are_right = levels[0].verdict == "pass" and not twins
    evidence = Evidence(
        inventory=() if are_right else tuple(find_tensors(asked.weights)),
        modules=compared.rows,
        levels=levels,
        kinds=KINDS,
        twins=twins,
    )
    return Result(
        command="compare_modules",
        source=Artifact(path=type(asked.source.model).__name__, sha256=None),
        target=Artifact(path=type(asked.target.model).__name__, sha256=None),
        task_levels=LEVELS,
        finding_kinds=KINDS,
        coverage=_coverage(asked, compared),
        levels=levels,
        findings=_explained(asked, compared, find_faults(evidence)),
        modules=name_culprits(compared.rows, twins),
        assumptions=(*asked.assumed, *(r for one in compared.rounds for r in one.assumed)),
        environment={name: v for name, v in environment().items() if name in VERSIONS},
    )


def _explained(
    asked: _Asked, compared: _Compared, findings: tuple[Finding, ...]
) -> tuple[Finding, ...]:
    case = Case(
        rows=compared.rows,
        blame=partial(_blame, asked, compared),
        find_gap=partial(_look, asked, compared),
        trouble=compared.target.trouble,
        raised_in=compared.target.raised_in,
        often={
            path: (origin, len(received), len(made))
            for path, origin in asked.matched.items()
            if (received := compared.source.calls.get(origin, []))
            and (made := compared.target.calls.get(path, []))
            and len(received) != len(made)
        },
    )
    with asked.target.exact():
        return explain_modules(findings, case)


def _look(asked: _Asked, compared: _Compared, inside: str) -> Gap | None:
    """The gap inside a module; who gave what it is about is asked in another pass."""
    if not compared.rounds:
        return None
    one = compared.rounds[0]
    with as_it_is():
        gap = find_gap(one, compared.target.calls, inside)
    if gap is None or inside or not gap.after:
        return gap
    everything = listen(asked.target).calls
    with as_it_is():
        return replace(gap, giver=find_giver(one, gap, everything))


def _blame(asked: _Asked, compared: _Compared, path: str) -> Blamed:
    worst = next(row for row in compared.rows if row.target == path)
    one = next(one for one in compared.rounds if one.name == worst.clip)
    pair = next(pair for pair in one.pairs if pair.target == path)
    return Blamed(
        pair=pair,
        source=asked.source.model,
        target=asked.target.model,
        received=one.received[pair.source][0],
        made=one.made[path][0],
        tolerance=asked.pairing.tolerance(path),
    )


def _judge(asked: _Asked, compared: _Compared) -> tuple[Level, ...]:
    tolerance = asked.pairing.tolerance()
    outputs = outputs_level(compared.source, compared.target, asked.outputs, tolerance)
    return weights_level(asked.weights), modules_level(compared.rows, outputs), outputs


def _coverage(asked: _Asked, compared: _Compared) -> Coverage:
    rows, weights = {row.target for row in compared.rows}, asked.weights
    held = weights.actual
    reasons = {**compared.apart, **asked.leave_out}
    return measure_coverage(
        weights.plan,
        owners=parameterized(weights.plan),
        tensors=[n for n in (*weights.expected.tensors, *weights.expected.twins) if n in held],
        modules=rows,
        uncompared=[
            Reason(name=path, because=reasons.get(path) or _because(path, rows, weights))
            for path in module_paths(asked.target.model, every=True)
            if path not in rows
        ],
        clips=(),
    )


def _because(path: str, compared: set[str], weights: Weights) -> str:
    """Why a module has no counterpart, and where what it does shows."""
    around = [name for name in compared if path.startswith(f"{name}.")]
    place = f"`{max(around, key=len)}`" if around else "what the models return"
    owners = {owner(name) for name in weights.plan.targets}
    if any(name == path or name.startswith(f"{path}.") for name in owners):
        return f"no module of the source has the same extent; what it does shows in {place}"
    return f"it has no parameters; what it does shows in {place}"


def _expect_present(target: nn.Module, names: Sequence[str]) -> None:
    """Expects that what is left out or laid out is there.

    Raises:
        BadInput: a name is that of no tensor and no module.
    """
    known = {*module_paths(target, every=True), *target.state_dict()}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BadInput(
            f"`{unknown[0]}` must be a module or a tensor of `{type(target).__name__}`, but is "
            "none. Correct `leave_out` or `layouts`."
        )
