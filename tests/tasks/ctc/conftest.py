"""The golden CTC checkpoint, converted and asked once; folders beside it that are broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from toolkit import verify
from toolkit.audio import golden_folder
from toolkit.core.measures import Level
from toolkit.core.result import Result
from toolkit.pipeline.difference import Session, open_session
from toolkit.pipeline.prepare import Inputs, Prepared, prepare
from toolkit.pipeline.writing import write_converted

CHECKPOINT = golden_folder() / "ctc" / "model.pt"
SHORT = tuple(golden_folder() / f"{name}.flac" for name in ("tiny", "odd_frames", "ru_2"))
"""Clips of unequal length, one with an odd number of frames and one that is spoken."""


@pytest.fixture(scope="session")
def ctc_prepared() -> Prepared:
    return prepare(Inputs(checkpoint=CHECKPOINT))


@pytest.fixture(scope="session")
def ctc_folder(ctc_prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A right conversion; read it, never write to it."""
    folder = tmp_path_factory.mktemp("ctc") / "hf"
    folder.mkdir()
    write_converted(ctc_prepared, folder)
    return folder


@pytest.fixture(scope="session")
def ctc_right(ctc_folder: Path) -> Result:
    return verify(CHECKPOINT, ctc_folder, audio=SHORT)


@pytest.fixture
def ctc_broken(ctc_folder: Path, tmp_path: Path) -> Path:
    """A copy of the right conversion, to be broken by the test."""
    return Path(shutil.copytree(ctc_folder, tmp_path / "broken"))


@pytest.fixture(scope="session")
def ctc_session(ctc_prepared: Prepared) -> Iterator[Session]:
    """fairseq's side of any number of diffs."""
    from toolkit.audio import read_clips

    with open_session(ctc_prepared, read_clips(SHORT[1:])) as session:
        yield session


@pytest.fixture
def judged() -> Callable[[Path], dict[str, Level]]:
    """The levels of a folder, by name."""

    def judge(folder: Path) -> dict[str, Level]:
        return {level.name: level for level in verify(CHECKPOINT, folder, audio=SHORT).levels}

    return judge
