"""What the tensors of one model must hold, as rules and the other model say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from toolkit.core.errors import BadInput
from toolkit.core.lazy import LazyTensors
from toolkit.core.spec import TensorSpec
from toolkit.diagnosis.truth import Expected
from toolkit.folder.weights import target_tensor
from toolkit.mapping import Fill, Plan, Row, Rule, Split, Table, Tie, make_plan
from toolkit.mapping.file import read_mapping
from toolkit.mapping.patterns import fill, match
from toolkit.modules.heads import head_widths

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

State: TypeAlias = Mapping[str, "Tensor"]
Rules: TypeAlias = Sequence[Row] | Mapping[str, str | tuple[str, ...]] | Path
"""Rows, patterns of names that are copied (or, for several targets, split), or a mapping file."""
NAME = "rules"
"""How errors and findings call rows that stand in no file."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Both models' tensors, and what the rules make of them."""

    expected: Expected
    actual: State
    """The target's tensors, in memory and in the precision in which they are compared."""
    extra: tuple[str, ...]
    """Tensors of the target that no rule fills."""

    @property
    def plan(self) -> Plan:
        """What becomes of every tensor."""
        return self.expected.plan


def weigh(
    source: nn.Module, target: nn.Module, rules: Rules, leave_out: Collection[str]
) -> Weights:
    """What the target's tensors must hold beside what they hold.

    Args:
        source: The model whose tensors are right.
        target: The model that is judged.
        rules: What becomes of each of them.
        leave_out: Tensors of the target that are not looked at.

    Raises:
        BadInput: the rules are no rules, or a tensor has no values.
        BrokenRule: a source tensor is claimed by no row or by several, a row is not used, or a
            target is produced twice; all offenders at once.
    """
    given, held = read_state(source), read_state(target)
    plan = plan_between(given, held, as_table(rules))
    shared = aliases(held)
    known = {shared.get(name, name) for name in (*plan.targets, *leave_out)}
    extra = [name for name in held if shared.get(name, name) not in known]
    dtype = _precision([*given.values(), *held.values()])
    expected = Expected(
        plan=plan,
        tensors=LazyTensors(
            {
                name: partial(_made, plan, name, given, dtype)
                for name in plan.assignments
                if name not in leave_out
            }
        ),
        origins={name: a.origin for name, a in plan.assignments.items()},
        head_widths=head_widths(target, plan.targets),
    )
    actual = LazyTensors({name: partial(_plain, tensor, dtype) for name, tensor in held.items()})
    return Weights(expected=expected, actual=actual, extra=tuple(extra))


def read_state(model: nn.Module) -> dict[str, Tensor]:
    """The tensors of a model by their names, without copies.

    Raises:
        BadInput: a tensor has no values yet.
    """
    import torch

    state = model.state_dict(keep_vars=True)
    tensors = {n: t.detach() for n, t in state.items() if isinstance(t, torch.Tensor)}
    empty = [name for name, tensor in tensors.items() if tensor.is_meta]
    if empty:
        raise BadInput(
            f"`{empty[0]}` must have values, but lies on the device `meta`. Load the weights of "
            f"`{type(model).__name__}` first."
        )
    return tensors


def as_table(rules: Rules) -> Table:
    """Rules in any of their forms as a table.

    Raises:
        BadInput: they are none, or the mapping file cannot be read, or renames.
    """
    if isinstance(rules, Path):
        mapping = read_mapping(rules)
        if mapping.renames:
            raise BadInput(
                f"`{rules}` must have no section `rename` where two models are compared, but has "
                "one. Write its rows with the names that the source has."
            )
        return Table(name=rules.name, rows=(), user_rows=mapping.rows)
    if isinstance(rules, Mapping):
        return Table(name=NAME, rows=tuple(_copying(*row) for row in rules.items()))
    if isinstance(rules, str) or not isinstance(rules, Sequence):
        found = type(rules).__name__
        raise BadInput(
            "`rules` must be rows, a mapping of patterns or the `Path` of a mapping file, but is "
            f"of the type `{found}`."
        )
    return Table(name=NAME, rows=tuple(rules))


