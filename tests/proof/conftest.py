"""A document of each verdict, made of results by hand; and a folder that was converted."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.conftest import facts, make_matching, make_settled, make_unverified
from toolkit import convert
from toolkit.audio import golden_folder
from toolkit.core.artifact import FileDigest
from toolkit.core.result import Result
from toolkit.proof.document import Verification

__all__ = ["facts"]

FILES = {"model.safetensors": FileDigest(sha256="ab" * 32, num_bytes=7)}


@pytest.fixture(params=[make_matching, make_settled, make_unverified])
def verification(request, facts):
    result: Result = replace(request.param(), reproduce="toolkit verify model.pt hf")
    return Verification(model=facts, result=result, about=FILES, date="2026-01-02T03:04:05Z")


@pytest.fixture(scope="session")
def written(tmp_path_factory) -> Path:
    """A conversion that nobody proved; read it, never write to it."""
    out = tmp_path_factory.mktemp("written") / "hf"
    convert(golden_folder() / "ctc" / "model.pt", out, verify=False)
    return out


@pytest.fixture
def copied(written: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed by the test."""
    return Path(shutil.copytree(written, tmp_path / "hf"))
