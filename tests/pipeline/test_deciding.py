"""A fork's own model says which of its tensors is which, as far as it depends on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn

from toolkit.checkpoint.recipes import Recipe
from toolkit.inference import Ambiguity, Match, Proposal
from toolkit.inference.activations import NEAR
from toolkit.oracle.whole import Heard
from toolkit.pipeline.bench import Bench
from toolkit.pipeline.deciding import Decided, decide

WIDTH = 4
SOUND = torch.randn(3, WIDTH, dtype=torch.float64)
Made = Mapping[str, str | Recipe]
"""What each tensor is made of."""


class Standard(nn.Module):
    """What a batch norm does."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("weight", "bias", "mean", "variance"):
            self.register_parameter(name, nn.Parameter(torch.rand(WIDTH, dtype=torch.float64) + 1))

    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs - self.mean) / self.variance * self.weight + self.bias


class Small(nn.Module):
    """Two maps that are alike, a norm before them, one behind, and one that nothing asks."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = Standard()
        self.query, self.key, self.out, self.spare, self.other = (
            nn.Linear(WIDTH, WIDTH, dtype=torch.float64) for _ in range(5)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        heard = self.norm(inputs)
        return self.out(self.query(heard) * torch.tanh(self.key(heard)))


def ask(model: nn.Module, _: str | None) -> Heard:
    """All that the model and its modules give."""
    calls: list[tuple[str, Tensor]] = []
    hooks = [
        module.register_forward_hook(lambda *given, path=path: calls.append((path, given[2])))
        for path, module in model.named_modules()
    ]
    with torch.no_grad():
        outputs = {"y": model(SOUND)}
    for hook in hooks:
        hook.remove()
    return Heard(outputs=outputs, calls=calls)


@pytest.fixture
def fork() -> Small:
    torch.manual_seed(0)
    return Small()


def decided(
    fork: Small,
    *ambiguous: tuple[str, ...],
    evidence: str = "",
    held: Mapping[str, Tensor] | None = None,
    **made: str | Recipe,
) -> Decided:
    """What is decided of rows that are right but for `made`, in which `__` stands for a dot.

    Args:
        fork: The model.
        ambiguous: Groups of modules or tensors that may change places.
        evidence: Of every row.
        held: The checkpoint; by default, the fork's tensors.
        made: What a tensor is made of.
    """
    own = dict(fork.state_dict())
    wrong = {name.replace("__", "."): source for name, source in made.items()}
    sources = {name: wrong.get(name, name) for name in own}
    recipes = [
        source if isinstance(source, Recipe) else Recipe(sources=(source,), targets=(name,))
        for name, source in sources.items()
    ]
    groups = [[[n for n in own if f"{n}.".startswith(f"{p}.")] for p in one] for one in ambiguous]
    proposal = Proposal(
        rows=tuple(Match(recipe=recipe, evidence=evidence) for recipe in recipes),
        ambiguous=tuple(
            Ambiguity(targets=one, sources=one, because="open", parts=tuple(map(tuple, parts)))
            for one, parts in zip(ambiguous, groups, strict=True)
        ),
        unmatched_sources=(),
        unmatched_targets=(),
    )
    load = {**own, **(held or {})}.__getitem__
    return decide(proposal, Bench(model=Small(), ask=ask, load=load, fork=ask(fork, None)))


def sources(found: Decided) -> dict[str, str]:
    return {row.recipe.targets[0]: row.recipe.sources[0] for row in found.rows}


SWAPPED = {
    f"{one}__{leaf}": f"{other}.{leaf}"
    for one, other in (("query", "key"), ("key", "query"))
    for leaf in ("weight", "bias")
}


def test_what_is_open_is_decided(fork: Small) -> None:
    found = decided(fork, ("query", "key"), **SWAPPED)
    assert found.agrees
    assert all(target == source for target, source in sources(found).items())


def test_what_is_wrong_is_found_though_nobody_said_that_it_is_open(fork: Small) -> None:
    found = decided(fork, **SWAPPED)
    assert found.agrees
    assert all(target == source for target, source in sources(found).items())


def test_what_is_open_in_one_module_is_decided_together(fork: Small) -> None:
    wrong = {
        "norm__weight": "norm.variance",
        "norm__variance": "norm.weight",
        "norm__bias": "norm.mean",
        "norm__mean": "norm.bias",
    }
    groups = ("norm.weight", "norm.variance"), ("norm.bias", "norm.mean")
    found = decided(fork, *groups, **wrong)
    assert found.agrees
    assert not [one for one in found.ambiguous if "norm" in str(one)]
    assert not decided(fork, **wrong).agrees


def test_what_hides_what_comes_after_it_is_decided_first(fork: Small) -> None:
    wrong = {"norm__weight": "norm.variance", "norm__variance": "norm.weight", **SWAPPED}
    found = decided(fork, ("query", "key"), ("norm.weight", "norm.variance"), **wrong)
    assert found.agrees


@pytest.mark.parametrize(
    ("recipe", "change"),
    [
        (Recipe(sources=("out.weight",), targets=("out.weight",)), lambda t: t.t().contiguous()),
        (
            Recipe(sources=("out.weight",), targets=("out.weight",), axes=(0, 1)),
            lambda t: t,
        ),
    ],
)
def test_a_square_that_lies_the_other_way_round_is_turned(
    fork: Small, recipe: Recipe, change: Callable[[Tensor], Tensor]
) -> None:
    held = {"out.weight": change(fork.out.weight.detach())}
    assert decided(fork, held=held, out__weight=recipe).agrees


def test_halves_in_another_order_are_found(fork: Small) -> None:
    halves = {
        f"out.{end}": getattr(fork.out, end).detach().roll(2, 0) for end in ("weight", "bias")
    }
    assert decided(fork, held=halves).agrees


def test_another_network_stays_another_one(fork: Small) -> None:
    held = {"out.bias": fork.out.bias.detach() + 1e-3}
    found = decided(fork, held=held)
    assert found.error > NEAR
    assert not found.agrees


def test_what_nothing_depends_on_is_open_unless_something_else_tells(fork: Small) -> None:
    found = decided(fork)
    assert found.agrees
    assert {one.targets[0].partition(".")[0] for one in found.ambiguous} == {"spare", "other"}
    assert not decided(fork, evidence="called the same").ambiguous