def plan_between(given: State, held: State, table: Table) -> Plan:
    """What the rows make of the source's tensors, whatever place the target has for them.

    Tensors that one side shares between several names need a row for one of them alone.

    Raises:
        BrokenRule: see `weigh`.
    """
    rows = (*table.rows, *(placed.row for placed in table.user_rows))
    shared = aliases(given)
    unclaimed = {n for n in shared if not any(_claims(row, n) for row in rows)}
    sources = _specs({name: t for name, t in given.items() if name not in unclaimed})
    made = dict(_products(rows, sources, _specs(held)))
    ties = tuple(_implied_ties(given, held, made, unclaimed, rows))
    made |= {tie.target: made[tie.target_twin] for tie in ties}
    wanted = {n: made[n] for n in (*(n for n in held if n in made), *made)}
    table = Table(name=table.name, rows=(*table.rows, *ties), user_rows=table.user_rows)
    return make_plan(table, sources, wanted)


def aliases(state: State) -> dict[str, str]:
    """The names of tensors that are others', each with the first name of the same tensor."""
    first: dict[tuple[object, ...], str] = {}
    found = {}
    for name, tensor in state.items():
        key = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.device)
        if tensor.numel() and first.setdefault(key, name) != name:
            found[name] = first[key]
    return found


def _copying(source: str, target: str | tuple[str, ...]) -> Rule:
    if isinstance(target, str):
        return Rule(source, target)
    return Rule(source, tuple(target), Split(len(target)))


def _claims(row: Row, name: str) -> bool:
    return not isinstance(row, Fill) and match(row.source, name) is not None


def _specs(state: State) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(
            name=name, dtype=str(tensor.dtype).removeprefix("torch."), shape=tuple(tensor.shape)
        )
        for name, tensor in state.items()
    }


def _products(
    rows: Iterable[Row], sources: Mapping[str, TensorSpec], held: Mapping[str, TensorSpec]
) -> Iterator[tuple[str, TensorSpec]]:
    """What the rows make; a filled tensor has the shape that the target gives it."""
    for row in rows:
        if isinstance(row, Fill) and row.target in held:
            yield row.target, held[row.target]
        if isinstance(row, Tie):
            yield row.target, held.get(row.target, sources[row.source_twin])
        if isinstance(row, Rule):
            for spec in sources.values():
                slots = match(row.source, spec.name)
                if slots is not None:
                    yield from _outputs(row, spec, slots)


def _outputs(
    row: Rule, spec: TensorSpec, slots: tuple[str, ...]
) -> Iterator[tuple[str, TensorSpec]]:
    shapes = row.op.shapes(spec.shape)
    if len(shapes) != len(row.targets):
        raise BadInput(
            f"`{spec.name}` must have a shape for {row.op.name} into {len(row.targets)} tensors, "
            f"but has {spec.shape}. Correct the rule `{row}`."
        )
    for target, shape in zip(row.targets, shapes, strict=True):
        name = fill(target, slots)
        yield name, TensorSpec(name=name, dtype=spec.dtype, shape=shape)


def _implied_ties(
    given: State,
    held: State,
    made: Mapping[str, TensorSpec],
    unclaimed: Collection[str],
    rows: Sequence[Row],
) -> Iterator[Tie]:
    """A name that shares a tensor on the source's side stands for the one that the target has."""
    shared = aliases(given)
    for name in unclaimed:
        same = [n for n in given if shared.get(n, n) == shared[name] and n not in unclaimed]
        twins = [t for n in same for t in _made_of(rows, n) if t in made]
        free = [
            n for n in held if n not in made and twins and held[n].shape == made[twins[0]].shape
        ]
        if len(same) == len(twins) == len(free) == 1:
            because = "the source has one tensor under both names"
            yield Tie(name, same[0], free[0], twins[0], because)


def _made_of(rows: Iterable[Row], source: str) -> Iterator[str]:
    for row in rows:
        slots = match(row.source, source) if isinstance(row, Rule) else None
        if isinstance(row, Rule) and slots is not None:
            yield from (fill(target, slots) for target in row.targets)


def _precision(tensors: Iterable[Tensor]) -> torch.dtype:
    import torch

    return torch.float64 if any(t.dtype is torch.float64 for t in tensors) else torch.float32


def _made(plan: Plan, name: str, given: State, dtype: torch.dtype) -> Tensor:
    return _plain(target_tensor(plan.assignments[name], plan, given.__getitem__), dtype)


def _plain(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.detach().cpu().to(dtype)
