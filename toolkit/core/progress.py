"""How far a command is, for who watches."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Hears how far a command is."""

    def __call__(self, what: str, done: int, total: int, unit: str = "steps", /) -> None:
        """Takes what is being done, how much of it is done, and how much there is.

        Args:
            what: In words.
            done: In units.
            total: In units.
            unit: `steps`, or `bytes` where a rate and the time left make sense.
        """
        ...


def silent(_what: str, _done: int, _total: int, _unit: str = "steps") -> None:
    """Progress that nobody watches."""
    return
