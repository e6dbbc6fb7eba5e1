from toolkit.mapping import Drop, Fill, Identity, Rule, SplitWeightNorm, Table, Tie


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
