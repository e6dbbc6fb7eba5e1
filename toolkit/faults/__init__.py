"""Deliberate breaks of a right conversion, each with the finding that it must produce.

Everything here works on the files of a folder; nothing of it is what finds the faults.
"""

from toolkit.faults.catalogue import double_faults, single_faults
from toolkit.faults.fault import DoubleFault, Fault, Truth
from toolkit.faults.proof import Excluded, maybe_harmless, split_harmless

__all__ = [
    "DoubleFault",
    "Excluded",
    "Fault",
    "Truth",
    "double_faults",
    "maybe_harmless",
    "single_faults",
    "split_harmless",
]
