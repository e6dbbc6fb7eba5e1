"""Virtual environments that hold a wheel, what it declares to need, and nothing else."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One virtual environment."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def run(self, *words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Runs a command that sees no variable of ours."""
        quiet = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
        places = {name: str(cwd / ".home") for name in ("HOME", "HF_HOME")}
        return subprocess.run(
            [str(word) for word in words],
            cwd=cwd,
            env={**quiet, **places, "PATH": f"{self.folder / 'bin'}{os.pathsep}/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )

    def pip(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Runs our own pip on it."""
        command = [sys.executable, "-m", "pip", "--python", self.python, *words]
        return subprocess.run(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )


def make_environment(folder: Path, wheel: Path, also: Iterable[str] = ()) -> Environment:
    """A new environment with the wheel installed.

    Args:
        folder: Where; must not exist.
        wheel: What is installed, without its dependencies.
        also: Further distributions, by name, with what they require. Those that the toolkit
            declares are linked from the running environment, as they are too large to copy.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = (folder / "lib").glob("python*/site-packages")
    (installed,) = site.getsitepackages()[:1]
    needed = [*_requirements(declared(wheel)), *also]
    for name in sorted({file.parts[0] for found in _closure(needed) for file in found.files or ()}):
        source = Path(installed) / name
        if name not in ("..", "__pycache__") and source.exists():
            (packages / name).symlink_to(source)
    environment = Environment(folder=folder)
    done = environment.pip("install", "--quiet", "--no-deps", "--no-index", wheel)
    assert done.returncode == 0, done.stderr
    return environment


def _closure(names: Iterable[str]) -> list[Distribution]:
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = distribution(name)
            waiting += _requirements(found[name].requires or ())
    return list(found.values())


def declared(wheel: Path) -> list[str]:
    """What a wheel says that it requires."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        return message_from_bytes(archive.read(name)).get_all("Requires-Dist") or []


def _requirements(required: Iterable[str], extra: str = "") -> Iterator[str]:
    for requirement in map(Requirement, required):
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            name = requirement.name.lower().replace("_", "-")
            if name != "torchaudio":  # what ve-fairseq asks for and nothing imports
                yield name


def extra(wheel: Path, name: str) -> list[str]:
    """What an extra of the wheel brings beyond its own requirements."""
    required = declared(wheel)
    return sorted(set(_requirements(required, name)) - set(_requirements(required)))
