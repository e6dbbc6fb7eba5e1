"""Runs the recorder: in this process, or in another Python where fairseq lives."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.audio import Clip
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict, JsonObject
from toolkit.core.progress import Progress, silent
from toolkit.oracle.recorder import MARK
from toolkit.pipeline.cache import keep_recording
from toolkit.pipeline.clips import clips_for
from toolkit.pipeline.golden import golden_checkpoint
from toolkit.pipeline.installed import expect_recordable
from toolkit.pipeline.job import make_job, recorder_members, write_recorder
from toolkit.pipeline.prepare import Inputs, Prepared, prepare
from toolkit.pipeline.recorded import RecordedReference, open_recorded
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.recorder import Recorder

if TYPE_CHECKING:
    from toolkit.oracle.job import Job

PATIENCE_S = 10.0
"""How long a child may take to end when it is asked to."""
LAST_LINES = 15
"""Of what a child says that nobody understands; shown if it fails."""
_UNWANTED = ("PYTHONHOME", "__PYVENV_LAUNCHER__")
"""Variables that make one Python look for its libraries in another's."""


@keywords_of(Recorder)
def make_recorder(request: Recorder) -> Path:
    """Writes a file that records a checkpoint where fairseq lives.

    It is run there with `python FILE CHECKPOINT REC_DIR`.

    Returns:
        The file.

    Raises:
        BadInput: a file cannot be used.
        BrokenRule: the family's rules do not cover the checkpoint.
    """
    path = request.checkpoint or golden_checkpoint()
    prepared = prepare(request.part(Inputs, checkpoint=path))
    clips = clips_for(prepared, request.named(prepared.task.kind.medium))
    return write_recorder(make_job(prepared, clips), request.destination)


def record_here(
    prepared: Prepared,
    clips: Sequence[Clip],
    rec_dir: Path,
    *,
    user_dir: Path | None = None,
    progress: Progress = silent,
) -> RecordedReference:
    """Records with the fairseq of this environment; the folder appears whole or not at all.

    Raises:
        BadInput: fairseq is missing or cannot build the checkpoint, or the folder is not writable.
    """
    from toolkit.oracle.recorder import run_job
    from toolkit.oracle.refusal import Refusal

    expect_recordable()
    try:
        run_job(
            make_job(prepared, clips),
            str(prepared.checkpoint.path),
            str(rec_dir),
            user_dir=None if user_dir is None else str(user_dir),
            report=progress,
        )
    except Refusal as error:
        raise BadInput(str(error)) from error
    return open_recorded(rec_dir, prepared.checkpoint)


def record_elsewhere(
    prepared: Prepared,
    clips: Sequence[Clip],
    python: Path,
    *,
    user_dir: Path | None = None,
    progress: Progress = silent,
) -> RecordedReference:
    """Records with the fairseq of another Python, unless the cache holds that very recording.

    Args:
        prepared: The checkpoint.
        clips: To be recorded.
        python: The interpreter.
        user_dir: A fork's own models and tasks.
        progress: Hears what the child does.

    Raises:
        BadInput: that Python cannot be run or is too old, fairseq is missing there or cannot build
            the checkpoint, or the cache cannot be written.
    """
    job = make_job(prepared, clips)
    with tempfile.TemporaryDirectory(prefix="toolkit-recorder-") as name:
        recorder = write_recorder(job, Path(name) / "recorder.pyz")

        def make(folder: Path) -> None:
            arguments = _arguments(prepared, folder, user_dir)
            run_recorder(python, recorder, arguments, progress)

        progress("asking the other Python for its versions", 0, 1)
        key = _key(job, run_recorder(python, recorder, ["--probe"], silent), user_dir)
        folder = keep_recording(
            key, lambda path: open_recorded(path, prepared.checkpoint).tensors.check(), make
        )
    return open_recorded(folder, prepared.checkpoint)


