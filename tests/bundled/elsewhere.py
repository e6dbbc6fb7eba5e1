"""A virtual environment that has torch and transformers, and neither the toolkit nor fairseq."""

from __future__ import annotations

import json
import os
import site
import subprocess
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

WANTED = ("torch", "transformers", "soundfile")
SCRIPT = Path(__file__).with_name("decoding_script.py")


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """The environment, and an empty place that is home to whatever runs in it."""

    python: Path
    home: Path

    def run(self, *arguments: str | Path) -> Any:
        """What a script says in JSON in its last line."""
        return json.loads(self.say(*arguments).splitlines()[-1])

    def say(self, *arguments: str | Path) -> str:
        """What a script prints; it sees no variable and no folder of ours."""
        quiet = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        variables = ("HOME", "HF_HOME", "HF_MODULES_CACHE", "TMPDIR")
        places = {name: str(self.home / name) for name in variables}
        for place in places.values():
            Path(place).mkdir(exist_ok=True)
        done = subprocess.run(
            [str(self.python), *map(str, arguments)],
            env={**quiet, **places, "PATH": os.environ["PATH"]},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout


def make_elsewhere(folder: Path) -> Elsewhere:
    """A new environment, with links to the distributions that torch and transformers require."""
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (installed,) = site.getsitepackages()[:1]
    for name in sorted(
        {file.parts[0] for found in _required(WANTED) for file in found.files or ()}
    ):
        source = Path(installed) / name
        if name not in ("..", "__pycache__") and source.exists():
            (packages / name).symlink_to(source)
    (folder / "home").mkdir()
    return Elsewhere(python=folder / "venv" / "bin" / "python", home=folder / "home")


def _required(names: Iterable[str]) -> list[Distribution]:
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = distribution(name)
        requirements = map(Requirement, found[name].requires or ())
        applying = (r for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""}))
        waiting += [requirement.name.lower().replace("_", "-") for requirement in applying]
    return list(found.values())
