"""Virtual environments with released versions of transformers, for `make test-released`.

An environment holds what `requirements/VERSION.txt` pins, from the registry. torch and fairseq are
linked from the running environment: they are large, and what a folder looks like is no matter of
theirs.
"""

from __future__ import annotations

import os
import site
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = Path(__file__).parent / "requirements"
RUNNERS = Path(__file__).parent / "under"
INSTALLED = "installed"
"""The transformers of the running environment, with what trainers need beside it."""
RELEASES = ("4.30.2", "4.46.3", "4.57.3", "5.0.0", INSTALLED)
LINKED = (
    "torch",
    "transformers",
    "ve-fairseq",
    "hydra-core",
    "sentencepiece",
    "protobuf",
    "soundfile",
)
"""What is linked from the running environment with all that it requires, but for what is pinned."""


@dataclass(frozen=True, kw_only=True)
class Released:
    """An environment with one released transformers."""

    version: str
    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        """Where its distributions lie."""
        (found,) = (self.folder / "lib").glob("python*/site-packages")
        return found

    def run(self, runner: str, *words: str | Path, cwd: Path, **variables: str) -> str:
        """What a script of `under` prints.

        Raises:
            AssertionError: it ended otherwise than with 0; the message is what it said.
        """
        done = subprocess.run(
            [str(word) for word in (self.python, "-W", "ignore", RUNNERS / runner, *words)],
            cwd=cwd,
            env={**_quiet(cwd), **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )
        assert done.returncode == 0, f"{runner} under {self.version}:\n{done.stderr[-3000:]}"
        return done.stdout


def _quiet(cwd: Path) -> Mapping[str, str]:
    places = {name: str(cwd / ".home") for name in ("HOME", "HF_HOME")}
    switches = ("HF_HUB_OFFLINE", "OMP_NUM_THREADS", "PYTHONUTF8", "TOKENIZERS_PARALLELISM")
    return {**places, **dict.fromkeys(switches, "1"), "PATH": "/usr/bin:/bin"}


def environments_folder() -> Path:
    """Where environments are kept between runs: `TOOLKIT_RELEASED`, else `.venv-released`."""
    return Path(os.environ.get("TOOLKIT_RELEASED", ".venv-released")).absolute()


def open_environment(version: str) -> Released:
    """The environment of a version, made on first use and whenever its requirements change."""
    released = Released(version=version, folder=environments_folder() / version)
    pins = (REQUIREMENTS / f"{version}.txt").read_text(encoding="utf-8")
    stamp = released.folder / ".installed"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != pins:
        _make(released)
        stamp.write_text(pins, encoding="utf-8")
    return released


def _make(released: Released) -> None:
    venv.create(released.folder, with_pip=False, symlinks=True, clear=True)
    pins = REQUIREMENTS / f"{released.version}.txt"
    _link(released.packages, without=_pinned(pins))
    command = (sys.executable, "-m", "pip", "--python", released.python, "install", "--quiet")
    done = subprocess.run(
        [*map(str, command), "--no-deps", "--only-binary", ":all:", "--requirement", str(pins)],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr


def _pinned(pins: Path) -> set[str]:
    rows = pins.read_text(encoding="utf-8").splitlines()
    return {canonicalize_name(Requirement(row).name) for row in rows}


def _link(packages: Path, without: set[str]) -> None:
    (installed,) = site.getsitepackages()[:1]
    for found in _closure():
        if canonicalize_name(found.metadata["Name"]) not in without:
            for name in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
                if not (packages / name).exists():
                    (packages / name).symlink_to(Path(installed) / name)


def _closure() -> list[Distribution]:
    found: dict[str, Distribution] = {}
    waiting = list(LINKED)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in found:
            found[name] = distribution(name)
            waiting += _required(found[name])
    return list(found.values())


def _required(found: Distribution) -> Iterator[str]:
    for requirement in map(Requirement, found.requires or ()):
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and canonicalize_name(requirement.name) != "torchaudio":
            yield requirement.name
