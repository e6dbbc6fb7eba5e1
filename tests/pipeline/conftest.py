from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toolkit.oracle.answers import index_digest
from toolkit.pipeline.elsewhere import record_here
from toolkit.pipeline.recorded import RecordedReference, open_recorded

RECORDED = ("tiny", "ru_2")


@pytest.fixture(scope="session")
def recorded_clips(clips):
    return tuple(clip for clip in clips if clip.name in RECORDED)


@pytest.fixture(scope="session")
def rec_dir(prepared, recorded_clips, tmp_path_factory) -> Path:
    """A recording of two clips by the fairseq at hand; read it, never write to it."""
    folder = tmp_path_factory.mktemp("recorded") / "rec"
    record_here(prepared, recorded_clips, folder)
    return folder


@pytest.fixture
def recorded(prepared, rec_dir) -> RecordedReference:
    return open_recorded(rec_dir, prepared.checkpoint)


@pytest.fixture
def damaged(rec_dir, tmp_path) -> Path:
    """A copy of the recording, to be damaged by the test."""
    return Path(shutil.copytree(rec_dir, tmp_path / "damaged"))


@pytest.fixture
def rewrite(damaged) -> Callable[[Callable[[dict[str, Any]], None]], Path]:
    """Changes the index of the copy as somebody would who knows how to, digest included."""

    def change(edit: Callable[[dict[str, Any]], None]) -> Path:
        path = damaged / "recording.json"
        said = json.loads(path.read_text())
        edit(said)
        said["digest"] = index_digest(said)
        path.write_text(json.dumps(said))
        return damaged

    return change
