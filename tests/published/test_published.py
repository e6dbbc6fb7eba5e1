"""Checkpoints with the settings of published ones convert without an option, and say the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.families.exactness import CLIPS, check_exact
from tests.published.building import build_small
from tests.published.page import PAGE, derive, write_page
from tests.published.settings import COMPUTING, PUBLISHED, VENDOR, Published
from tests.sampling import wide
from toolkit import convert

FAST = ("wav2vec_small_960h", "hubert_large_ll60k_finetune_ls960")
BY_NAME = {published.name: published for published in PUBLISHED}


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
    check_exact(result, padded=not published.is_hubert)
    assert result.assumptions == ()


@pytest.mark.parametrize("name", BY_NAME)
def test_a_whole_one_leaves_no_question(name: str, tmp_path: Path) -> None:
    derived = derive(BY_NAME[name], tmp_path)
    assert derived.questions == ()
    size = BY_NAME[name].size
    assert derived.config["hidden_size"] == size.width
    assert derived.config["num_hidden_layers"] == size.layers


@pytest.mark.parametrize("name", VENDOR)
def test_what_changes_a_computation_agrees_with_the_vendors(name: str, tmp_path: Path) -> None:
    derived = derive(BY_NAME[name], tmp_path)
    assert derived.differing({**COMPUTING, **VENDOR[name]}) == {}


def test_what_would_not_agree_is_named(tmp_path: Path) -> None:
    published = replace(BY_NAME["wav2vec_small_960h"], inner={"conv_pos": 64})
    derived = derive(published, tmp_path)
    assert derived.differing(COMPUTING) == {"num_conv_pos_embeddings": (64, 128)}


def test_the_page_says_what_is_derived(tmp_path: Path) -> None:
    assert PAGE.read_text(encoding="utf-8") == write_page(tmp_path)
