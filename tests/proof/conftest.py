"""A document of each verdict, made of results by hand."""

from dataclasses import replace

import pytest

from tests.report.conftest import facts, make_matching, make_settled, make_unverified
from toolkit.core.artifact import FileDigest
from toolkit.core.result import Result
from toolkit.proof.document import Verification

__all__ = ["facts"]

FILES = {"model.safetensors": FileDigest(sha256="ab" * 32, num_bytes=7)}


@pytest.fixture(params=[make_matching, make_settled, make_unverified])
def verification(request, facts):
    result: Result = replace(request.param(), reproduce="toolkit verify model.pt hf")
    return Verification(model=facts, result=result, about=FILES, date="2026-01-02T03:04:05Z")
