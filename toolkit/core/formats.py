"""Modules that fairseq has in checkpoints of its later file formats alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SinceFormat:
    """A module that fairseq leaves out of a model whose checkpoint is of an earlier format.

    It takes a format that is not told for the first one, and says nothing of what it leaves out.
    Source: `upgrade_state_dict_named` of `fairseq/models/transformer`.
    """

    module: str
    """Its path in fairseq's model."""
    marker: str
    """The tensor of the checkpoint that tells the format."""
    first: int
    """The number of the first format that has the module."""
