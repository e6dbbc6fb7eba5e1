"""Folders beside the golden checkpoint, on a short clip each."""

from tests.faults.examining import examined, right

__all__ = ["examined", "right"]
