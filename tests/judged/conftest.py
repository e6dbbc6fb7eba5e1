"""The judge of the golden checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.judged.judging import Judge, open_judge


@pytest.fixture(scope="session")
def judge(golden_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return open_judge(golden_checkpoint, tmp_path_factory.mktemp("judge") / "recording")
