"""Where models run, and that they compute there as exactly and repeatably as it goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from toolkit.core.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

CPU = "cpu"
KINDS = ("cpu", "cuda")
"""Others, as torch's `mps`, have no float64, or hold no values, as `meta`."""
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
REPEATABLE_WORKSPACES = (":4096:8", ":16:8")
"""What makes cuBLAS repeatable, by NVIDIA's documentation of cuBLAS; read at its first use."""


@contextmanager
def exact_device(name: str) -> Iterator[None]:
    """On a GPU: no TF32, no choice of kernels by speed, none that sums in another order each time.

    Args:
        name: In torch's words: `cpu`, `cuda`, `cuda:1`.

    Raises:
        BadInput: torch has no such device here, or the GPU failed or ran out of memory.
    """
    if name == CPU:
        yield
        return
    from toolkit.oracle.failing import has_gpu_failed

    expect_device(name)
    with exact_kernels():
        try:
            yield
        except RuntimeError as error:
            if has_gpu_failed(error):
                raise BadInput(
                    f"`--device` must be a GPU that can run both models, but {name!r:.40} failed: "
                    f"{_first_line(error)}. Leave it out to use the CPU."
                ) from error
            raise


def expect_device(name: str) -> None:
    """Holds that models can run on a device. Imports nothing for the CPU.

    Raises:
        BadInput: they cannot.
    """
    if name == CPU:
        return
    import torch

    try:
        if torch.device(name).type not in KINDS:
            raise RuntimeError("neither the CPU nor a CUDA device")
        # A kernel must run: torch may know a GPU that it has no kernels for.
        torch.ones(1, device=name).sum().item()
    except (RuntimeError, AssertionError) as error:
        raise BadInput(
            f"`--device` must be `{CPU}` or a GPU that torch {torch.__version__} can use here, but "
            f"is {name!r:.40}: {_first_line(error)}. Leave it out to use the CPU."
        ) from error


def gpu_facts(name: str) -> dict[str, str]:
    """What a result says of the GPU that models ran on; nothing where there was none."""
    if name == CPU:
        return {}
    import torch

    if torch.device(name).type != "cuda":
        return {}
    return {"device": torch.cuda.get_device_name(name), "cuda": str(torch.version.cuda)}


@contextmanager
def exact_kernels() -> Iterator[None]:
    """While active, torch computes on GPUs in full float32, in one and the same order each time.

    All settings are as before afterwards, whatever happens inside the context.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with ExitStack() as stack:
        stack.callback(_restore_environment, os.environ.get(WORKSPACE))
        if os.environ.get(WORKSPACE) not in REPEATABLE_WORKSPACES:
            os.environ[WORKSPACE] = REPEATABLE_WORKSPACES[0]
        stack.callback(
            torch.use_deterministic_algorithms,
            torch.are_deterministic_algorithms_enabled(),
            warn_only=torch.is_deterministic_algorithms_warn_only_enabled(),
        )
        # Kernels without a deterministic form still run: a proof that fails is better than none.
        torch.use_deterministic_algorithms(True, warn_only=True)
        cudnn = torch.backends.cudnn
        stack.callback(setattr, cudnn, "benchmark", cudnn.benchmark)
        cudnn.benchmark = False
        for restore in _refuse_tf32():
            stack.callback(restore)
        # Fused kernels emulate float32 with TF32 products; this one is plain products and sums.
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        yield


def _refuse_tf32() -> list[Callable[[], object]]:
    """Turns TF32 off; returns what turns it on again, to be called from the last to the first."""
    import torch

    cudnn = torch.backends.cudnn
    operations = _operations()
    before = [_setter(owner, "fp32_precision", owner.fp32_precision) for owner in operations]
    # The older names refuse to be read where the newer ones were set apart: these say it all then.
    with suppress(RuntimeError):
        known = torch.get_float32_matmul_precision()
        before.append(partial(torch.set_float32_matmul_precision, known))
    with suppress(RuntimeError):
        before.append(_setter(cudnn, "allow_tf32", cudnn.allow_tf32))
        cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    for owner in operations:
        # An operation for which TF32 was only not allowed does as `backends.fp32_precision` says.
        owner.fp32_precision = "ieee"
    return before


def _operations() -> list[Any]:
    """Where torch 2.9 and newer have one setting per operation."""
    from torch import backends

    if not hasattr(backends.cuda.matmul, "fp32_precision"):
        return []
    cudnn: Any = backends.cudnn
    mkldnn: Any = backends.mkldnn
    return [backends.cuda.matmul, mkldnn.matmul, cudnn.conv, cudnn.rnn]


def _setter(owner: object, name: str, value: object) -> Callable[[], object]:
    return partial(setattr, owner, name, value)


def _restore_environment(value: str | None) -> None:
    if value is None:
        os.environ.pop(WORKSPACE, None)
    else:
        os.environ[WORKSPACE] = value


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(". ")[:200]
