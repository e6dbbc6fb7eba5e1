"""The golden classifier, converted and asked once; folders beside it that are broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit import convert, verify
from toolkit.audio import golden_folder
from toolkit.core.measures import Level
from toolkit.core.result import Result
from toolkit.pipeline.golden import golden_of

SHORT = tuple(golden_folder() / f"{name}.flac" for name in ("tiny", "odd_frames", "ru_2"))
"""Clips of unequal length, one with an odd number of frames."""


@pytest.fixture(scope="session")
def class_checkpoint() -> Path:
    return golden_of("wav2vec2_classification")


@pytest.fixture(scope="session")
def class_folder(class_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A right conversion; read it, never write to it."""
    folder = tmp_path_factory.mktemp("classes") / "hf"
    convert(class_checkpoint, folder, verify=False)
    return folder


@pytest.fixture(scope="session")
def class_right(class_checkpoint: Path, class_folder: Path) -> Result:
    return verify(class_checkpoint, class_folder, audio=SHORT)


@pytest.fixture
def class_broken(class_folder: Path, tmp_path: Path) -> Path:
    """A copy of the right conversion, to be broken by the test."""
    return Path(shutil.copytree(class_folder, tmp_path / "broken"))


@pytest.fixture
def judged(class_checkpoint: Path) -> Callable[[Path], dict[str, Level]]:
    """The levels of a folder, by name."""

    def judge(folder: Path) -> dict[str, Level]:
        result = verify(class_checkpoint, folder, audio=SHORT)
        return {level.name: level for level in result.levels}

    return judge
