"""The same jobs on Ray."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.batch.conftest import CONVERT, Write
from toolkit.batch import on_ray
from toolkit.batch.on_ray import fitting
from toolkit.batch.running import batch
from toolkit.core.errors import BadInput

NODES = [{"CPU": 2.0, "memory": 8.0}, {"CPU": 1.0, "memory": 9.0, "GPU": 1.0}]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"num_cpus": 1, "memory": 5.0}, {"num_cpus": 1, "memory": 5.0}),
        ({"num_cpus": 1, "memory": 50.0}, {"num_cpus": 1, "memory": 9.0}),
        ({"num_cpus": 3, "num_gpus": 2.0}, {"num_cpus": 2.0, "num_gpus": 1.0}),
    ],
)
def test_no_task_waits_for_what_no_node_has(asked, expected):
    assert fitting(asked, NODES) == expected


def test_a_device_that_no_node_has_is_left_to_the_job_to_refuse():
    assert fitting({"num_gpus": 1.0}, NODES[:1]) == {"num_gpus": 0.0}


@pytest.mark.wide
def test_jobs_on_ray_come_to_what_they_come_to_here_however_large_they_are(
    shelf: Path, write: Write, monkeypatch
) -> None:
    monkeypatch.setattr(on_ray, "MEMORY_BYTES", 1 << 50)
    summary = batch(write(CONVERT), shelf / "r", engine="ray", workers=1)
    assert summary.counts == {"unverified": 2, "refused": 1}
    assert batch(write(CONVERT), shelf / "r", engine="ray", workers=1).done_now == 0


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:x"])
def test_an_address_at_which_nobody_answers_is_named(
    shelf: Path, write: Write, address: str
) -> None:
    with pytest.raises(BadInput, match=f"`{address}` must be the address of a running Ray"):
        batch(write(CONVERT), shelf / "r", engine="ray", address=address)
