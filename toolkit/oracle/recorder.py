"""Runs fairseq on a job and writes a recording. What is run where fairseq lives.

    python recorder.pyz CHECKPOINT REC_DIR [--clips NAME ...] [--user-dir DIR]

Everything heavy is imported when it is needed, so that a missing package can be named.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, Optional, Sequence

from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.refusal import Refusal

if TYPE_CHECKING:
    from torch import nn

    from toolkit.oracle.asking import AnyModel
    from toolkit.oracle.job import Job


MARK = "toolkit-recorder "
"""What a line for the process that started this one begins with; JSON follows."""

SMALL = 10_000_000
"""Parameters below which threads wait for each other longer than they work."""

Report = Callable[[str, int, int], None]

SIZE = "will take about"
"""What the step that says how large the recording will be can be known by."""

MODULES = {"torch": "torch", "numpy": "numpy", "fairseq": "fairseq==0.12.2"}
"""What must be there, and what to install where it is not."""


def main(argv: Sequence[str], job_path: str) -> int:
    """Returns the exit code: 0 recorded, 2 refused, 130 interrupted."""
    options = _parse(argv)
    if options.machine:
        _end_with_parent()
    signal.signal(signal.SIGTERM, _terminated)
    try:
        if options.probe:
            _say(probe())
        else:
            _record(options, job_path)
    except Refusal as error:
        _fail(str(error), options.machine)
        return 2
    except KeyboardInterrupt:
        _fail("interrupted; nothing was written", options.machine)
        return 130
    return 0


def run_job(
    job: Job,
    checkpoint: str,
    rec_dir: str,
    *,
    user_dir: Optional[str] = None,
    report: Report,
) -> None:
    """Records a job; the folder appears whole or not at all.

    Args:
        job: What to record.
        checkpoint: The file that it was made for.
        rec_dir: Must not exist.
        user_dir: Folder or file of a fork's own models and tasks.
        report: Called before every step with what is done, how far, and of how much.

    Raises:
        Refusal: the file is another one, fairseq is missing or cannot build the checkpoint, or the
            folder cannot be written.
    """
    from toolkit.oracle.mapped import expect_file

    _expect_place(rec_dir)
    report("reading the checkpoint", 0, 1)
    expect_file(checkpoint, job.checkpoint_bytes, job.checkpoint_sha256, lambda _: None)
    expect_packages()
    with quiet_fairseq(), tempfile.TemporaryDirectory(prefix="toolkit-data-") as data:
        from toolkit.oracle.answers import record_answers
        from toolkit.oracle.mends.imports import import_fairseq

        import_fairseq()
        import_user_dir(user_dir)
        report("building fairseq's model", 0, 1)
        reference = _build(job, checkpoint, data)
        with _fitting_resources(reference.model), _staged(rec_dir) as partial:
            _announce(reference, job, rec_dir, report)
            try:
                record_answers(reference, job, partial, report)
            except OSError as error:
                raise Refusal(
                    f"`{rec_dir}` must be written, but {error}. Make room, or record fewer clips "
                    "with `--clips`."
                ) from error


def choose_clips(job: Job, names: Sequence[str]) -> Job:
    """The job with the named clips alone.

    Raises:
        Refusal: there is no clip of such a name.
    """
    if not names:
        return job
    known = [clip.name for clip in job.clips]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Refusal(
            f"`--clips` must name clips of this recorder, but it has no `{'`, `'.join(unknown)}`. "
            f"It has {', '.join(known)}."
        )
    return replace(job, clips=tuple(clip for clip in job.clips if clip.name in names))


def probe() -> Dict[str, str]:
    """What an answer depends on beside the job: versions, and a digest of fairseq's own code.

    Raises:
        Refusal: a package is missing.
    """
    import hashlib
    import platform
    from importlib.metadata import PackageNotFoundError, version
    from importlib.util import find_spec

    expect_packages()
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in ("torch", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    spec = find_spec("fairseq")
    digest = hashlib.sha256()
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        _hash_code(digest, folder)
    return {**found, "fairseq_code": digest.hexdigest()}


def hash_user_dir(user_dir: Optional[str]) -> str:
    """A digest of the code in a user folder; empty without one."""
    import hashlib

    if user_dir is None:
        return ""
    digest = hashlib.sha256()
    _hash_code(digest, user_dir)
    return digest.hexdigest()


def expect_packages() -> None:
    """Makes sure that torch, numpy and fairseq are installed.

    Raises:
        Refusal: one is missing.
    """
    from importlib.util import find_spec

    missing = [name for name in MODULES if find_spec(name) is None]
    if missing:
        raise Refusal(
            f"`{sys.executable}` must have {', '.join(MODULES)} installed, but lacks "
            f"{', '.join(missing)}. Name the Python of the environment in which your fairseq runs, "
            f"or install there: pip install {' '.join(MODULES[name] for name in missing)}"
        )


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="recorder.pyz",
        description="Runs fairseq on a checkpoint and records what a comparison needs of it.",
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", nargs="?", help="only ever read")
    parser.add_argument("rec_dir", metavar="REC_DIR", nargs="?", help="must not exist yet")
    parser.add_argument("--clips", metavar="NAME", nargs="+", default=[], help="record these alone")
    parser.add_argument("--user-dir", metavar="DIR", help="models and tasks of a fork of fairseq")
    parser.add_argument("--machine", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--probe", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(list(argv))
    if options.rec_dir is None and not options.probe:
        parser.error("CHECKPOINT and REC_DIR must be named")
    return options


def _record(options: argparse.Namespace, job_path: str) -> None:
    expect_packages()
    from toolkit.oracle.job import unpack_job

    job = choose_clips(unpack_job(job_path), options.clips)
    report = _report_to_parent if options.machine else _report_to_person
    run_job(job, options.checkpoint, options.rec_dir, user_dir=options.user_dir, report=report)


def _build(job: Job, checkpoint: str, data: str) -> AnyModel:
    from toolkit.oracle.mapped import read_places

    for name, content in job.data.items():
        with open(os.path.join(data, os.path.basename(name)), "wb") as file:
            file.write(content)
    try:
        from toolkit.oracle.tasks import open_task

        return open_task(
            job.task,
            job.settings,
            read_places(checkpoint, job.places),
            data,
            dropped=job.dropped,
            padding=job.padding,
            tags=job.tags,
        )
    except Refusal:
        raise
    except Exception as error:  # whatever fairseq, a fork of it or torch raises
        raise Refusal(
            f"`{checkpoint}` must be a checkpoint that the fairseq of `{sys.executable}` can "
            f"build, but {type(error).__name__}: {_brief(error)}. Use the fairseq that the "
            "checkpoint was trained with, or its fork with `--user-dir`."
        ) from error


def import_user_dir(user_dir: Optional[str]) -> None:
    """Lets fairseq import a fork's own models and tasks, if there are any.

    Raises:
        Refusal: it cannot.
    """
    if user_dir is None:
        return
    try:
        from fairseq.utils import import_user_module

        import_user_module(argparse.Namespace(user_dir=os.path.abspath(user_dir)))
    except Exception as error:  # it is code of whoever wrote it
        raise Refusal(
            f"`{user_dir}` must be a folder of code that fairseq imports as `--user-dir`, but "
            f"{type(error).__name__}: {_brief(error)}. Check the path and its packages."
        ) from error


def _announce(reference: AnyModel, job: Job, rec_dir: str, report: Report) -> None:
    """Says how large the recording will be, and refuses where it does not fit."""
    from toolkit.oracle.answers import expected_bytes

    size = expected_bytes(reference, job)
    clips = "1 clip" if len(job.clips) == 1 else f"{len(job.clips)} clips"
    seconds = sum(clip.duration_s for clip in job.clips)
    report(
        f"the recording of {clips}{f', {seconds:.1f} s' if seconds else ''}, {SIZE} "
        f"{_in_words(size)}",
        0,
        len(job.clips) + 1,
    )
    free = shutil.disk_usage(os.path.dirname(os.path.abspath(rec_dir))).free
    if size > free:
        raise Refusal(
            f"`{rec_dir}` must have room for about {_in_words(size)}, but {_in_words(free)} are "
            "free. Choose another disk, or record fewer clips with `--clips`."
        )


def _expect_place(rec_dir: str) -> None:
    if os.path.lexists(rec_dir):
        raise Refusal(
            f"`{rec_dir}` must not exist yet, but does. Remove it, or choose another folder."
        )
    parent = os.path.dirname(os.path.abspath(rec_dir))
    if not os.access(parent, os.W_OK | os.X_OK):
        raise Refusal(
            f"`{rec_dir}` must lie in a folder that can be written, but `{parent}` cannot. Create "
            "it first, or choose another folder."
        )


@contextmanager
def _staged(rec_dir: str) -> Iterator[str]:
    """A folder beside the final one, which takes its name if nothing goes wrong."""
    parent, name = os.path.split(os.path.abspath(rec_dir))
    partial = os.path.join(parent, f".{name}.{os.urandom(4).hex()}.unfinished")
    os.mkdir(partial)
    try:
        yield partial
        _expect_place(rec_dir)
        os.rename(partial, rec_dir)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _fitting_resources(model: nn.Module) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    try:
        if sum(parameter.numel() for parameter in model.parameters()) < SMALL:
            torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(before)


def _hash_code(digest: Any, path: str) -> None:
    """Hashes the names of a package's files, and what its Python files hold."""
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            if name.endswith((".py", ".so")):
                place = os.path.join(folder, name)
                digest.update(os.path.relpath(place, path).encode())
                if name.endswith(".py"):
                    with open(place, "rb") as file:
                        digest.update(file.read())


def _report_to_person(what: str, done: int, total: int) -> None:
    sys.stderr.write(f"[{done}/{total}] {what}\n")
    sys.stderr.flush()


def _report_to_parent(what: str, done: int, total: int) -> None:
    _say({"what": what, "done": done, "total": total})


def _fail(message: str, machine: bool) -> None:
    if machine:
        _say({"error": message})
    else:
        sys.stderr.write(f"error: {message}\n")


def _say(said: object) -> None:
    sys.stdout.write(MARK + json.dumps(said) + "\n")
    sys.stdout.flush()


def _terminated(*_: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def _end_with_parent() -> None:
    """Ends this process when the other end of its input is closed: its parent is gone."""

    def wait() -> None:
        # Not `sys.stdin`: its lock, held by a waiting thread, would abort Python at its end.
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _in_words(num_bytes: int) -> str:
    units = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")]
    for size, unit in units:
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes} bytes"


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
