"""The pairing of two lists whose scores add up to most."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def best_pairs(scores: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Rows and columns paired so that the sum of their scores is largest, each used once.

    Shortest augmenting paths: Jonker and Volgenant 1987.

    Args:
        scores: Shape (rows, columns), all finite.

    Returns:
        As many pairs as there are of the fewer.
    """
    if scores.shape[0] > scores.shape[1]:
        return sorted((row, column) for column, row in best_pairs(scores.T))
    return _solve(-scores)


def _solve(costs: NDArray[np.float64]) -> list[tuple[int, int]]:
    """At least as many columns as rows; row and column 0 of the arrays stand for none."""
    import numpy as np

    rows, columns = costs.shape
    row_duals, column_duals = np.zeros(rows + 1), np.zeros(columns + 1)
    owner = np.zeros(columns + 1, dtype=int)
    for row in range(1, rows + 1):
        owner[0] = row
        column, way = 0, np.zeros(columns + 1, dtype=int)
        slack, seen = np.full(columns + 1, np.inf), np.zeros(columns + 1, dtype=bool)
        while owner[column]:
            seen[column] = True
            reduced = costs[owner[column] - 1] - row_duals[owner[column]] - column_duals[1:]
            better = ~seen[1:] & (reduced < slack[1:])
            slack[1:][better], way[1:][better] = reduced[better], column
            following = int(np.argmin(np.where(seen, np.inf, slack)[1:])) + 1
            step = slack[following]
            row_duals[owner[seen]] += step
            column_duals[seen] -= step
            slack[1:][~seen[1:]] -= step
            column = following
        while column:
            owner[column] = owner[way[column]]
            column = way[column]
    return sorted((int(owner[c]) - 1, c - 1) for c in range(1, columns + 1) if owner[c])
