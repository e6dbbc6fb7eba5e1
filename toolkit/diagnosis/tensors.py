"""Tensors of a folder that do not hold what the checkpoint's do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from toolkit.checkpoint.sets import name_in
from toolkit.compare import tolerances
from toolkit.compare.static import DIRECTION, GAIN, effective_error
from toolkit.core.findings import Finding, Hypothesis, Note
from toolkit.core.lazy import LazyTensors
from toolkit.diagnosis.grouping import SYSTEMATIC, Cause, find_causes, fused_with, is_of_attention
from toolkit.diagnosis.hypotheses import Suspect, explain
from toolkit.diagnosis.provenance import Registry
from toolkit.diagnosis.tables import computed_tables
from toolkit.diagnosis.truth import Expected, Truth
from toolkit.diagnosis.wording import advise, describe_tensors, summarize
from toolkit.folder.heads import head_names, inner_names
from toolkit.folder.languages import of_model
from toolkit.folder.view import FolderView
from toolkit.mapping import Copy, Split
from toolkit.oracle.pages import let_go
from toolkit.replay.pairs import owner

if TYPE_CHECKING:
    from torch import Tensor

OLD_NAMES = {".weight_g": GAIN, ".weight_v": DIRECTION}
"""Names of weight norm before `torch.nn.utils.parametrizations`; transformers renames on load."""

MISSING = Hypothesis(name="not_filled", confirmed=True, detail={"missing": True})
"""A tensor that no file holds."""


def tensor_findings(
    truth: Truth, view: FolderView, settled: Collection[str] = (), right: Collection[str] = ()
) -> Iterator[Finding]:
    """Tensors that are missing, hold something else, or have no place; one finding per cause.

    Args:
        truth: What a folder must hold.
        view: What it holds.
        settled: Tensors that another finding names. Where the values of one are found elsewhere,
            it is told with those that moved as well.
        right: Tensors that are known to hold what they must, and are not looked at.
    """
    stored = stored_names(truth, view)
    actual = LazyTensors(
        {name: partial(_in_float32, view.tensors, old) for name, old in stored.items()}
    )

    def narrow(cause: Cause) -> str | None:
        old = stored.get(cause.names[0])
        return old and _narrow_dtype(view.tensors[old], cause)

    yield from wrong_tensors(truth, actual, settled, narrow, right)
    yield from _unexpected([name for name in _strange(truth, actual) if name not in settled], truth)


def wrong_tensors(
    truth: Expected,
    actual: Mapping[str, Tensor],
    settled: Collection[str] = (),
    narrow: Callable[[Cause], str | None] = lambda _: None,
    right: Collection[str] = (),
) -> Iterator[Finding]:
    """Tensors that are missing or hold something else; one finding per cause.

    Args:
        truth: What they must hold.
        actual: What they hold.
        settled: Tensors that another finding names; see `tensor_findings`.
        narrow: The dtype of the file, where that is what values lost their precision to.
        right: Tensors that are known to hold it; see `tensor_findings`.
    """
    explained = _explain_all(truth, actual, settled, right)
    for cause in find_causes(explained, truth.tensors.keys()):
        yield _cause_finding(truth, cause, narrow(cause))
    yield from _tied_findings(truth, actual, settled)


def tensor_notes(truth: Truth, view: FolderView) -> Iterator[Note]:
    """Heads around the model, which the checkpoint says nothing of; tables that nothing reads."""
    for table in computed_tables(view, truth.plan.targets):
        yield Note(
            key=table,
            consequence="none",
            summary=f"`{table}` is a table of sinusoids, which transformers computes",
        )
    heads = head_names(tuple(view.tensors), view.config, truth.tensors)
    if heads:
        more = f" and {len(heads) - 1} more tensors are" if len(heads) > 1 else " is"
        kind = " of heads" if len(heads) > 1 else " of a head"
        yield Note(
            key=heads[0],
            consequence="none",
            summary=f"`{heads[0]}`{more}{kind} around the model, which is judged without them",
        )


def misplaced_tensors(truth: Truth, view: FolderView) -> set[str]:
    """Tensors that a folder lacks, and those that have no place in the checkpoint's model."""
    actual = stored_names(truth, view)
    return {*_strange(truth, actual), *(name for name in truth.tensors if name not in actual)}


