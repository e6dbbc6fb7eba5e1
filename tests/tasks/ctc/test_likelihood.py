"""How likely a CTC model finds a transcript."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from toolkit.replay.target import Target
from toolkit.tasks.ctc.likelihood import nats_per_symbol, spell


def contents(*symbols: str) -> Any:
    rows = ("<s>", "<pad>", "</s>", "<unk>", *symbols)
    return SimpleNamespace(dictionary=SimpleNamespace(symbols=rows))


def spelled(text: str, *symbols: str) -> str:
    known = contents(*symbols)
    return "".join(known.dictionary.symbols[row] for row in spell(known, text))


def test_a_transcript_is_spelled_in_the_case_of_the_dictionary() -> None:
    assert spelled("Hello, you", "|", *"HELOYU") == "HELLO|YOU|"
    assert spelled("Hello, you", "|", *"heloyu,") == "hello,|you|"
    assert spelled("Hello, you", "|", *"Heloyu,") == "Hello,|you|"


@pytest.mark.parametrize(
    "symbols", [("|", "HH", "AH", "L", "OW"), ("|", *"привет"), tuple("HELO")], ids=str
)
def test_what_a_dictionary_cannot_spell_is_not_spelled(symbols: tuple[str, ...]) -> None:
    assert spell(contents(*symbols), "Hello") == ()


def test_a_text_without_letters_is_not_spelled() -> None:
    assert spell(contents("|", *"abc"), "... 12") == ()


@dataclass
class Saying:
    """A model that says the same of whatever it hears."""

    logits: torch.Tensor

    def forward(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(result=self.logits)


def nats(logits: torch.Tensor, symbols: tuple[int, ...]) -> float:
    return nats_per_symbol(cast("Target", Saying(logits)), torch.zeros(1), symbols)


def summed(logits: torch.Tensor, symbols: tuple[int, ...]) -> float:
    """The probability of the symbols: of all paths that merge to them, one by one."""
    odds, total = logits[0].double().softmax(-1), 0.0
    for path in product(range(odds.shape[1]), repeat=odds.shape[0]):
        merged = [s for i, s in enumerate(path) if i == 0 or s != path[i - 1]]
        if tuple(s for s in merged if s) == symbols:
            total += math.prod(float(odds[t, s]) for t, s in enumerate(path))
    return total


@given(
    frames=st.integers(1, 5),
    symbols=st.lists(st.integers(1, 2), min_size=1, max_size=3).map(tuple),
    seed=st.integers(0, 99),
)
def test_it_is_the_sum_over_all_alignments(
    frames: int, symbols: tuple[int, ...], seed: int
) -> None:
    logits = torch.randn(1, frames, 3, generator=torch.Generator().manual_seed(seed))
    probability = summed(logits, symbols)
    expected = -math.log(probability) / len(symbols) if probability else math.inf
    assert nats(logits, symbols) == pytest.approx(expected, rel=1e-5)
