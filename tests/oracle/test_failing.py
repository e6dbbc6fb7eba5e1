"""What fairseq cannot run is said of fairseq, and a broken GPU is said of the GPU."""

from __future__ import annotations

import pytest
import torch

from toolkit.oracle.failing import answering, has_gpu_failed
from toolkit.oracle.refusal import Refusal


def test_an_input_that_fairseq_cannot_run_is_refused_with_its_error() -> None:
    said = "fairseq itself .* IndexError: index out of range in self"
    with pytest.raises(Refusal, match=said), answering():
        torch.nn.Embedding(2, 1)(torch.tensor([2]))


def test_what_runs_passes() -> None:
    with answering():
        torch.nn.Embedding(2, 1)(torch.tensor([1]))


def test_a_bug_of_ours_passes_as_what_it_is() -> None:
    with pytest.raises(AssertionError), answering():
        raise AssertionError


def test_a_gpu_without_memory_is_no_refusal() -> None:
    with pytest.raises(torch.OutOfMemoryError), answering():
        raise torch.OutOfMemoryError("CUDA out of memory")
    assert has_gpu_failed(RuntimeError("cuDNN error"))
    assert not has_gpu_failed(RuntimeError("sizes differ"))
