"""What a decoder is given, so that both sides go through the same tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.oracle.asking import AnyReference, prefix_of
from toolkit.oracle.rows import a_second
from toolkit.oracle.search import Search, capped, with_beam

if TYPE_CHECKING:
    from torch import Tensor


def find_prefix(
    reference: AnyReference, source: Tensor, search: Search, tag: int | None
) -> tuple[int, ...]:
    """What a decoder is given of a clip that is searched: fairseq's own greedy hypothesis.

    Where there is none, nothing is searched.

    Args:
        reference: fairseq's model.
        source: The network's input, shape (L,).
        search: The checkpoint's search settings.
        tag: Language tag to begin with, None where the task prepends none.
    """
    if reference.start_token is None:
        return prefix_of(reference, (), tag)
    once = with_beam(capped(search, len(source), a_second(source)), 1)
    return prefix_of(reference, reference.search(source, once, tag)[0].tokens, tag)
