"""What a model raises that does not run, and whose fault that is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

import torch

from toolkit.oracle.refusal import Refusal

DOES_NOT_RUN = (RuntimeError, LookupError, ValueError, TypeError, AttributeError)
"""What a model raises whose parts, settings or inputs do not go together."""
_OF_DEVICES = tuple(
    getattr(torch, name)
    for name in ("OutOfMemoryError", "AcceleratorError")
    if hasattr(torch, name)
)
"""Those that torch tells apart; the second is known since torch 2.8."""


def has_gpu_failed(error: BaseException) -> bool:
    """Whether an error is the GPU's: no memory left, or a kernel failed, after which none runs.

    An index out of range is of the second kind there. On a CPU it is an error like any other.
    """
    return isinstance(error, _OF_DEVICES) or (
        isinstance(error, RuntimeError) and str(error).startswith(("CUDA", "cuDNN"))
    )


@contextmanager
def answering() -> Iterator[None]:
    """While it lasts, fairseq answers, and what it cannot run is not the other side's fault.

    Raises:
        Refusal: fairseq's model does not run on what it is given.
    """
    try:
        yield
    except DOES_NOT_RUN as error:
        if has_gpu_failed(error):
            raise
        brief = " ".join(str(error).split())[:300]
        raise Refusal(
            "fairseq itself must be able to run the checkpoint on every example, but raises "
            f"{type(error).__name__}: {brief}. Name examples that it can read; one may be longer "
            "than the model's positions."
        ) from error
