"""What might as well be the other way round is said, and nothing else."""

from toolkit.inference.exchanging import exchangeable
from toolkit.inference.scoring import Scores
from toolkit.inference.tree import Shape, kinds_of

LEAVES: dict[str, Shape] = {"weight": (4, 4), "bias": (4,)}


def groups(source: tuple[str, ...], target: tuple[str, ...]) -> list[list[str]]:
    """Of modules that are pairs in this order."""
    ours, theirs = (
        kinds_of({f"{module}.{leaf}": shape for module in side for leaf, shape in LEAVES.items()})
        for side in (source, target)
    )
    pairs = dict(zip(ours, theirs, strict=True))
    open_parts = exchangeable(pairs, Scores(theirs, lambda _: None), {})
    return [[part.path for part in parts] for parts in open_parts]


def test_two_modules_that_nothing_tells_apart_may_change_places_as_a_whole() -> None:
    assert groups(("m.x", "m.y"), ("m.query", "m.key")) == [["m.query", "m.key"]]


def test_a_word_tells_them_apart() -> None:
    assert groups(("m.q", "m.k"), ("m.query", "m.key")) == []


def test_the_modules_around_them_do_too() -> None:
    apart = groups(("a.x", "a.y", "b.z"), ("c.query", "c.key", "d.value"))
    assert apart == [["c.query", "c.key"]]
