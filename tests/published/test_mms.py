"""Both forms of MMS convert without an option: small ones are proven, whole ones are understood."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import transformers

from tests.families.exactness import CLIPS, EXACT, ROUNDED, check_exact
from tests.published.building import SMALL
from tests.published.mms import LANGUAGES, build_whole, classifier, letters
from tests.published.settings import EXTRA_LARGE
from tests.variants.adapter_kinds import SYMBOLS
from tests.variants.ctc_building import build_ctc
from toolkit import convert, inspect


@pytest.mark.wide
def test_a_classifier_of_languages_converts_exactly_with_their_names(tmp_path: Path) -> None:
    result = convert(build_ctc(classifier(SMALL), tmp_path).path, tmp_path / "hf", audio=CLIPS)
    assert (result.verdict, result.assumptions) == ("match", ())
    exact, rounded = result.level("logits").measures[:2]
    assert exact.error <= EXACT
    assert rounded.error <= ROUNDED
    assert [measure.error for measure in result.level("label").measures] == [0.0, 0.0]
    config = json.loads((tmp_path / "hf" / "config.json").read_text(encoding="utf-8"))
    assert {int(row): label for row, label in config["id2label"].items()} == dict(
        enumerate(LANGUAGES)
    )
    assert (config["classifier_proj_size"], config["classifier_activation"]) == (8, "gelu")


@pytest.mark.wide
def test_letters_of_several_languages_convert_exactly_and_each_is_spoken(tmp_path: Path) -> None:
    result = convert(build_ctc(letters(SMALL), tmp_path).path, tmp_path / "hf", audio=CLIPS)
    assert result.assumptions == ()
    check_exact(result, padded=True)
    for language, symbols in SYMBOLS.items():
        processor = transformers.AutoProcessor.from_pretrained(
            tmp_path / "hf", target_lang=language
        )
        model = transformers.Wav2Vec2ForCTC.from_pretrained(
            tmp_path / "hf", target_lang=language, ignore_mismatched_sizes=True
        )
        assert model.config.adapter_attn_dim == 16
        assert len(processor.tokenizer) == model.lm_head.out_features == len(symbols) + 4


@pytest.mark.wide
def test_a_whole_classifier_of_a_billion_parameters_leaves_no_question(tmp_path: Path) -> None:
    seen = inspect(build_whole(classifier(EXTRA_LARGE), tmp_path))
    assert (seen.family, seen.assumptions, seen.unknown, seen.refusals) == (
        *("wav2vec2_classification", (), (), ()),
    )
    config = {field.name: field.value for field in seen.fields}
    assert (config["num_hidden_layers"], config["hidden_size"]) == (48, 1280)
    assert (config["num_attention_heads"], config["classifier_proj_size"]) == (16, 1024)


@pytest.mark.wide
def test_whole_letters_of_a_billion_parameters_leave_no_question(tmp_path: Path) -> None:
    seen = inspect(build_whole(letters(EXTRA_LARGE), tmp_path))
    config = {field.name: field.value for field in seen.fields}
    assert (seen.family, seen.unknown, seen.refusals) == ("wav2vec2_ctc", (), ())
    assert (config["num_hidden_layers"], config["adapter_attn_dim"]) == (48, 16)
