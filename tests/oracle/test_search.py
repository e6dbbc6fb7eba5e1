from __future__ import annotations

import pytest

from toolkit.oracle.search import Search, at_most, capped, shortened

SECOND = 16000


@pytest.mark.parametrize(
    ("search", "most"),
    [
        (Search(beam=1), 8),
        (Search(beam=1, max_len_b=6), 6),
        (Search(beam=1, min_len=11), 11),
        (Search(beam=1, max_len_a=1.0), 200),
    ],
)
def test_a_search_is_bounded_but_by_its_shortest_and_where_it_grows_with_the_clip(search, most):
    bounded = at_most(search, 8)
    assert bounded.max_len_b == most
    assert bounded.capped is (most != search.max_len_b)


def test_a_clip_says_so_many_tokens_at_most_and_a_row_of_it_fewer():
    assert capped(Search(beam=1), SECOND).max_len_b == 39
    assert capped(Search(beam=1), 20 * SECOND).max_len_b == 200
    prefix = tuple(range(100))
    assert shortened(prefix, SECOND) == tuple(range(40))
    assert shortened(prefix[:7], SECOND) == prefix[:7]
