"""HuBERT without its projection: stock classes, or padded batches as fairseq has them."""

from __future__ import annotations

import pytest

from tests.families.bare import Built
from tests.variants.bare_kinds import BARE_HUBERT_VARIANTS
from toolkit import inspect

PLAIN = "HuBERT's encoder, batch norm"


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(BARE_HUBERT_VARIANTS, tmp_path_factory)


def test_the_family_is_known_by_what_is_left(build: Built) -> None:
    for name in (PLAIN, "HuBERT's encoder, no arguments but its classes"):
        found = inspect(build(name))
        assert found.family == "hubert_encoder"
        assert (found.unknown, found.refusals, found.sidecars) == ((), (), {})
