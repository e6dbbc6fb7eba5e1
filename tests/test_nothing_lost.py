"""OUT appears whole or not at all: real processes, real signals, real file systems."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.sampling import slow
from toolkit.folder.digest import ABOUT_THE_REST

MANY_KILLS = 130
REACH = 1.2
"""The last moment of a kill, in times that a conversion takes: some are to finish."""
SLOWER = 1.1
"""How much longer a conversion takes than was thought where it should have been done."""
ADDED_BYTES = 64 << 20
"""Makes the golden checkpoint large enough to be killed while its bytes move."""


@pytest.fixture(scope="module")
def large(golden_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden checkpoint with a decoder that has more positions than anybody needs."""
    folder = Path(shutil.copytree(golden_checkpoint.parent, tmp_path_factory.mktemp("l") / "c"))
    state = torch.load(folder / "model.pt", weights_only=False)
    positions = state["model"]["decoder.embed_positions.weight"]
    rows = ADDED_BYTES // (4 * positions.shape[1])
    state["model"]["decoder.embed_positions.weight"] = torch.zeros(rows, positions.shape[1])
    torch.save(state, folder / "model.pt")
    return folder / "model.pt"


@pytest.fixture(scope="module")
def whole(large: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The files of an undisturbed conversion and their sizes."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert convert(large, out).returncode == 0
    return sizes(out)


def command(checkpoint: Path, out: Path) -> list[str]:
    code = "from toolkit.cli import main; main()"
    return [sys.executable, "-c", code, "convert", str(checkpoint), str(out), "--no-verify"]


def convert(checkpoint: Path, out: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(checkpoint, out), capture_output=True, text=True, check=False, **options
    )


def sizes(folder: Path) -> dict[str, int]:
    """Sizes of all files but those that name their own folder."""
    files = (
        file for file in folder.rglob("*") if file.is_file() and file.name not in ABOUT_THE_REST
    )
    return {str(file.relative_to(folder)): file.stat().st_size for file in files}


# Killed


def kill_often(checkpoint: Path, parent: Path, whole: dict[str, int], kills: int) -> Counter[str]:
    """Kills conversions at moments spread over the time that one takes; how far each had come."""
    draw, reached = random.Random(0), Counter[str]()
    out = parent / "out"
    duration_s = timed(checkpoint, parent / "timed")
    moments = [REACH * (number + draw.random()) / kills for number in range(kills)]
    draw.shuffle(moments)
    for moment in moments:
        left_before, started = places(out), time.perf_counter()
        process = subprocess.Popen(
            command(checkpoint, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            assert process.wait(timeout=moment * duration_s) == 0
            reached["finished"] += 1
            # The machine may be less busy than it was, or busier.
            duration_s = (duration_s + time.perf_counter() - started) / 2
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            reached[stage(out, places(out) - left_before)] += 1
            if moment > 1 and not out.exists():
                duration_s *= SLOWER
        if out.exists():
            assert sizes(out) == whole
            assert (out / "README.md").stat().st_size
            shutil.rmtree(out)
    return reached


def timed(checkpoint: Path, out: Path) -> float:
    """How long a conversion takes here and now."""
    started = time.perf_counter()
    assert convert(checkpoint, out).returncode == 0
    duration_s = time.perf_counter() - started
    shutil.rmtree(out)
    return duration_s


def places(out: Path) -> set[Path]:
    """What conversions make beside OUT until they are done."""
    return set(out.parent.glob(f".{out.name}.*.partial"))


def stage(out: Path, left: set[Path]) -> str:
    """How far the conversion had come that was killed and left this."""
    if out.exists():
        return "published"
    if not left:
        return "starting"
    return "writing" if any(list(place.glob("folder/*")) for place in left) else "staging"


@pytest.mark.parametrize("kills", [3, slow(10)])
def test_a_killed_conversion_leaves_all_or_nothing(
    kills: int, large: Path, whole: dict[str, int], tmp_path: Path
) -> None:
    kill_often(large, tmp_path, whole, kills)
    assert convert(large, tmp_path / "out").returncode == 0
    assert sizes(tmp_path / "out") == whole
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.slow
def test_a_hundred_killed_conversions_leave_all_or_nothing(
    large: Path, whole: dict[str, int], tmp_path: Path
) -> None:
    reached = kill_often(large, tmp_path, whole, MANY_KILLS)
    print(f"\nof {reached.total()} conversions: {dict(reached)}")
    assert {"starting", "writing", "finished"} <= set(reached)
    assert reached.total() - reached["finished"] >= 100
    assert convert(large, tmp_path / "out").returncode == 0
    assert os.listdir(tmp_path) == ["out"]


def test_what_a_killed_conversion_left_is_gone_after_the_next(large: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(command(large, tmp_path / "out"), stdout=subprocess.DEVNULL)
    while process.poll() is None and not list(tmp_path.glob(".out.*.partial/folder/*")):
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert list(tmp_path.glob(".out.*.partial/lock"))
    assert convert(large, tmp_path / "other").returncode == 0
    assert os.listdir(tmp_path) == ["other"]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_conversion_leaves_nothing_that_the_next_does_not_remove(
    large: Path, tmp_path: Path, sign: signal.Signals
) -> None:
    process = subprocess.Popen(
        command(large, tmp_path / "out"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None and not list(tmp_path.glob(".out.*.partial/folder/*")):
        time.sleep(0.001)
    process.send_signal(sign)
    process.wait()
    assert not (tmp_path / "out").exists()
    if sign == signal.SIGINT:
        assert os.listdir(tmp_path) == []
    assert convert(large, tmp_path / "out").returncode == 0
    assert os.listdir(tmp_path) == ["out"]


# Two at once


def test_of_two_conversions_into_one_folder_one_wins(
    large: Path, whole: dict[str, int], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    both = [
        subprocess.Popen(
            command(large, out), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    errors = [process.communicate()[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2]
    assert "must not exist yet, but does" in "".join(errors)
    assert sizes(out) == whole
    assert os.listdir(tmp_path) == ["out"]


# Disks


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of its own, too small for the weights; skipped by nobody without a word."""
    place = tmp_path / "disk"
    place.mkdir()
    options = f"size={request.param}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(
            f"no tmpfs can be mounted here ({mounted.stderr.strip()}); the limit on sizes "
            "of files in the test below stands for it"
        )
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize(
    "small_disk", ["64k", slow("200k"), "600k", slow("1m"), "60m"], indirect=True
)
def test_a_disk_that_fills_leaves_nothing(large: Path, small_disk: Path) -> None:
    """Somebody else takes the room meanwhile: it was there when the conversion began."""
    words = command(large, small_disk / "out")
    words[2] = f"import shutil; del shutil.disk_usage; {words[2]}"
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error:" in done.stderr
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(small_disk) == []


@pytest.mark.parametrize("small_disk", ["600k"], indirect=True)
def test_a_disk_that_is_too_small_is_not_begun(large: Path, small_disk: Path) -> None:
    done = convert(large, small_disk / "out")
    assert done.returncode == 2
    assert "must have room for 68.2 MB of weights" in done.stderr
    assert os.listdir(small_disk) == []


def test_a_limit_on_sizes_of_files_leaves_nothing(large: Path, tmp_path: Path) -> None:
    limited = ["bash", "-c", 'ulimit -f 2048; exec "$@"', "-"]
    done = subprocess.run(
        [*limited, *command(large, tmp_path / "out")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "File too large" in done.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("small_disk", ["1m"], indirect=True)
def test_a_folder_that_cannot_be_written_is_refused(large: Path, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = convert(large, small_disk / "out")
    assert done.returncode == 2
    assert "must lie in a writable folder" in done.stderr
    assert os.listdir(small_disk) == []


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder that may not be written; rights do not bind root, so its is made immutable."""
    place = tmp_path / "closed"
    place.mkdir(mode=0o555)
    flag = ["chattr", "+i"] if os.geteuid() == 0 else ["true"]
    subprocess.run([*flag, str(place)], check=True)
    yield place
    if os.geteuid() == 0:
        subprocess.run(["chattr", "-i", str(place)], check=True)


def test_a_folder_without_rights_is_refused(large: Path, closed: Path) -> None:
    done = convert(large, closed / "out")
    assert done.returncode == 2
    assert "must lie in a writable folder" in done.stderr
    assert os.listdir(closed) == []


# The source


def test_a_source_that_changes_meanwhile_gives_no_folder(large: Path, tmp_path: Path) -> None:
    checkpoint = Path(shutil.copytree(large.parent, tmp_path / "c")) / "model.pt"
    (tmp_path / "o").mkdir()
    process = subprocess.Popen(
        command(checkpoint, tmp_path / "o" / "out"), stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not list((tmp_path / "o").glob(".out.*/folder/*")):
        time.sleep(0.001)
    process.send_signal(signal.SIGSTOP)
    with checkpoint.open("r+b") as file:
        file.seek(-100, os.SEEK_END)
        file.write(b"x")
    process.send_signal(signal.SIGCONT)
    error = process.communicate()[1]
    assert process.returncode == 2
    assert "must stay as it was when it was opened, but changed since" in error
    assert os.listdir(tmp_path / "o") == []


def test_the_result_of_a_conversion_without_proof_names_the_source(
    large: Path, tmp_path: Path
) -> None:
    written = tmp_path / "result.json"
    arguments = [*command(large, tmp_path / "out"), "--json", str(written)]
    subprocess.run(arguments, check=True, capture_output=True)
    source = json.loads(written.read_text())["source"]
    expected = subprocess.run(["sha256sum", large], check=True, capture_output=True, text=True)
    assert source["sha256"] == expected.stdout.split()[0]
