"""Folders beside the golden checkpoint, on a short clip each."""

from tests.faults.examining import examined, right, truth

__all__ = ["examined", "right", "truth"]
