"""Where models run, and that they compute there as exactly and repeatably as it goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from toolkit.core.errors import BadInput

CPU = "cpu"
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
REPEATABLE_WORKSPACE = ":4096:8"
"""What makes cuBLAS repeatable, by NVIDIA's documentation of cuBLAS; read at its first use."""


@contextmanager
def exact_device(name: str) -> Iterator[None]:
    """On a GPU: no TF32, no choice of kernels by speed, none that sums in another order each time.

    Args:
        name: In torch's words: `cpu`, `cuda`, `cuda:1`.

    Raises:
        BadInput: torch has no such device here.
    """
    if name == CPU:
        yield
        return
    import torch

    _expect_device(name)
    os.environ.setdefault(WORKSPACE, REPEATABLE_WORKSPACE)
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = (
        matmul.allow_tf32,
        cudnn.allow_tf32,
        cudnn.benchmark,
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    try:
        matmul.allow_tf32 = cudnn.allow_tf32 = cudnn.benchmark = False
        # Kernels without a deterministic form still run: a proof that fails is better than none.
        torch.use_deterministic_algorithms(True, warn_only=True)
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, enabled, warns = before
        torch.use_deterministic_algorithms(enabled, warn_only=warns)


def _expect_device(name: str) -> None:
    import torch

    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        found = torch.cuda.device_count()
        raise BadInput(
            f"`--device` must be a device that torch has here, but is {name!r}, and torch "
            f"{torch.__version__} sees {found} CUDA devices. Leave it out to use the CPU."
        ) from error
