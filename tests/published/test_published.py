"""Checkpoints with the settings of published ones convert without an option, and say the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.families.exactness import CLIPS, EXACT, ROUNDED, check_exact
from tests.published.building import build_small
from tests.published.page import PAGE, Derived, derive, derive_all, write_page
from tests.published.settings import ALIKE, PUBLISHED, VENDOR, Published
from tests.sampling import wide
from toolkit import convert
from toolkit.core.result import Result

FAST = ("wav2vec_small_960h", "hubert_base_ls960")
BY_NAME = {published.name: published for published in PUBLISHED}


@pytest.fixture(scope="module")
def derived(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Derived]:
    """What is read off checkpoints of full size."""
    return derive_all(tmp_path_factory.mktemp("published"))


def check_features(result: Result) -> None:
    levels = {level.name: level for level in result.levels}
    assert levels["weights"].worst is not None
    assert levels["weights"].worst.error == 0.0
    exact, rounded = levels["layers"].measures[:2]
    assert exact.error <= EXACT
    assert rounded.error <= ROUNDED


@pytest.mark.parametrize(
    "published",
    [
        pytest.param(one, id=one.name) if one.name in FAST else wide(one, id=one.name)
        for one in PUBLISHED
    ],
)
def test_a_small_one_converts_without_an_option_and_matches(
    published: Published, tmp_path: Path
) -> None:
    checkpoint = build_small(published, tmp_path)
    result = convert(checkpoint, tmp_path / "hf", verify=True, audio=CLIPS)
    assert (result.verdict, result.assumptions) == ("match", ())
    if published.outer is None:
        check_features(result)
    else:
        check_exact(result, padded=not published.is_hubert)


def test_every_one_that_is_known_is_here() -> None:
    assert len(BY_NAME) == 16
    assert set(VENDOR) < set(BY_NAME)


@pytest.mark.wide
@pytest.mark.parametrize("name", BY_NAME)
def test_a_whole_one_leaves_no_question(name: str, derived: Mapping[str, Derived]) -> None:
    found, size = derived[name], BY_NAME[name].size
    assert found.questions == ()
    assert found.config["hidden_size"] == size.width
    assert found.config["num_hidden_layers"] == size.layers


@pytest.mark.wide
@pytest.mark.parametrize("name", VENDOR)
def test_what_changes_a_computation_agrees_with_the_vendors(
    name: str, derived: Mapping[str, Derived]
) -> None:
    assert derived[name].differing(VENDOR[name].computing) == {}


@pytest.mark.wide
@pytest.mark.parametrize("name", ALIKE)
def test_an_encoder_of_the_same_kind_agrees_with_the_vendors_of_another_model(
    name: str, derived: Mapping[str, Derived]
) -> None:
    assert derived[name].differing(ALIKE[name].computing) == {}


def test_what_would_not_agree_is_named(tmp_path: Path) -> None:
    published = replace(BY_NAME["wav2vec_small_960h"], inner={"conv_pos": 64})
    vendor = VENDOR["wav2vec_small_960h"]
    differing = derive(published, tmp_path).differing(vendor.computing)
    assert differing == {"num_conv_pos_embeddings": (64, 128)}


@pytest.mark.wide
def test_the_page_says_what_is_derived(derived: Mapping[str, Derived]) -> None:
    assert PAGE.read_text(encoding="utf-8") == write_page(derived)
