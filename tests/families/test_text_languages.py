"""The order of languages is fairseq's, wherever they are listed; what frames texts is no guess."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.variants.text_building import build_text
from tests.variants.text_kinds import TEXT_VARIANTS
from toolkit import BadInput, convert
from toolkit.families.text_languages import languages_of

BY_NAME = {variant.name: variant for variant in TEXT_VARIANTS}
LISTED = "ro_RO\nar_AR\n\nde_DE\n  en_XX\n"

Change = Callable[..., Path]


def fairseqs(folder: Path, **said: Any) -> list[str]:
    from fairseq.data.multilingual.multilingual_data_manager import MultilingualDatasetManager

    told = {"langs": None, "lang_dict": None, "lang_pairs": [], **said}
    if told["lang_dict"]:
        told["lang_dict"] = str(folder / "languages.txt")
    found: list[str] = MultilingualDatasetManager.load_langs(Namespace(**told))
    return found


@pytest.mark.parametrize(
    "said",
    [
        {"langs": ["de_DE", "ar_AR"]},
        {"lang_pairs": ["ro_RO-de_DE", "de_DE-ar_AR"]},
        {"lang_dict": "/somewhere/else/languages.txt", "lang_pairs": ["de_DE-ar_AR"]},
    ],
)
def test_languages_have_fairseqs_order(said: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "languages.txt").write_text(LISTED)
    assert languages_of(said, tmp_path, ()) == fairseqs(tmp_path, **said)


def test_a_list_that_is_not_at_hand_matters_only_where_it_adds_rows(tmp_path: Path) -> None:
    said = {"lang_dict": "/somewhere/languages.txt", "lang_pairs": "ro-de"}
    assert languages_of(said, tmp_path, ("__de__", "__ro__")) == ["de", "ro"]
    with pytest.raises(BadInput, match=r"`languages.txt`, the list of languages .* must stand"):
        languages_of(said, tmp_path, ("__de__",))


@pytest.fixture
def changed(tmp_path: Path) -> Change:
    """Writes a checkpoint whose arguments say something else; None takes one away."""

    def make(name: str, **changes: object) -> Path:
        path = build_text(replace(BY_NAME[name]), tmp_path)
        state = torch.load(path, weights_only=False)
        said = {**vars(state["args"]), **changes}
        left = {key: value for key, value in said.items() if value is not None}
        torch.save({**state, "args": Namespace(**left)}, path)
        return path

    return make


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("mBART-50", {"langs": None, "lang_dict": "/x/langs.txt"}, "`langs.txt`, the list of"),
        ("mBART-50", {"lang_tok_style": "odd"}, "`lang_tok_style` must be one of"),
        ("mBART-50", {"langtoks": {"main": ("tgt", None)}}, "`langtoks` must say of `main`"),
        ("mBART-50", {"langtoks_specs": ["main", "main_dae"]}, "`langtoks_specs` must not be set"),
        ("mBART-50", {"extra_data": {"mono_dae": "x"}}, "`extra_data` must not be set"),
        ("mBART-25", {"prepend_bos": True}, "`prepend_bos` must not be set"),
    ],
)
def test_what_would_frame_texts_otherwise_is_refused_by_name(
    name: str, changes: dict[str, object], says: str, changed: Change, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=says):
        convert(changed(name, **changes), tmp_path / "hf", verify=False, target_lang="de_DE")
    assert not (tmp_path / "hf").exists()


def test_what_only_says_it_again_is_taken(changed: Change, tmp_path: Path) -> None:
    again = {"langtoks": {"main": ["src", "tgt"]}, "langtoks_specs": ["main"], "extra_data": {}}
    checkpoint = changed("mBART-50", **again)
    convert(checkpoint, tmp_path / "hf", verify=False, target_lang="de_DE")


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("mBART-25", "translation_from_pretrained_bart"),
        ("mBART-50", "translation_multi_simple_epoch"),
        ("BART with sentencepiece", "translation"),
    ],
)
def test_a_task_that_is_not_named_is_an_assumption(
    name: str, taken: str, changed: Change, tmp_path: Path
) -> None:
    named = {} if name.startswith("BART") else {"target_lang": "de_DE"}
    checkpoint = changed(name, task=None)
    result = convert(checkpoint, tmp_path / "hf", verify=False, **named)
    (assumed,) = [reason for reason in result.assumptions if reason.name == "task"]
    assert f"taken for `{taken}`" in assumed.because
