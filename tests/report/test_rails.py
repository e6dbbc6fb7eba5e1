from toolkit.core.pictures import Edge
from toolkit.report.rails import lay_rails

ROWS = ("norm", "attention.q", "attention", "last_norm", "whole")
EDGES = (
    Edge(giver="layers.0", taker="layers.1.norm"),
    Edge(giver="memory", taker="layers.1.attention.q"),
    Edge(giver="memory", taker="layers.1.attention"),
    Edge(giver="layers.1.attention", taker="layers.1.last_norm", adds=True),
    Edge(giver="layers.0", taker="layers.1.last_norm", adds=True),
    Edge(giver="layers.1.norm", taker="layers.1", adds=True),
    Edge(giver="layers.1.last_norm", taker="layers.1", adds=True),
)


def test_a_residual_runs_from_where_it_is_kept_to_where_it_is_added():
    rails = lay_rails("layers", ROWS, EDGES)
    assert [rails.segments[row][0] for row in ("", *ROWS)] == [
        "start",
        "through",
        "through",
        "through",
        "end",
        "",
    ]


def test_residuals_that_overlap_have_a_lane_each_and_those_that_follow_share_one():
    lanes = [rails[1] for rails in lay_rails("layers", ROWS, EDGES).segments.values()]
    assert lanes == ["", "start", "through", "through", "through", "end"]
    follows = Edge(giver="layers.1.last_norm", taker="layers.1", adds=True)
    edges = (*EDGES[:5], follows, Edge(giver="layers.1.attention", taker="layers.1", adds=True))
    assert lay_rails("layers", ROWS, edges).segments["last_norm"][0] == "end"


def test_what_is_taken_from_outside_is_told_once_and_by_the_smallest():
    assert lay_rails("layers", ROWS, EDGES).sources == {"attention.q": ("memory",)}


def test_a_stack_of_which_nothing_is_known_has_no_lines():
    rails = lay_rails("layers", ROWS, ())
    assert rails.sources == {}
    assert set(rails.segments.values()) == {()}
