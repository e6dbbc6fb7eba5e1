from __future__ import annotations

import pytest

from toolkit.oracle.rows import choose_rows


@pytest.mark.parametrize(
    ("lengths", "rows"),
    [
        ([5, 1, 3], ((1, 1), (2, 1), (0, 1))),
        ([9, 8, 7, 6, 5, 4, 3], ((6, 1), (4, 1), (2, 1), (0, 1))),
        ([4], ((0, 1), (0, 2))),
        ([4, 4], ((0, 1), (1, 1), (1, 2))),
    ],
)
def test_the_batch_goes_from_the_shortest_to_the_longest_clip(lengths, rows):
    assert choose_rows(lengths) == rows
