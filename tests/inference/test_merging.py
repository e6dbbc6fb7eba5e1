"""Two stacks are one behind the other where the other side has one of both depths."""

from toolkit.inference.merging import merge_stacks
from toolkit.inference.tree import Kind, Shape, kinds_of


def stack(stem: str, layers: int, shape: Shape = (4, 4)) -> dict[str, Shape]:
    return {
        f"{stem}.{layer}.{name}.weight": shape for layer in range(layers) for name in ("a", "b")
    }


def depths(kinds: tuple[Kind, ...]) -> dict[str, int]:
    return {kind.pattern: len(kind.names) for kind in kinds}


def test_two_stacks_become_one() -> None:
    ours = kinds_of({**stack("lower", 2), **stack("upper", 3)})
    merged = merge_stacks(ours, kinds_of(stack("layers", 5)))
    assert depths(merged) == {"lower.{i}.a.weight": 5, "lower.{i}.b.weight": 5}
    first = merged[0]
    assert first.names[1:3] == ("lower.1.a.weight", "upper.0.a.weight")
    assert first.ranks == tuple((layer,) for layer in range(5))
    assert not first.is_numbered


def test_stacks_that_the_other_side_has_too_stay_two() -> None:
    ours = kinds_of({**stack("lower", 2), **stack("upper", 3)})
    for theirs in ({**stack("x", 2), **stack("y", 3)}, stack("x", 4), stack("x", 5, (3, 3))):
        assert merge_stacks(ours, kinds_of(theirs)) == ours
