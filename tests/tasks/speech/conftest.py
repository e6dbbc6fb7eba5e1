"""Folders beside the golden checkpoint, on a short clip each."""

from tests.examining import examined, right, truth

__all__ = ["examined", "right", "truth"]
