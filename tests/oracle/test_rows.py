from __future__ import annotations

import pytest
import torch

from toolkit.oracle.rows import a_second, choose_rows, take
from toolkit.oracle.search import SAMPLES_A_SECOND

LONGEST = SAMPLES_A_SECOND
LONG = 3 * LONGEST


@pytest.mark.parametrize(
    ("lengths", "rows"),
    [
        ([5, 1, 3], ((1, 1), (2, 3), (0, 5))),
        ([9, 8, 7, 6, 5, 4, 3], ((6, 3), (4, 5), (2, 7), (0, 9))),
        ([4000], ((0, 4000), (0, 2666))),
        ([4000, 4000], ((0, 4000), (1, 4000), (1, 2666))),
        ([400], ((0, 400), (0, 800))),
        ([LONG, 2000], ((1, 2000), (0, LONGEST))),
        ([LONG, LONG, LONG + 1], ((0, LONGEST // 2), (1, LONGEST * 3 // 4), (2, LONGEST))),
        ([LONG], ((0, LONGEST), (0, LONGEST * 2 // 3))),
    ],
)
def test_the_batch_goes_from_the_shortest_to_the_longest_clip_and_holds_no_long_one(lengths, rows):
    assert choose_rows(lengths) == rows


@pytest.mark.parametrize(
    ("samples", "expected"), [(3, [1, 2, 3]), (2, [1, 2]), (6, [1, 2, 3, 1, 2, 3])]
)
def test_a_row_is_cut_or_said_again(samples, expected):
    assert take(torch.tensor([1, 2, 3]), samples).tolist() == expected


@pytest.mark.parametrize("clips", [1, 2, 4])
def test_a_window_of_stride_two_reads_beyond_the_end_of_a_row_that_is_padded(clips):
    rows = choose_rows([LONG] * clips)
    padded = min(samples for _, samples in rows)
    assert (1 + (padded - 400) // 320) % 2 == 1


def test_filter_banks_are_cut_by_their_frames():
    banks = torch.arange(6.0).reshape(3, 2)
    assert (a_second(banks), a_second(banks[:, 0])) == (100, 16000)
    assert take(banks, 4).tolist() == [[0, 1], [2, 3], [4, 5], [0, 1]]
    assert choose_rows([300], a_second(banks)) == ((0, 100), (0, 66))
