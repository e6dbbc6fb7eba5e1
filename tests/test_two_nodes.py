"""A batch on two nodes of Ray comes to what it comes to here, whatever of them is killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from toolkit.audio import golden_folder
from toolkit.batch.database import opened
from toolkit.batch.running import batch
from toolkit.core.errors import BadInput

pytestmark = pytest.mark.slow

JOBS = """
[[job]]
do = "convert"
checkpoints = "models/*/model.pt"
out = "hf/{{folder}}"
audio = "{clip}"
"""
KINDS = ("hubert_encoder", "wav2vec2_encoder", "hubert_ctc")
COPIES = 2
PATIENCE_S = 600


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Checkpoints of three kinds, two of each, which a dictionary beside them tells apart."""
    for kind in KINDS:
        for copy in range(COPIES):
            source = golden_folder() / "untrained" / kind
            made = Path(shutil.copytree(source, tmp_path / "models" / f"{kind}_{copy}"))
            (made / "note.txt").write_text(f"a {copy}\n")
    (tmp_path / "hf").mkdir()
    clip = golden_folder() / "tiny.flac"
    (tmp_path / "jobs.toml").write_text(JOBS.format(clip=clip))
    return tmp_path


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Callable[[], None]]]:
    """The address of a Ray of two nodes of one core each, and what ends the second one."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    node = {"num_cpus": 1, "memory": 4 << 30, "object_store_memory": 100 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    second = cluster.add_node(**node)
    yield cluster.address, lambda: cluster.remove_node(second, allow_graceful=False)
    cluster.shutdown()


def results_of(folder: Path) -> dict[str, str]:
    """The whole result of each job as text, by its address."""
    with opened(folder) as connection:
        return {row["address"]: row["result"] for row in connection.execute("SELECT * FROM jobs")}


def wait_for(process: subprocess.Popen[str], is_so: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not is_so():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < ends
        time.sleep(0.05)


def done(folder: Path) -> int:
    try:
        return sum(result is not None for result in results_of(folder).values())
    except BadInput:  # it is not made yet
        return 0


def workers() -> list[int]:
    """Processes of Ray that do a job now."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"ray::do_within"):
                found.append(int(path.parent.name))
        except OSError:  # it has ended
            continue
    return found


def test_two_nodes_one_of_which_dies_come_to_what_one_machine_comes_to(
    shelf: Path, nodes: tuple[str, Callable[[], None]]
) -> None:
    address, end_second = nodes
    here = batch(shelf / "jobs.toml", shelf / "here", workers=2)
    assert here.counts == {"match": len(KINDS) * COPIES}
    (shelf / "hf").rename(shelf / "hf-here")
    (shelf / "hf").mkdir()
    words = [sys.executable, "-W", "ignore", "-m", "toolkit", "batch", "jobs.toml", "there"]
    process = subprocess.Popen(
        [*words, "--quiet", "--engine", "ray", "--address", address],
        cwd=shelf,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(process, lambda: done(shelf / "there") >= 1 and bool(workers()))
    os.kill(workers()[0], signal.SIGKILL)
    wait_for(process, lambda: done(shelf / "there") >= 2)
    end_second()
    assert process.wait(PATIENCE_S) == 0, process.communicate()[1]
    assert len(results_of(shelf / "here")) == len(KINDS) * COPIES
    assert results_of(shelf / "there") == results_of(shelf / "here")
    for made in (shelf / "hf").rglob("*"):
        twin = shelf / "hf-here" / made.relative_to(shelf / "hf")
        assert made.is_dir() or made.read_bytes() == twin.read_bytes()
    assert sorted(os.listdir(shelf / "hf")) == sorted(os.listdir(shelf / "hf-here"))
