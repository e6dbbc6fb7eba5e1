"""Which module of one model answers to which of the other.

Pairs follow from the mapping: two modules belong together if the parameters of one are exactly what
the rules make of the parameters of the other. Order and similar names play no part.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from toolkit.core.coverage import Reason
from toolkit.core.errors import BrokenRule
from toolkit.folder.languages import of_model
from toolkit.mapping import Plan
from toolkit.mapping.patterns import match

if TYPE_CHECKING:
    from torch import nn

PARAMETRIZATION = ".parametrizations."


@dataclass(frozen=True)
class Layout:
    """How the tensors of a kind of module lie on both sides.

    Axes are letters: B batch, L samples, T frames, S target tokens, D width, V vocabulary.
    `B L -> B D T` gives the axes of the first input and of the first output where they differ.
    """

    target: str
    """Pattern of the Hugging Face module's path."""
    source_axes: str
    target_axes: str
    also: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    """Further arguments to replace: target argument -> (source argument, its axes, target axes)."""
    extra_frames: int = 0
    """How many frames beyond the clip's end the source may have along T."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Of axes that the source holds as one: of `(T B) D` one of the two."""
    scaled_by: str | None = None
    """Path of the number in the source model that its output is multiplied by after the module."""

    @property
    def input_axes(self) -> tuple[str, str]:
        """Axes of the first input, source and target."""
        return _side(self.source_axes, 0), _side(self.target_axes, 0)

    @property
    def output_axes(self) -> tuple[str, str]:
        """Axes of the first output, source and target."""
        return _side(self.source_axes, -1), _side(self.target_axes, -1)

    def under(self, source: str, target: str) -> Layout:
        """The layout with its paths behind prefixes; an empty path is the prefix's own module."""
        scaled_by = None if self.scaled_by is None else source + self.scaled_by
        return replace(self, target=(target + self.target).rstrip("."), scaled_by=scaled_by)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two modules that must do the same."""

    target: str
    source: str
    layout: Layout


def derive_pairs(
    plan: Plan,
    source_modules: Iterable[str],
    target_modules: Iterable[str],
    layouts: Iterable[Layout],
    unpaired: Collection[str] = (),
) -> tuple[Pair, ...]:
    """The module pairs that the mapping implies, in the target's order.

    Where several nested modules hold the same parameters, the innermost go together, and the
    outermost too if both sides nest.

    Args:
        plan: What the mapping makes.
        source_modules: Paths of fairseq's modules.
        target_modules: Paths of the target's modules.
        layouts: How their tensors lie.
        unpaired: Target tensors that take no part, as they stand in other modules on either side.

    Raises:
        BrokenRule: a pair has no layout or several; all such pairs at once.
    """
    paths = tuple(target_modules)
    matched = match_modules(plan, source_modules, paths, unpaired)
    rows = tuple(layouts)
    found = {
        target: [row for row in rows if match(row.target, target) is not None] for target in matched
    }
    problems = [
        f"`{target}` must match exactly one layout, but matches {len(fitting)}. "
        "Add or correct a row of the family's layouts."
        for target, fitting in found.items()
        if len(fitting) != 1
    ]
    if problems:
        raise BrokenRule("\n".join(problems))
    return tuple(
        Pair(target=target, source=matched[target], layout=found[target][0])
        for target in paths
        if target in matched
    )


def match_modules(
    plan: Plan,
    source_modules: Iterable[str],
    target_modules: Iterable[str],
    unpaired: Collection[str] = (),
) -> dict[str, str]:
    """The source module of every target module that has one; see `derive_pairs`."""
    origins = _origins(plan)
    kept = {origin for name, origin in origins.items() if name not in unpaired}
    left_out = {origins.get(name) for name in unpaired} - kept
    # Where a tie's own name is not saved, the module still uses the tensor that it shares.
    read = {*plan.used_sources, *(tie.source for tie in plan.ties)}
    used = {name: name for name in read if name not in left_out}
    sources = _by_parameters(source_modules, used)
    targets = _by_parameters(
        target_modules, {n: origin for n, origin in origins.items() if n not in unpaired}
    )
    return dict(_match_chains(sources, targets))


def module_paths(model: nn.Module, *, every: bool = False) -> tuple[str, ...]:
    """Paths of the modules that can be called: containers and parametrizations are none.

    Args:
        model: Whose modules.
        every: Whether a module that stands in several places has a path for each.
    """
    from torch import nn

    return tuple(
        path
        for path, module in model.named_modules(remove_duplicate=not every)
        if path
        and not isinstance(module, (nn.ModuleList, nn.ModuleDict))
        and not path.endswith(PARAMETRIZATION.rstrip("."))
        and PARAMETRIZATION not in path
    )


def owner(parameter: str) -> str:
    """The path of the module that a parameter belongs to; a parametrized one's is its module."""
    return (
        parameter.split(PARAMETRIZATION, maxsplit=1)[0]
        if PARAMETRIZATION in parameter
        else (parameter.rpartition(".")[0])
    )


