from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.samples import TOKENS


@pytest.mark.parametrize(
    ("converted", "first"),
    [
        ((5, 6, 2), None),
        ((4, 6, 2), 0),
        ((5, 6, 3), 2),
        ((5, 6), 2),
        ((), 0),
        ((5, 6, 2, 2), 3),
    ],
)
def test_the_first_difference_is_the_first_index_at_which_the_tokens_part(converted, first):
    tokens = replace(TOKENS, converted=converted)
    assert (tokens.equal, tokens.first_difference) == (first is None, first)


@given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_before_the_first_difference_all_tokens_are_equal(left, right):
    first = replace(TOKENS, reference=tuple(left), converted=tuple(right)).first_difference
    if first is None:
        assert left == right
    else:
        assert left[:first] == right[:first]
        assert left[first : first + 1] != right[first : first + 1]
