"""Whatever becomes of a job's work is an outcome that says why."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import pytest

from toolkit.batch.outcome import Outcome
from toolkit.batch.work import measured
from toolkit.core.errors import BadInput, InternalError


def raising(error: Exception) -> Callable[[], Outcome]:
    def work() -> Outcome:
        raise error

    return work


def full(code: int) -> OSError:
    return OSError(code, os.strerror(code), "/disk/model.safetensors")


@pytest.mark.parametrize(
    ("error", "ending", "said"),
    [
        (BadInput("`a` must be b."), "refused", "`a` must be b."),
        (full(errno.ENOSPC), "refused", "`disk` must have room for what the job writes"),
        (full(errno.EFBIG), "refused", "File too large: '/disk/model.safetensors'. Make room"),
        (
            RuntimeError("I/O error: No space left on device (os error 28)"),
            "refused",
            "`disk` must",
        ),
        (full(errno.EIO), "died", "The system says: [Errno 5]"),
        (MemoryError(), "died", "`memory` must hold the models"),
        (InternalError("ours"), "died", "This is a fault of the toolkit"),
        (ValueError("odd"), "died", "internal error: ValueError: odd"),
    ],
)
def test_what_ends_a_job_is_named(error: Exception, ending: str, said: str) -> None:
    outcome = measured(raising(error))
    assert (outcome.ending, said in str(outcome.because)) == (ending, True)
