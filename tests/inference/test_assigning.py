"""The best pairing is found, however many rows and columns there are."""

from itertools import permutations

import numpy as np
import pytest

from toolkit.inference.assigning import best_pairs


@pytest.mark.parametrize("seed", range(20))
def test_no_other_pairing_scores_more(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, columns = (int(n) for n in random.integers(1, 6, 2))
    scores = random.normal(size=(rows, columns)).round(1)
    pairs = best_pairs(scores)
    wide = scores if rows <= columns else scores.T
    best = max(
        sum(wide[row, column] for row, column in enumerate(order))
        for order in permutations(range(wide.shape[1]), wide.shape[0])
    )
    assert (
        len(pairs) == len({r for r, _ in pairs}) == len({c for _, c in pairs}) == min(scores.shape)
    )
    assert sum(scores[pair] for pair in pairs) == pytest.approx(best)
