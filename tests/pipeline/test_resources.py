import os
import subprocess
import sys
from dataclasses import replace
from types import MappingProxyType

import pytest
import torch

from toolkit.pipeline.resources import SMALL, fitting_resources


@pytest.fixture
def large_plan(prepared):
    """The golden plan with one tensor of more elements than a small model has."""
    name = next(iter(prepared.plan.assignments))
    spec = replace(prepared.plan.targets[name], shape=(SMALL + 1,))
    targets = MappingProxyType({**prepared.plan.targets, name: spec})
    return replace(prepared.plan, targets=targets)


def test_a_small_model_gets_one_thread_for_as_long_as_it_lasts(prepared):
    torch.set_num_threads(2)
    try:
        with fitting_resources(prepared.plan):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_a_large_model_keeps_torchs_own_choice(large_plan):
    torch.set_num_threads(2)
    try:
        with fitting_resources(large_plan):
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


KEEPING = """
import sys
from pathlib import Path
from toolkit.pipeline import resources

def anonymous_kb():
    status = Path("/proc/self/status").read_text().split()
    return int(status[status.index("RssAnon:") + 1])

if sys.argv[1] == "returned":
    resources._return_freed_blocks()
before = anonymous_kb()
large, small = [], []
for _ in range(20):
    large.append(bytearray(b"x" * (20 << 20)))
    small.append(bytearray(b"x" * 5000))
    if len(large) > 1:
        large.pop(0)
del large
print(anonymous_kb() - before)
"""


@pytest.mark.skipif(not hasattr(os, "uname") or os.uname().sysname != "Linux", reason="glibc")
def test_freed_blocks_go_back_to_the_system():
    command = [sys.executable, "-c", KEEPING]
    returned = subprocess.run([*command, "returned"], capture_output=True, text=True, check=True)
    assert int(returned.stdout) < 15 << 10
