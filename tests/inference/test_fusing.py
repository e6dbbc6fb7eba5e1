"""Tensors that are several of the other side's are cut or joined, a bias as its weight is."""

from toolkit.inference.fusing import Fusion, cut_kinds, joined_kinds
from toolkit.inference.scoring import Scores, Votes
from toolkit.inference.tree import Shape, kinds_of

PARTS = ("k", "v", "q")
TARGET: dict[str, Shape] = {
    **{
        f"attn.{part}_proj.{leaf}": s
        for part in PARTS
        for leaf, s in (("weight", (4, 6)), ("bias", (4,)))
    },
    "norm.weight": (4,),
    "norm.bias": (4,),
    "fc.weight": (8, 4),
    "fc.bias": (8,),
}


def cut(source: dict[str, Shape]) -> list[Fusion]:
    ours, theirs = kinds_of(source), kinds_of(TARGET)
    return list(cut_kinds(ours, theirs, Scores(theirs, lambda _: None), Votes(())))


def modules(fusion: Fusion) -> list[str]:
    return [kind.above[0] for kind in fusion.targets]


def test_a_bias_is_cut_into_the_modules_that_its_weight_is_cut_into() -> None:
    for source in ({"x.b": (12,), "x.a": (12, 6)}, {"x.a": (12, 6), "x.b": (12,)}):
        weight, bias = cut(dict(source))
        assert modules(weight) == modules(bias) == [f"attn.{part}_proj" for part in PARTS]
        assert not weight.is_told


def test_letters_of_the_name_say_the_order() -> None:
    (weight,) = cut({"x.qkv.weight": (12, 6)})
    assert modules(weight) == [f"attn.{part}_proj" for part in ("q", "k", "v")]
    assert weight.is_told


def test_where_several_are_as_large_as_the_target_has_one_those_least_like_it_are_cut() -> None:
    target: dict[str, Shape] = {
        **{f"attn.{part}_proj.weight": (4, 4) for part in PARTS},
        "fc1.weight": (12, 4),
    }
    theirs = kinds_of(target)
    scores = Scores(theirs, lambda _: None)

    def found(*names: str) -> list[str]:
        ours = kinds_of(dict.fromkeys(names, (12, 4)))
        return [fusion.sources[0].pattern for fusion in cut_kinds(ours, theirs, scores, Votes(()))]

    assert found("attn.joined.weight", "fc1.weight") == ["attn.joined.weight"]
    assert found("fc1_qkv.weight", "other.weight") == ["fc1_qkv.weight"]
    assert found("fc1.weight") == []


def test_nothing_is_cut_into_what_has_its_own() -> None:
    assert cut({"x": (12, 6), **{f"y{place}.weight": (4, 6) for place in "abc"}}) == []


def test_parts_that_count_up_are_joined_in_their_order() -> None:
    ours = kinds_of({"up_a.weight": (4, 4), "up_b.weight": (4, 4), "x.weight": (5, 4)})
    theirs = kinds_of({"fc.weight": (8, 4)})
    (joined,) = joined_kinds(ours, theirs, Scores(theirs, lambda _: None), Votes(()))
    assert [kind.pattern for kind in joined.sources] == ["up_a.weight", "up_b.weight"]
    assert joined.is_told


def test_what_adds_up_to_nothing_is_left() -> None:
    assert cut({"x.a": (13, 6)}) == []
