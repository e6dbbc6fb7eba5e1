"""Parity as a test: what the pytest plugin collects and asserts, and `assert_parity`."""

from toolkit.parity.assertions import assert_parity

__all__ = ["assert_parity"]
