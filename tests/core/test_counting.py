"""One of many has no plural."""

import pytest

from toolkit.core.counting import counted, listed


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 clips"), (1, "1 clip"), (2, "2 clips"), (21, "21 clips")]
)
def test_a_number_has_its_noun(number: int, said: str) -> None:
    assert counted(number, "clips") == said


def test_a_long_list_ends_with_how_many_more_there_are() -> None:
    assert listed(["a", "b"], shown=2) == "a, b"
    assert listed(["a", "b", "c", "d"], shown=2) == "a, b, and 2 more"
