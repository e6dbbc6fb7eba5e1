"""A proposal is asked for what is a plain rename, and why."""

from toolkit.checkpoint.recipes import Recipe
from toolkit.inference import Ambiguity, Match, Proposal

PLAIN = Match(recipe=Recipe(sources=("a",), targets=("b",)), evidence="called the same")
CUT = Match(recipe=Recipe(sources=("c",), targets=("d", "e")), evidence="shapes add up")
PROPOSAL = Proposal(rows=(PLAIN, CUT), ambiguous=(), unmatched_sources=(), unmatched_targets=())


def test_only_what_becomes_one_tensor_as_it_is_is_a_rename() -> None:
    assert PROPOSAL.renames == {"a": "b"}
    assert list(PROPOSAL) == [PLAIN, CUT]


def test_each_target_has_its_evidence() -> None:
    assert PROPOSAL.evidence == {"b": "called the same", "d": "shapes add up", "e": "shapes add up"}


def test_what_is_ambiguous_says_all_candidates() -> None:
    one = Ambiguity(targets=("d", "e"), sources=("x", "y"), because="nothing tells these apart")
    assert str(one) == "d, e: nothing tells these apart: any of x, y"
