import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.families.networks import facts_of
from toolkit.blocks.evidence import (
    Facts,
    argued,
    hard_coded,
)
from toolkit.core.errors import BadInput
from toolkit.families import Derived


def test_a_tensor_is_there_under_its_whole_name_alone():
    facts = facts_of({"layers.0.weight": (2, 3)})
    assert facts.has("layers.0.weight")
    assert not facts.has("layers.0")
    assert facts.has_under("layers.0")
    assert not facts.has_under("0.weight")
    assert facts.shape("layers.0.weight") == (2, 3)


def test_tensors_behind_a_prefix_go_by_names_without_it():
    facts = (
        facts_of({"a.b.layers.0.weight": (2, 3), "layers.1.weight": (4,)}).under("a.").under("b.")
    )
    assert facts.has("layers.0.weight")
    assert facts.shape("layers.0.weight") == (2, 3)
    assert facts.count("layers.") == 1
    assert not facts.has("layers.1.weight")
    assert not facts.has_under("a.")
    with pytest.raises(BadInput, match=r"`a.b.layers.1.weight` must be in a checkpoint"):
        facts.shape("layers.1.weight")


def test_a_tensor_that_every_member_has_is_missed_by_name():
    with pytest.raises(BadInput, match=r"`layers.1.weight` must be in a checkpoint of this family"):
        facts_of({"layers.0.weight": (2, 3)}).shape("layers.1.weight")


@given(st.sets(st.integers(0, 12)))
def test_indices_count_from_zero_to_the_first_gap(indices):
    facts = facts_of({f"layers.{i}.weight": (1,) for i in indices} | {"layers.x.weight": (1,)})
    count = facts.count("layers.")
    assert set(range(count)) <= indices
    assert count not in indices


def test_an_index_of_another_prefix_does_not_count():
    facts = facts_of({"other.layers.0.weight": (1,), "layers.00x.weight": (1,), "layersX0.": (1,)})
    assert facts.count("layers.") == 0


@pytest.mark.parametrize(
    ("derived", "evidence"),
    [
        (hard_coded(3, "it always is"), "it always is"),
        (Facts({}).shaped(3, "w"), "shape of w"),
        (Facts({}, "in.").shaped(3, "w"), "shape of in.w"),
        (Facts({}, "in.").counted(3, "w.{i}"), "number of in.w.{i}"),
        (Facts({}, "in.").present(3, "w"), "presence of in.w"),
        (argued({"width": 3}, "width", "args"), "args.width"),
        (argued({"width": 3}, "width", "args", 4), "args.width"),
        (argued({}, "width", "args", 3), "fairseq's default, as args.width is absent"),
    ],
)
def test_a_value_comes_with_its_evidence_and_is_no_assumption(derived, evidence):
    assert derived == Derived(value=3, evidence=evidence)
    assert derived.candidates == ()


@pytest.mark.parametrize(
    ("indices", "missing"), [([0, 2], "1"), ([1, 2], "0"), ([0, 3, 5], "1, 2, 4")]
)
def test_holes_in_the_numbering_are_one_reason(indices, missing):
    facts = facts_of({f"layers.{i}.{part}": (1,) for i in indices for part in "ab"})
    (reason,) = facts.holes("layers.")
    assert reason.name == "layers"
    assert f"without {missing}: they were pruned" in reason.because


def test_numbers_without_holes_are_no_reason():
    assert [*facts_of({"layers.0.a": (1,), "layers.1.a": (1,)}).holes("layers.")] == []
    assert [*facts_of({"other.1.a": (1,)}).holes("layers.")] == []
