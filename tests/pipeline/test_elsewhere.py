"""The recorder in another process: what it says, how it ends, and what it leaves."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
import venv
from pathlib import Path

import pytest

from toolkit.core.errors import BadInput
from toolkit.pipeline import elsewhere, installed
from toolkit.pipeline.elsewhere import (
    make_recorder,
    record_elsewhere,
    record_here,
    run_recorder,
)

THIS = Path(sys.executable)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "recordings"


@pytest.fixture
def tiny(clips):
    return tuple(clip for clip in clips if clip.name == "tiny")


@pytest.fixture
def script(tmp_path):
    """Makes an executable that takes the place of Python."""

    def make(text):
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return make


class Progress:
    def __init__(self):
        self.said = []

    def __call__(self, what, *_):
        self.said.append(what)


def left_over(folder):
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def test_another_python_records_once_what_this_one_would(prepared, tiny, reference, cache):
    progress = Progress()
    recorded = record_elsewhere(prepared, tiny, THIS, progress=progress)
    recorded.tensors.check()
    assert [clip.name for clip in recorded.index.clips] == ["tiny"]
    assert any("will take about" in said for said in progress.said)
    assert "recording tiny (0.1 s)" in progress.said
    assert len(left_over(cache)) == 1
    texts = list(recorded.index.encodings)
    assert [recorded.encode(text) for text in texts] == [reference.encode(text) for text in texts]
    again = Progress()
    record_elsewhere(prepared, tiny, THIS, progress=again)
    assert not any(said.startswith("recording") for said in again.said)


@pytest.mark.slow
def test_other_code_of_a_fork_is_another_reference(prepared, tiny, tmp_path, cache):
    fork = tmp_path / "fork"
    fork.mkdir()
    for number in range(2):
        (fork / "__init__.py").write_text(f"number = {number}\n")
        record_elsewhere(prepared, tiny, THIS, user_dir=fork)
    assert len(left_over(cache)) == 2


def test_an_environment_without_fairseq_is_told_what_to_install(prepared, tiny, tmp_path, cache):
    venv.create(tmp_path / "bare", symlinks=True)
    python = tmp_path / "bare" / "bin" / "python"
    with pytest.raises(BadInput, match=r"lacks torch, numpy, fairseq\. .*pip install torch"):
        record_elsewhere(prepared, tiny, python)
    assert left_over(cache) == []


def test_a_python_that_is_not_there_is_named(prepared, tiny):
    with pytest.raises(BadInput, match="`/no/python` must be a Python that can be run, but cannot"):
        record_elsewhere(prepared, tiny, Path("/no/python"))


def test_what_is_no_python_is_refused_with_its_last_words(prepared, tiny, script):
    with pytest.raises(BadInput, match=r"ended with exit code 3\. [\s\S]*who are you"):
        record_elsewhere(prepared, tiny, script("echo who are you; exit 3"))


def test_a_program_that_says_nothing_has_not_recorded(prepared, tiny, script):
    with pytest.raises(BadInput, match=r"ended with exit code 0\. [\s\S]*nothing"):
        record_elsewhere(prepared, tiny, script("exit 0"))


def test_an_old_pythons_refusal_is_passed_on(prepared, tiny, script):
    python = script("echo 'error: `python` must be Python 3.8 or newer, but is 3.6.'; exit 2")
    with pytest.raises(BadInput, match=r"^`python` must be Python 3\.8 or newer, but is 3\.6\.$"):
        record_elsewhere(prepared, tiny, python)


@pytest.mark.wide
def test_a_refusal_of_the_recorder_is_passed_on(prepared, tiny, tmp_path, cache):
    with pytest.raises(BadInput, match="must be a folder of code that fairseq imports"):
        record_elsewhere(prepared, tiny, THIS, user_dir=tmp_path / "nowhere")
    assert left_over(cache) == []


def processes_of(marker):
    found = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, text=True, check=True)
    return [line for line in found.stdout.splitlines() if marker in line and "ps -eo" not in line]


@pytest.mark.wide
def test_an_interrupted_run_ends_its_child_and_leaves_nothing(
    prepared, tiny, cache, tmp_path, monkeypatch
):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))

    def interrupt(what, *_):
        if what.startswith("recording tiny"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record_elsewhere(prepared, tiny, THIS, progress=interrupt)
    assert processes_of(str(tmp_path)) == []
    assert left_over(cache) == []
    assert left_over(tmp_path / "temporary") == []


def test_a_child_that_does_not_listen_is_killed_with_its_own_children(
    script, monkeypatch, tmp_path
):
    monkeypatch.setattr(elsewhere, "PATIENCE_S", 0.5)
    stubborn = script(
        f'trap \'\' TERM\necho \'toolkit-recorder {{"what": "w", "done": 0, "total": 1}}\'\n'
        f"sh -c \"trap '' TERM; while :; do sleep 0.2; done\" {tmp_path}/grandchild &\n"
        "while :; do sleep 0.2; done"
    )

    def interrupt(*_):
        raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_recorder(stubborn, tmp_path / "recorder.pyz", [], interrupt)
    assert time.monotonic() - begun < 10
    time.sleep(0.3)
    assert processes_of(str(tmp_path)) == []


def test_where_processes_have_no_groups_the_child_alone_is_killed(script, monkeypatch, tmp_path):
    monkeypatch.setattr(elsewhere, "PATIENCE_S", 0.2)
    monkeypatch.delattr(os, "killpg")
    stubborn = script(
        f'trap \'\' TERM\necho \'toolkit-recorder {{"what": "w", "done": 0, "total": 1}}\'\n'
        f"while :; do read -t 1 line; done; : {tmp_path}"
    )

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_recorder(stubborn, tmp_path / "recorder.pyz", [], interrupt)
    assert processes_of(str(tmp_path)) == []


@pytest.mark.slow
def test_control_c_at_a_terminal_ends_all(prepared, cache, tmp_path):
    code = (
        "from pathlib import Path; import sys\n"
        "from toolkit.audio import read_clips\n"
        "from toolkit.pipeline.elsewhere import record_elsewhere\n"
        "from toolkit.pipeline.prepare import Inputs, prepare\n"
        "def say(*words): print(*words, flush=True)\n"
        f"prepared = prepare(Inputs(checkpoint=Path({str(prepared.checkpoint.path)!r})))\n"
        "record_elsewhere(prepared, read_clips([]), Path(sys.executable), progress=say)\n"
    )
    (tmp_path / "temporary").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
    )
    assert process.stdout is not None
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    for line in process.stdout:
        if line.startswith("recording "):
            process.send_signal(signal.SIGINT)
            break
    process.stdout.read()
    process.stdout.close()
    assert process.wait() in (-signal.SIGINT, 1)
    watchdog.cancel()
    assert processes_of(str(tmp_path)) == []
    assert left_over(cache) == []
    assert left_over(tmp_path / "temporary") == []


def test_a_recorder_for_the_golden_checkpoint_is_one_file(tmp_path, golden_checkpoint):
    tiny_clip = golden_checkpoint.parents[1] / "tiny.flac"
    path = make_recorder(tmp_path / "recorder.pyz", audio=[tiny_clip])
    assert path.read_bytes()[:2] == b"PK"
    with pytest.raises(BadInput, match="must not exist yet, but does"):
        make_recorder(path, audio=[tiny_clip])


def test_without_fairseq_here_the_way_out_is_named(prepared, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(installed, "fairseq_is_installed", lambda: False)
    with pytest.raises(BadInput, match="`fairseq` must be installed to record, .*toolkit recorder"):
        record_here(prepared, tiny, tmp_path / "rec")


def test_a_refusal_here_is_bad_input_too(prepared, tiny, tmp_path):
    with pytest.raises(BadInput, match="must not exist yet, but does"):
        record_here(prepared, tiny, tmp_path)
