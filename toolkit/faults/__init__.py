"""Deliberate breaks of a right conversion, each with the finding that it must produce.

Nothing here is what finds the faults. Most work on the files of a folder; a few leave the folder
right and break the checkpoint that it was made of.
"""

from toolkit.faults.catalogue import double_faults, single_faults
from toolkit.faults.checkpoints import CheckpointFault, checkpoint_faults
from toolkit.faults.fault import DoubleFault, Fault, Truth
from toolkit.faults.proof import Excluded, maybe_harmless, split_harmless

__all__ = [
    "CheckpointFault",
    "DoubleFault",
    "Excluded",
    "Fault",
    "Truth",
    "checkpoint_faults",
    "double_faults",
    "maybe_harmless",
    "single_faults",
    "split_harmless",
]
