"""Which modules are compared, which are not and why, and how exactly each must agree."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from toolkit.checkpoint.sets import maybe_language, without_language
from toolkit.compare import tolerances
from toolkit.core.coverage import Reason
from toolkit.folder.languages import of_model
from toolkit.mapping import Plan
from toolkit.replay.pairs import Layout, Pair, derive_pairs, explain_uncompared


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """The modules of both sides, as the mapping puts them together."""

    pairs: tuple[Pair, ...]
    uncompared: tuple[tuple[str, Reason | None], ...]
    """Target modules without a counterpart, each with the reason, or None where there is none."""
    rounded: frozenset[str]
    """Target tensors that are the source's but for rounding."""
    frames_of: str
    """Target module whose output has one column, its last axis, per encoder frame."""
    frames_axis: int = -1
    """That axis, where it is another: what reads has no convolution."""
    of_language: frozenset[str] = frozenset()
    """Paths of the target's modules that have other weights in each language, and no others."""

    def tolerance(self, module: str = "") -> float:
        """What a module may differ by in float64; the whole model by default."""
        return tolerances.isolated(self.rounded, module)

    @property
    def sources(self) -> frozenset[str]:
        """Paths of fairseq's modules that are compared."""
        return frozenset(pair.source for pair in self.pairs)

    @property
    def own(self) -> Pairing:
        """Of the pairs those alone that have other weights in each language."""
        pairs = tuple(pair for pair in self.pairs if pair.target in self.of_language)
        return replace(self, pairs=pairs)

    @property
    def targets(self) -> frozenset[str]:
        """Paths of the target's modules that a comparison looks at."""
        return frozenset((self.frames_of, *(pair.target for pair in self.pairs)))


def pair_modules(
    plan: Plan,
    source_paths: Iterable[str],
    target_paths: Sequence[str],
    *,
    layouts: Iterable[Layout],
    bypassed: Collection[str],
    unpaired: Collection[str],
    rounded: frozenset[str],
    frames_of: str,
    frames_axis: int = -1,
) -> Pairing:
    """The pairing that a mapping implies.

    Args:
        plan: What the mapping makes.
        source_paths: Paths of fairseq's modules.
        target_paths: Paths of the target's.
        layouts: How their tensors lie.
        bypassed: Source modules whose `forward` their parent never calls.
        unpaired: Target tensors that no pair has in common.
        rounded: Target tensors that are the source's but for rounding.
        frames_of: Target module whose output has one column per encoder frame.
        frames_axis: The axis of these.

    Raises:
        BrokenRule: a pair has no layout or several.
    """
    called = [path for path in source_paths if path not in bypassed]
    pairs = derive_pairs(plan, called, target_paths, layouts, unpaired)
    return Pairing(
        pairs=pairs,
        uncompared=tuple(explain_uncompared(plan, target_paths, pairs, unpaired)),
        rounded=rounded,
        frames_of=frames_of,
        frames_axis=frames_axis,
        of_language=frozenset(_of_language(plan, pairs)),
    )


def _of_language(plan: Plan, pairs: Iterable[Pair]) -> Iterator[str]:
    """The pairs all of whose tensors are among those that languages bring."""
    brought = {without_language(name) for name in plan.targets if maybe_language(name) is not None}
    others = [name for name in of_model(plan.targets) if name not in brought]
    for pair in pairs if brought else ():
        if not any(name.startswith(f"{pair.target}.") for name in others):
            yield pair.target