def stored_names(truth: Truth, view: FolderView) -> dict[str, str]:
    """The name in the file of every tensor; a tied one may stand under its other name alone."""
    spoken = truth.spoken is not None
    names = view.tensors if spoken else of_model(view.tensors)
    inner = inner_names(tuple(names), view.config, truth.tensors)
    unread = computed_tables(view, truth.plan.targets)
    stored = {_modern(name): old for name, old in inner.items() if old not in unread}
    for tie in truth.plan.ties:
        if tie.target in stored and tie.target_twin not in stored:
            stored[tie.target_twin] = stored.pop(tie.target)
    return stored


def _explain_all(
    truth: Expected,
    actual: Mapping[str, Tensor],
    settled: Collection[str],
    right: Collection[str],
) -> dict[str, Hypothesis]:
    """What happened to every tensor that is not as it should be."""
    left = (name for name in truth.tensors if name in actual or name not in settled)
    wrong = [name for name in left if name not in right and not _is_right(name, truth, actual)]
    present = [name for name in wrong if name in actual]
    registry = Registry(truth.tensors) if present else Registry({})
    explained = {
        name: _explain(truth, name, actual[name], registry) if name in actual else MISSING
        for name in wrong
    }
    return {n: h for n, h in explained.items() if h.confirmed or n not in settled}


def _explain(truth: Expected, name: str, actual: Tensor, registry: Registry) -> Hypothesis:
    spoken = truth.spoken
    if spoken and name in truth.unspoken and actual.equal(truth.unspoken[name]):
        return Hypothesis(name="unspoken", confirmed=True, detail={"language": spoken.first})
    return explain(_suspect(truth, name, actual), registry)


def _is_right(name: str, truth: Expected, actual: Mapping[str, Tensor]) -> bool:
    let_go()
    if name not in actual:
        return False
    return actual[name].equal(truth.tensors[name]) or _same_effect(name, truth, actual)


def _suspect(truth: Expected, name: str, actual: Tensor) -> Suspect:
    block, ending = owner(owner(name)), name.rpartition(".")[2]
    fused = [f"{block}.{leaf}.{ending}" for leaf in fused_with(owner(name))]
    return Suspect(
        name=name,
        actual=actual,
        expected=truth.tensors[name],
        head_width=_head_width(truth, name),
        fused=LazyTensors(
            {n: partial(truth.tensors.__getitem__, n) for n in fused if n in truth.tensors}
        ),
    )


def _narrow_dtype(stored: Tensor, cause: Cause) -> str | None:
    """The dtype of the file, where that is what the values lost their precision to."""
    dtype = str(stored.dtype).removeprefix("torch.")
    lost = cause.hypothesis.name == "precision_lost" and cause.hypothesis.detail["dtype"]
    return dtype if dtype == lost else None