def record_there(
    prepared: Prepared,
    clips: Sequence[Clip],
    python: Path,
    rec_dir: Path,
    *,
    user_dir: Path | None = None,
    progress: Progress = silent,
) -> RecordedReference:
    """Records with the fairseq of another Python into a folder of the user's.

    Raises:
        BadInput: as `record_elsewhere`, or the folder exists or cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="toolkit-recorder-") as name:
        recorder = write_recorder(make_job(prepared, clips), Path(name) / "recorder.pyz")
        run_recorder(python, recorder, _arguments(prepared, rec_dir, user_dir), progress)
    return open_recorded(rec_dir, prepared.checkpoint)


def _arguments(prepared: Prepared, rec_dir: Path, user_dir: Path | None) -> list[str]:
    options = [] if user_dir is None else ["--user-dir", str(user_dir.absolute())]
    return [str(prepared.checkpoint.path.absolute()), str(rec_dir.absolute()), *options]


def run_recorder(
    python: Path, recorder: Path, arguments: Sequence[str], progress: Progress
) -> JsonObject:
    """Runs a recorder in another Python to its end, and returns the last thing it said.

    The child and whatever it started are gone when this returns or raises.

    Raises:
        BadInput: it cannot be run, or refused or failed.
    """
    command = [str(python), "-u", str(recorder), "--machine", *arguments]
    lines: deque[str] = deque(maxlen=LAST_LINES)
    said: JsonDict = {}
    with _child(command, recorder.parent) as process:
        assert process.stdout is not None
        for line in process.stdout:
            message = _maybe_message(line)
            if message is None:
                lines.append(line.rstrip())
                continue
            said = message
            if "what" in said:
                progress(str(said["what"]), int(said["done"]), int(said["total"]))
        code = process.wait()
    if "error" in said:
        raise BadInput(str(said["error"]))
    if code != 0 or not said:
        raise BadInput(_failure(python, code, lines))
    return said


@contextmanager
def _child(command: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in a session of its own, which does not outlive the context."""
    environment = {key: value for key, value in os.environ.items() if key not in _UNWANTED}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            env={**environment, "TMPDIR": str(folder), "PYTHONIOENCODING": "utf-8"},
        )
    except OSError as error:
        raise BadInput(
            f"`{command[0]}` must be a Python that can be run, but cannot: {error.strerror}. Name "
            "the interpreter of the environment in which your fairseq runs, such as "
            "`~/fairseq-env/bin/python`."
        ) from error
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """Ends a process and what it started: asks first, insists after a while."""
    if process.poll() is None:
        _signal(process, process.terminate, "SIGTERM")
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_S)
        _signal(process, process.kill, "SIGKILL")
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _signal(process: subprocess.Popen[str], alone: Callable[[], None], name: str) -> None:
    """Signals a process and all that it started; the process alone where there are no groups.

    A recorder starts none, and ends by itself when its input is closed.
    """
    if not hasattr(os, "killpg"):
        alone()
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, getattr(signal, name))


def _maybe_message(line: str) -> JsonDict | None:
    if not line.startswith(MARK):
        return None
    try:
        message = json.loads(line.removeprefix(MARK))
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def _failure(python: Path, code: int, lines: Sequence[str]) -> str:
    refused = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if refused:
        return refused[-1]
    tail = "\n".join(f"    {line}" for line in lines) or "    nothing"
    return (
        f"`{python}` must be a Python that runs the recorder, but ended with exit code {code}. "
        "Name the interpreter of the environment in which your fairseq runs, and see that "
        f"`import fairseq` works there. It said last:\n{tail}"
    )


def _key(job: Job, versions: JsonObject, user_dir: Path | None) -> str:
    """What a recording depends on, as one digest."""
    from toolkit.oracle.recorder import hash_user_dir

    members = recorder_members(job)
    said = {
        "members": {name: hashlib.sha256(content).hexdigest() for name, content in members.items()},
        "versions": dict(versions),
        "user_dir": hash_user_dir(None if user_dir is None else str(user_dir)),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
