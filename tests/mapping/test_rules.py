import torch
from hypothesis import given
from hypothesis import strategies as st

from toolkit.mapping import (
    Drop,
    Fill,
    Identity,
    PlacedRow,
    Rule,
    SplitWeightNorm,
    Table,
    Tie,
    Transpose,
)


def test_a_rule_has_one_target_or_several():
    assert Rule("a", "b").targets == ("b",)
    assert Rule("a", ("b", "c"), SplitWeightNorm()).targets == ("b", "c")


def test_every_row_says_in_words_what_it_does():
    rows = {
        Rule("a", "b"): "a -> b (copy)",
        Rule("a", ("b", "c"), SplitWeightNorm()): "a -> b + c (split into weight norm)",
        Drop("a", "it is old"): "a -> dropped, because it is old",
        Fill("b", Identity(), "it is absent"): "(identity matrix) -> b, because it is absent",
        Tie("a", "a2", "b", "b2", "they are one"): "a = a2 -> b = b2 (tied)",
    }
    for row, words in rows.items():
        assert str(row) == words


def test_an_origin_names_the_table_and_the_row():
    table = Table(name="t", rows=(Rule("a", "b"), Drop("c", "d")))
    assert table.origin(table.rows[1]) == "t, row 2: c -> dropped, because d"


def test_an_origin_of_a_user_s_row_names_the_file_and_the_line():
    placed = PlacedRow(row=Rule("a", "b"), file="my.yaml", line=17)
    table = Table(name="t", rows=(Rule("a", "b"), Drop("c", "d")), user_rows=(placed,))
    assert table.origin(placed.row) == "my.yaml, line 17: a -> b (copy)"
    assert table.origin(table.rows[1]) == "t, row 2: c -> dropped, because d"
    assert table.family_rows == table.rows[1:]


@given(st.lists(st.integers(1, 3), min_size=2, max_size=5), st.data())
def test_a_transposition_inverts_and_foresees_its_shape(sizes, data):
    first, second = data.draw(st.permutations(range(len(sizes))))[:2]
    op, source = Transpose(first, second), torch.randn(sizes)
    (target,) = op.apply(source)
    assert op.shapes(tuple(sizes)) == (tuple(target.shape),)
    assert torch.equal(op.invert((target,)), source)
    assert str(first) in op.name
    assert str(second) in op.name


def test_a_transposition_gives_nothing_of_a_source_without_its_axes():
    assert Transpose(0, 2).shapes((4, 3)) == ()


def test_a_transposition_moves_every_value():
    (target,) = Transpose().apply(torch.tensor([[1, 2], [3, 4]]))
    assert target.tolist() == [[1, 3], [2, 4]]