def _in_float32(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    return tensors[name].float()


def _modern(name: str) -> str:
    for old, new in OLD_NAMES.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def _same_effect(name: str, truth: Expected, actual: Mapping[str, Tensor]) -> bool:
    """Whether a weight norm is split in another way into the same effective weight."""
    for ending in (GAIN, DIRECTION):
        if name.endswith(ending):
            factors = [name.removesuffix(ending) + part for part in (GAIN, DIRECTION)]
            if not all(factor in actual for factor in factors):
                return False
            expected = (truth.tensors[factors[0]], truth.tensors[factors[1]])
            found = (actual[factors[0]], actual[factors[1]])
            return effective_error(expected, found) <= tolerances.EFFECTIVE_WEIGHT
    return False


def _head_width(truth: Expected, name: str) -> int | None:
    if name in truth.head_widths:
        return truth.head_widths[name]
    if not is_of_attention(owner(name)):
        return None
    return next((w for prefix, w in truth.head_widths.items() if name.startswith(prefix)), None)


def _cause_finding(truth: Expected, cause: Cause, stored: str | None) -> Finding:
    language = cause.hypothesis.detail.get("language")
    sources = {
        name: name_in(language, source) if language else source
        for name in cause.names
        if (source := truth.plan.assignments[name].source) is not None
    }
    first = cause.names[0]
    return Finding(
        kind="missing" if cause.hypothesis.name == "not_filled" else "weights",
        target_module=owner(first),
        target_parameters=cause.names,
        source_module=owner(sources[first]) if first in sources else "",
        source_parameters=tuple(dict.fromkeys(sources.values())),
        rule=truth.origins.get(first),
        summary=_maybe_unfilled(truth, cause) or summarize(cause, tuple(truth.tensors), stored),
        hypothesis=cause.hypothesis,
        fix=advise(cause, sources, stored, _way(truth, first)),
    )


def _way(truth: Expected, name: str) -> str:
    """What the mapping does to a tensor, in words."""
    assignment = truth.plan.assignments[name]
    if isinstance(assignment.op, Split):
        return f"as part {assignment.output + 1} of {assignment.op.parts}"
    return "unchanged" if isinstance(assignment.op, Copy) else f"({assignment.op.name})"


def _maybe_unfilled(truth: Expected, cause: Cause) -> str | None:
    """What is wrong with tensors that fairseq does without."""
    assignments = [truth.plan.assignments[name] for name in cause.names]
    sourced = any(assignment.source is not None for assignment in assignments)
    if sourced or cause.hypothesis.detail.get("missing"):
        return None
    fillings = " and ".join(dict.fromkeys(assignment.op.name for assignment in assignments))
    (name, *others) = cause.names
    if not others:
        return f"`{name}` holds something else than the {fillings} that it must be filled with"
    return (
        f"{describe_tensors(cause.names, tuple(truth.tensors))} hold something else than the "
        f"{fillings} that they must be filled with, as fairseq has none"
    )


def _tied_findings(
    truth: Expected, actual: Mapping[str, Tensor], settled: Collection[str]
) -> Iterator[Finding]:
    for tie in (tie for tie in truth.plan.ties if tie.target not in settled):
        if tie.target in actual and not actual[tie.target].equal(truth.tensors[tie.target_twin]):
            yield Finding(
                kind="weights",
                target_module=owner(tie.target),
                target_parameters=(tie.target,),
                source_module=owner(tie.source),
                source_parameters=(tie.source,),
                rule=str(tie),
                summary=f"`{tie.target}` must be `{tie.target_twin}`, but is another tensor",
                hypothesis=Hypothesis(name="tie_broken", confirmed=True),
                fix=f"leave `{tie.target}` out of the file; transformers ties it",
            )


def _strange(truth: Truth, actual: Iterable[str]) -> list[str]:
    """Tensors that have no place in the model that the checkpoint describes."""
    plan = truth.plan
    return [name for name in actual if name not in plan.targets and not plan.has_no_say(name)]


def _unexpected(strange: list[str], truth: Truth) -> Iterator[Finding]:
    places = defaultdict(list)
    for name in strange:
        places[_strange_place(name, truth.plan.targets)].append(name)
    for names in places.values() if len(places) < SYSTEMATIC else [strange]:
        yield _unexpected_finding(tuple(names))


def _strange_place(name: str, targets: Collection[str]) -> str:
    """The largest module around a tensor of which the model has nothing; else the tensor's own."""
    parts = name.split(".")
    for end in range(1, len(parts)):
        place = ".".join(parts[:end])
        if not any(target.startswith(f"{place}.") for target in targets):
            return place
    return owner(name)


def _unexpected_finding(names: tuple[str, ...]) -> Finding:
    more = f" and {len(names) - 1} more tensors have" if len(names) > 1 else " has"
    them = "them" if len(names) > 1 else f"`{names[0]}`"
    return Finding(
        kind="weights",
        target_module=owner(names[0]),
        target_parameters=names,
        summary=f"`{names[0]}`{more} no place in the model that the checkpoint describes",
        hypothesis=Hypothesis(name="wrong_value", confirmed=True, detail={"extra": True}),
        fix=f"remove {them}, or correct the key that makes the model want {them}",
    )