def parameterized(plan: Plan, unpaired: Collection[str] = ()) -> tuple[str, ...]:
    """Target modules that own a parameter themselves, in order, but for those in `unpaired`."""
    own = of_model(name for name in plan.targets if name not in unpaired)
    return tuple(dict.fromkeys(map(owner, own)))


def explain_uncompared(
    plan: Plan, target_modules: Iterable[str], pairs: Iterable[Pair], unpaired: Collection[str] = ()
) -> Iterator[tuple[str, Reason | None]]:
    """The modules without a pair, each with the reason, or None where there is no good one.

    Args:
        plan: What the mapping makes.
        target_modules: Paths of all modules of the target.
        pairs: Those that are compared.
        unpaired: Target tensors that take no part.
    """
    compared = tuple(pairs)
    paired = {pair.target for pair in compared}
    owners = set(parameterized(plan, unpaired))
    for path in target_modules:
        if path not in paired:
            yield path, _reason(plan, path, path in owners) or _maybe_held(plan, path, compared)


def _reason(plan: Plan, path: str, owns_parameters: bool) -> Reason | None:
    if any(owner(name) == path for name in plan.unfilled) and not owns_parameters:
        return Reason(name=path, because="the checkpoint has nothing that its class expresses")
    if owns_parameters:
        because = {a.origin for n, a in plan.assignments.items() if owner(n) == path}
        filled = all(a.source is None for n, a in plan.assignments.items() if owner(n) == path)
        known = filled and bool(because)
        return Reason(name=path, because="; ".join(sorted(because))) if known else None
    if any(name.startswith(f"{path}.") for name in plan.targets):
        return Reason(
            name=path, because="fairseq has no module of the same extent; its parts are compared"
        )
    return Reason(
        name=path, because="it has no parameters; what it does shows in the module around it"
    )


def _maybe_held(plan: Plan, path: str, pairs: Iterable[Pair]) -> Reason | None:
    """That a module around one is compared, whose source holds its parameters as its own."""
    origins = {o for name, o in _origins(plan).items() if owner(name) == path}
    for pair in pairs:
        if path.startswith(f"{pair.target}.") and {owner(o) for o in origins} == {pair.source}:
            because = f"fairseq keeps its parameters in `{pair.source}`, which is compared"
            return Reason(name=path, because=because)
    return None


def _origins(plan: Plan) -> dict[str, str]:
    mapped = {n: a.source for n, a in plan.assignments.items() if a.source is not None}
    return mapped | {tie.target: tie.source for tie in plan.ties}


def _by_parameters(
    modules: Iterable[str], origins: Mapping[str, str]
) -> dict[frozenset[str], list[str]]:
    """The modules that hold all that is made of the same source tensors, outermost first."""
    chains: dict[frozenset[str], list[str]] = defaultdict(list)
    made, inside = Counter(origins.values()), _inside(origins)
    for path in modules:
        held = inside.get(path)
        if held and all(made[origin] == number for origin, number in held.items()):
            chains[frozenset(held)].append(path)
    return {key: sorted(chain, key=lambda path: path.count(".")) for key, chain in chains.items()}


def _inside(origins: Mapping[str, str]) -> dict[str, Counter[str]]:
    """What the tensors in every module are made of, and how many of them of each."""
    inside: dict[str, Counter[str]] = defaultdict(Counter)
    for name, origin in origins.items():
        path = name.rpartition(".")[0]
        while path:
            inside[path][origin] += 1
            path = path.rpartition(".")[0]
    return inside


def _match_chains(
    sources: Mapping[frozenset[str], list[str]], targets: Mapping[frozenset[str], list[str]]
) -> Iterator[tuple[str, str]]:
    for key, target_chain in targets.items():
        source_chain = sources.get(key)
        if source_chain is None:
            continue
        yield target_chain[-1], source_chain[-1]
        if len(target_chain) > 1 and len(source_chain) > 1:
            yield target_chain[0], source_chain[0]


def _side(axes: str, index: int) -> str:
    return axes.split(" -> ")[index]
