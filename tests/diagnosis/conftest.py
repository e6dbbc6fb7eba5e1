"""Folders beside the golden checkpoint, on a short clip each."""

from collections.abc import Callable

import pytest

from tests.faults.examining import Examined, examine
from toolkit.replay.target import Target


@pytest.fixture(scope="session")
def examined(prepared, make_bench, clip) -> Callable[..., Examined]:
    def look(folder, *names):
        chosen = [clip(name) for name in names or ("ru_2",)]
        return examine(prepared, make_bench, Target(folder), chosen)

    return look


@pytest.fixture(scope="session")
def right(prepared, make_bench, target, clip) -> Examined:
    """The right conversion on a short clip with an odd number of frames and on a very short one."""
    return examine(prepared, make_bench, target, [clip("ru_2"), clip("pt_1"), clip("quiet")])
