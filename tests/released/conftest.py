"""Everything that released versions of transformers made, once per session."""

from __future__ import annotations

import pytest

from tests.released.saved import Workshop


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("released"))
