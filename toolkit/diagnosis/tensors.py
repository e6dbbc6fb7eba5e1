"""Tensors of a folder that do not hold what the checkpoint's do."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from toolkit.compare import tolerances
from toolkit.compare.static import DIRECTION, GAIN, effective_error
from toolkit.core.lazy import LazyTensors
from toolkit.core.result import Finding, Hypothesis
from toolkit.diagnosis.hypotheses import Suspect, explain
from toolkit.diagnosis.provenance import Registry
from toolkit.diagnosis.truth import Truth
from toolkit.folder.view import FolderView
from toolkit.replay.pairs import owner

if TYPE_CHECKING:
    from torch import Tensor

OLD_NAMES = {".weight_g": GAIN, ".weight_v": DIRECTION}
"""Names of weight norm before `torch.nn.utils.parametrizations`; transformers renames on load."""


def tensor_findings(truth: Truth, view: FolderView) -> Iterator[Finding]:
    """Tensors that are missing, hold something else, or have no place."""
    actual = LazyTensors(
        {_modern(name): partial(_in_float32, view.tensors, name) for name in view.tensors}
    )
    suspects = []
    for name, expected in truth.tensors.items():
        if name not in actual:
            yield _missing(truth, name)
        elif not actual[name].equal(expected) and not _same_effect(name, truth, actual):
            suspects.append(
                Suspect(
                    name=name,
                    actual=actual[name],
                    expected=expected,
                    head_width=_head_width(truth, name),
                )
            )
    explained: dict[str, Hypothesis] = {}
    if suspects:
        registry = Registry(truth.tensors)
        explained = {suspect.name: explain(suspect, registry) for suspect in suspects}
    yield from (
        _weights_finding(truth, names, explained) for names in _grouped(explained, len(actual))
    )
    yield from _tied_findings(truth, actual)
    yield from _unexpected(truth, actual)


def _in_float32(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    return tensors[name].float()


def _modern(name: str) -> str:
    for old, new in OLD_NAMES.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def _same_effect(name: str, truth: Truth, actual: Mapping[str, Tensor]) -> bool:
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


def _head_width(truth: Truth, name: str) -> int | None:
    if "_proj." not in name:
        return None
    return next((w for prefix, w in truth.head_widths.items() if name.startswith(prefix)), None)


def _grouped(explained: Mapping[str, Hypothesis], tensors: int) -> Iterator[tuple[str, ...]]:
    """Tensors that one mistake explains: swapped, off by the same layers, a whole file rounded."""
    rounded = Counter(h.detail.get("dtype") for h in explained.values())
    groups: dict[Any, list[str]] = defaultdict(list)
    for name, hypothesis in explained.items():
        dtype = hypothesis.detail.get("dtype")
        whole = dtype is not None and rounded[dtype] > tensors / 2
        key = ("file", dtype) if whole else _group_key(name, hypothesis, explained)
        groups[key].append(name)
    return (tuple(names) for names in groups.values())


def _group_key(name: str, hypothesis: Hypothesis, explained: Mapping[str, Hypothesis]) -> Any:
    if hypothesis.name == "layer_offset":
        partner = hypothesis.detail["with"]
        back = explained.get(partner)
        if back is not None and back.detail.get("with") == name:
            return "pair", owner(min(name, partner)), owner(max(name, partner))
        return "offset", hypothesis.detail["offset"], _stack(name)
    if hypothesis.name == "swapped_with" and hypothesis.detail["with"] in explained:
        both = sorted((name, hypothesis.detail["with"]))
        return "pair", owner(both[0]), owner(both[1])
    return owner(name), hypothesis.name


def _stack(name: str) -> str:
    return re.split(r"layers\.\d", name)[0]


def _weights_finding(
    truth: Truth, names: tuple[str, ...], explained: Mapping[str, Hypothesis]
) -> Finding:
    hypothesis = explained[names[0]]
    assignments = [truth.plan.assignments[name] for name in names]
    sources = tuple(dict.fromkeys(a.source for a in assignments if a.source is not None))
    others = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return Finding(
        kind="missing" if hypothesis.name == "not_filled" else "weights",
        target_module=owner(names[0]),
        target_parameters=names,
        source_module=owner(sources[0]) if sources else "",
        source_parameters=sources,
        rule=truth.origins.get(names[0]),
        summary=f"`{names[0]}`{others} {_say(hypothesis)}",
        hypothesis=hypothesis,
        fix=_fix(hypothesis, names[0], sources),
    )


def _missing(truth: Truth, name: str) -> Finding:
    assignment = truth.plan.assignments[name]
    return Finding(
        kind="missing",
        target_module=owner(name),
        target_parameters=(name,),
        source_module=owner(assignment.source or ""),
        source_parameters=(assignment.source,) if assignment.source else (),
        rule=truth.origins.get(name),
        summary=f"`{name}` is missing from the folder; transformers fills it at random",
        hypothesis=Hypothesis(name="not_filled", confirmed=True, detail={"missing": True}),
        fix=f"write `{assignment.source or assignment.op.name}` there",
    )


def _tied_findings(truth: Truth, actual: Mapping[str, Tensor]) -> Iterator[Finding]:
    for tie in truth.plan.ties:
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


def _unexpected(truth: Truth, actual: Mapping[str, Tensor]) -> Iterator[Finding]:
    for name in actual:
        if name not in truth.plan.targets and not truth.plan.has_no_say(name):
            yield Finding(
                kind="weights",
                target_module=owner(name),
                target_parameters=(name,),
                summary=f"`{name}` has no place in the model that the checkpoint describes",
                hypothesis=Hypothesis(name="wrong_value", confirmed=True, detail={"extra": True}),
                fix=f"remove `{name}`, or correct the key that makes the model want it",
            )


def _say(hypothesis: Hypothesis) -> str:
    detail = hypothesis.detail
    sentences = {
        "zeroed": "holds zeros",
        "sign_flipped": "holds its values with the sign flipped",
        "transposed": "holds its values transposed",
        "precision_lost": f"went through {detail.get('dtype')}",
        "swapped_with": f"holds the values of `{detail.get('with')}`",
        "layer_offset": f"holds the values of a layer {detail.get('offset')} further",
        "scaled": f"holds its values times {detail.get('factor')}",
        "heads_permuted": f"holds its heads in the order {detail.get('heads')}",
        "rows_permuted": f"holds {detail.get('moved')} of its rows in other places",
        "rows_shifted": f"holds its rows shifted by {detail.get('by')}",
        "partly_copied": f"holds only {detail.get('equal_share', 0):.0%} of its values",
        "not_filled": "holds nothing of its source",
        "wrong_value": f"differs in {detail.get('elements', 'its')} elements",
    }
    return sentences.get(hypothesis.name, hypothesis.name)


def _fix(hypothesis: Hypothesis, name: str, sources: Iterable[str]) -> str:
    source = ", ".join(f"`{s}`" for s in sources)
    home = hypothesis.detail.get("with")
    if home:
        return f"map {source} to `{name}`; what stands there belongs to `{home}`"
    return f"write {source} to `{name}` unchanged"
