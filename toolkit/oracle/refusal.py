"""The one error of the oracle that its reader is meant to read."""

from __future__ import annotations


class Refusal(Exception):
    """Something handed over cannot be used: subject, what was expected, found, the next step."""
