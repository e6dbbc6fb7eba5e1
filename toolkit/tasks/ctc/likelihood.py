"""How likely a CTC model finds a transcript."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from toolkit.audio import Clip
from toolkit.checkpoint.dictionary import BOS
from toolkit.folder.contents import FolderContents
from toolkit.replay.target import Target
from toolkit.tasks.base import Surprise
from toolkit.tasks.ctc.letters import DELIMITER

SPELLED = 0.9
"""Share of a transcript's letters that a dictionary must have to be of its language."""


def ask(contents: FolderContents, clip: Clip) -> Surprise | None:
    """What a clip's transcript costs a model; None where its vocabulary cannot spell it."""
    symbols = () if clip.transcript is None else spell(contents, clip.transcript)
    return partial(nats_per_symbol, symbols=symbols) if symbols else None


def chance(contents: FolderContents) -> float:
    """What a symbol costs a model that finds all of them equally likely, in nats."""
    return math.log(len(contents.dictionary.symbols))


def spell(contents: FolderContents, text: str) -> tuple[int, ...]:
    """The ids of a transcript as fairseq's labels have them, a delimiter behind every word.

    In the case that the dictionary has; marks that it lacks are left out.

    Returns:
        None at all where it lacks the letters, or has no delimiter.
    """
    rows = {symbol: row for row, symbol in enumerate(contents.dictionary.symbols)}
    if DELIMITER not in rows:
        return ()
    for cased in (text, text.upper(), text.lower()):
        letters = [letter for letter in cased if letter.isalpha()]
        known = sum(letter in rows for letter in letters)
        if letters and known >= SPELLED * len(letters):
            labels = "".join(f"{word}{DELIMITER}" for word in cased.split())
            return tuple(rows[label] for label in labels if label in rows)
    return ()


def nats_per_symbol(target: Target, source: Tensor, symbols: Sequence[int]) -> float:
    """Minus the logarithm of the probability of the symbols, by the symbol.

    Graves et al. 2006, equation 8: over all ways to align them with the frames.

    Args:
        target: The model.
        source: The network's input, shape (L,).
        symbols: Ids of a transcript.

    Returns:
        Infinity where there are too few frames.
    """
    logits = target.forward([source], [()], only=()).result
    scores = logits.float().log_softmax(-1).transpose(0, 1)
    loss = functional.ctc_loss(
        scores,
        torch.tensor([list(symbols)]),
        input_lengths=torch.tensor([scores.shape[0]]),
        target_lengths=torch.tensor([len(symbols)]),
        blank=BOS,
        reduction="sum",
    )
    return float(loss) / len(symbols)
