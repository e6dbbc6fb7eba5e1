"""Kinds are pairs only of the same shapes; of several, those whose names and neighbours agree."""

from toolkit.inference.scoring import Scores
from toolkit.inference.structure import classes_of, pair_kinds
from toolkit.inference.tree import Shape, kinds_of

TARGET: dict[str, Shape] = {
    "block.query.weight": (4, 4),
    "block.key.weight": (4, 4),
    "other.emb.weight": (9, 4),
    "other.out.weight": (4, 4),
}


def paired(source: dict[str, Shape]) -> dict[str, str]:
    ours, theirs = kinds_of(source), kinds_of(TARGET)
    scores = Scores(theirs, lambda _: None)
    pairs = pair_kinds(classes_of(ours, theirs), scores, {})
    return {s.pattern: t.pattern for s, t in pairs.items()}


def test_words_and_shapes_pair() -> None:
    found = paired({"a.k.weight": (4, 4), "a.q.weight": (4, 4), "b.tok.weight": (9, 4)})
    assert found == {
        "a.k.weight": "block.key.weight",
        "a.q.weight": "block.query.weight",
        "b.tok.weight": "other.emb.weight",
    }


def test_a_neighbour_that_is_known_takes_others_along() -> None:
    found = paired(
        {"x.s.z": (4, 4), "y.s.z": (9, 4), "y.t.z": (4, 4), "x.t.z": (4, 4)},
    )
    assert found["y.t.z"] == "other.out.weight"


def test_another_shape_is_no_pair() -> None:
    assert paired({"block.query.weight": (4, 5)}) == {}
