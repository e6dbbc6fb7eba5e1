"""Looks at a machine: versions, fairseq, room. Imports nothing of what it finds."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from toolkit.core.health import Health, Problem, PythonState
from toolkit.pipeline.basics import environment
from toolkit.pipeline.cache import cache_folder
from toolkit.pipeline.installed import INSTALL_HINT, fairseq_is_installed
from toolkit.report.text import describe_bytes
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.doctor import Doctor

PATIENCE_S = 20.0
"""How long another Python may take to say what it has."""
ENOUGH_ROOM_BYTES = 2 << 30
"""A checkpoint of 0.3 billion parameters, and its folder, take somewhat less."""
ENOUGH_MEMORY_BYTES = 2 << 30
"""A proof of the golden checkpoint takes 0.8 GB, one of 0.3 billion parameters 1.7 GB."""
MEMORY = Path("/proc/meminfo")
"""Where Linux says how much memory is free."""
_RECORDER_NEEDS = ("torch", "numpy", "fairseq")
_OLDEST = (3, 8)
_TOO_NEW = (3, 11)

_PROBE = """
import json, platform, sys
from importlib.metadata import PackageNotFoundError, version
found = {"python": platform.python_version()}
for name, packages in (
    ("torch", ["torch"]), ("numpy", ["numpy"]), ("fairseq", ["ve-fairseq", "fairseq"])
):
    for package in packages:
        try:
            found.setdefault(name, version(package))
        except PackageNotFoundError:
            pass
print(json.dumps(found))
"""


@keywords_of(Doctor)
def examine(request: Doctor) -> Health:
    """What this machine can convert and prove, and what to do about the rest.

    Raises:
        BadInput: never; what is wrong is what is returned.
    """
    others = [(path, _ask(path)) for path in request.fairseq_python]
    pythons = (_own(), *(_other(p, said) for p, said in others if isinstance(said, Mapping)))
    room = {str(path): shutil.disk_usage(path).free for path in _places()}
    memory = _maybe_free_memory()
    problems = (
        *(_silent(path, said) for path, said in others if isinstance(said, str)),
        *(problem for path, said in others for problem in _lacks(path, said)),
        *_missing(),
        *_without_fairseq(pythons),
        *_without_room(room, memory),
    )
    return Health(
        versions=environment(),
        pythons=pythons,
        free_bytes=room,
        memory_bytes=memory,
        problems=problems,
    )


def _own() -> PythonState:
    here = environment()
    names = ("python", "torch", "fairseq")
    versions = {name: here[name] for name in names if here[name] != "not installed"}
    proves = (
        "what fairseq itself builds; models of a fork with its `--user-dir`"
        if fairseq_is_installed()
        else "with `--recording` or `--fairseq-python` alone"
    )
    return PythonState(path=sys.executable, is_own=True, versions=versions, proves=proves)


def _other(path: Path, versions: Mapping[str, str]) -> PythonState:
    able = not list(_lacks(path, versions))
    proves = "through `--fairseq-python`, what fairseq there builds" if able else "nothing yet"
    return PythonState(path=str(path), is_own=False, versions=versions, proves=proves)


def _ask(python: Path) -> Mapping[str, str] | str:
    """The versions of another Python, or why it says none."""
    try:
        done = subprocess.run(
            [str(python), "-c", _PROBE],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
            stdin=subprocess.DEVNULL,
        )
        said = json.loads(done.stdout)
    except OSError as error:
        return error.strerror or str(error)
    except subprocess.TimeoutExpired:
        return f"it said nothing within {PATIENCE_S:.0f} s"
    except ValueError:
        return "what it said is no answer"
    return said if isinstance(said, dict) else "what it said is no answer"


def _silent(python: Path, reason: str) -> Problem:
    return Problem(
        name=str(python),
        summary=f"`{python}` must be a Python that can be run, but cannot: {reason}.",
        mend=f"ls -l {shlex.quote(str(python))}",
    )


def _lacks(python: Path, said: Mapping[str, str] | str) -> Iterator[Problem]:
    if isinstance(said, str):
        return
    missing = [name for name in _RECORDER_NEEDS if name not in said]
    if missing:
        yield Problem(
            name=str(python),
            summary=f"`{python}` must have torch, numpy and fairseq to be asked, but lacks "
            f"{', '.join(missing)}.",
            mend=_installing(python, missing, _release(said)),
        )
    if _release(said) < _OLDEST:
        yield Problem(
            name=str(python),
            summary=f"`{python}` must be Python 3.8 or newer, but is {said['python']}.",
            mend="conda create -n fairseq-env python=3.8",
        )


def _release(said: Mapping[str, str]) -> tuple[int, ...]:
    return tuple(map(int, said["python"].split(".")[:2]))


def _installing(python: Path, missing: Sequence[str], release: tuple[int, ...]) -> str:
    """Fairseq's own last release builds where Python 3.10 or older is."""
    pip = f"{shlex.quote(str(python))} -m pip install"
    if "fairseq" in missing and release >= _TOO_NEW:
        return INSTALL_HINT.replace("pip install", pip)
    named = ["fairseq==0.12.2" if name == "fairseq" else name for name in missing]
    return f"{pip} {' '.join(named)}"


def _missing() -> Iterator[Problem]:
    for name, version in environment().items():
        if version == "not installed" and name != "fairseq":
            yield Problem(
                name=name,
                summary=f"`{name}` must be installed, but is not.",
                mend=f"{sys.executable} -m pip install {name}",
            )


def _without_fairseq(pythons: Sequence[PythonState]) -> Iterator[Problem]:
    if not any(python.has_fairseq for python in pythons):
        yield Problem(
            name="fairseq",
            summary="`fairseq` must be at hand to prove a conversion, but is not installed; "
            "conversions are unverified.",
            mend=INSTALL_HINT,
        )


def _without_room(room: Mapping[str, int], memory: int | None) -> Iterator[Problem]:
    for place, free in room.items():
        if free < ENOUGH_ROOM_BYTES:
            yield Problem(
                name=place,
                summary=f"`{place}` should have 2 GB free, but has {describe_bytes(free)}.",
                mend=f"du -xh {shlex.quote(place)} | sort -h | tail",
            )
    if memory is not None and memory < ENOUGH_MEMORY_BYTES:
        yield Problem(
            name="memory",
            summary=f"2 GB of memory should be free, but {describe_bytes(memory)} are.",
            mend="ps aux --sort=-rss | head",
        )


def _places() -> list[Path]:
    """Where a conversion, a proof and a recording write."""
    wanted = (Path.cwd(), Path(tempfile.gettempdir()), cache_folder())
    there = (next(p for p in (path, *path.parents) if p.is_dir()) for path in wanted)
    return list(dict.fromkeys(there))


def _maybe_free_memory() -> int | None:
    try:
        words = MEMORY.read_text(encoding="ascii").split()
        return int(words[words.index("MemAvailable:") + 1]) * 1024
    except (OSError, ValueError):
        return None
