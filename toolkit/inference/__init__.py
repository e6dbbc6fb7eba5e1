"""Which tensors of one model are which of another, from names, shapes and values: no model runs."""

from toolkit.inference.proposal import Ambiguity, Match, Proposal
from toolkit.inference.proposing import propose

__all__ = ["Ambiguity", "Match", "Proposal", "propose"]
