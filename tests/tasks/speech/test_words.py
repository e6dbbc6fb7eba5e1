from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from toolkit.oracle.asking import ScoredTokens
from toolkit.oracle.search import Search
from toolkit.tasks.speech.words import maybe_read_off

TAG, END = 4, 2
FOUND = ScoredTokens(tokens=(TAG, 1, 3, END), score=0.0)
BEST = torch.tensor([[[0.0, 1, 2, 3, 4], [0, 9, 0, 0, 0], [0, 0, 0, 9, 0], [0, 0, 9, 0, 0]]])
"""Of which each row's best is what was found."""
SEARCH = Search(beam=1, max_len_b=3)


def with_best(step: int, token: int) -> torch.Tensor:
    logits = BEST.clone()
    logits[0, step, token] = 99.0
    return logits


def test_what_is_best_at_each_step_is_what_a_search_finds() -> None:
    read = maybe_read_off(BEST, FOUND, SEARCH, None)
    assert read is not None
    assert read.tokens == FOUND.tokens
    chosen = BEST.log_softmax(-1)[0, range(4), FOUND.tokens]
    assert read.score == pytest.approx(float(chosen.sum()) / 4)
    longer = maybe_read_off(BEST, FOUND, replace(SEARCH, lenpen=2.0), None)
    assert longer is not None
    assert longer.score == pytest.approx(read.score / 4)


@pytest.mark.parametrize("step", [1, 2])
def test_another_best_token_leaves_a_doubt(step: int) -> None:
    assert maybe_read_off(with_best(step, 0), FOUND, SEARCH, TAG) is None


def test_a_forced_first_token_and_a_forced_end_need_not_be_the_best() -> None:
    assert maybe_read_off(with_best(0, 0), FOUND, SEARCH, TAG) is not None
    assert maybe_read_off(with_best(0, 0), FOUND, SEARCH, None) is None
    assert maybe_read_off(with_best(3, 0), FOUND, SEARCH, TAG) is not None
    assert maybe_read_off(with_best(3, 0), FOUND, replace(SEARCH, max_len_b=9), TAG) is None


def test_logits_of_other_tokens_leave_a_doubt() -> None:
    assert maybe_read_off(BEST[:, :3], FOUND, SEARCH, TAG) is None
