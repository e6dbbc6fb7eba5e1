"""What a result tells of a comparison of vocoders beside its levels."""

from __future__ import annotations


def tell_nothing(*_: object) -> tuple[()]:
    """A stock class is exact: there is no difference to declare, and no other way to use it."""
    return ()
