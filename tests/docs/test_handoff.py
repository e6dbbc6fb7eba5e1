"""What the page on handing on says of CTranslate2 is so, by the page's own recipe."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.pages import DOCS, read_blocks
from tests.variants.ctc_building import build_ctc
from tests.variants.ctc_kinds import GROUP_NORM, LAYER_NORM, CtcVariant
from toolkit import audit, convert, record
from toolkit.audio import golden_folder

PAGE = DOCS / "handoff.md"
AUDIO = [golden_folder() / "tiny.flac", golden_folder() / "ru_2.flac"]
LARGE = {**LAYER_NORM, "conv_pos": 128, "conv_pos_groups": 16}
"""As XLS-R, which is the shape that CTranslate2 computes."""


@pytest.fixture
def recipe(tmp_path) -> ModuleType:
    """The recipe as a reader copies it."""
    (block,) = [block for block in read_blocks(PAGE) if block.title == "ct2_ctc.py"]
    (tmp_path / "ct2_ctc.py").write_text(block.text)
    spec = importlib.util.spec_from_file_location("ct2_ctc", tmp_path / "ct2_ctc.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def convert_for_it(recipe: ModuleType, folder: Path) -> None:
    place = str(folder.with_suffix(".ct2"))
    recipe.TransformersConverter(str(folder)).convert(place)


def hand_on(recipe: ModuleType, inner: dict, place: Path) -> tuple[Path, Path]:
    """A folder, what CTranslate2 makes of it, and a recording."""
    build_ctc(CtcVariant(name="handed on", inner=inner), place)
    convert(place / "model.pt", place / "hf", verify=False)
    record(place / "model.pt", place / "recording", audio=AUDIO)
    convert_for_it(recipe, place / "hf")
    return place / "hf", place / "recording"


@pytest.mark.wide
def test_ctranslate2_computes_large_models_as_fairseq_does_and_in_eight_bits_not(recipe, tmp_path):
    folder, recording = hand_on(recipe, LARGE, tmp_path)
    right = audit(folder, recording=recording, runner=f"{tmp_path / 'ct2_ctc.py'}:Ct2Ctc").against
    assert right.holds
    assert [level.name for level in right.levels] == ["logits", "greedy"]
    recipe.Ct2Ctc.precision = "int8"
    wrong = audit(folder, recording=recording, runner=recipe.Ct2Ctc(folder)).against
    assert not wrong.holds
    assert 1e-3 < wrong.levels[0].worst.error < 1


@pytest.mark.wide
@pytest.mark.parametrize(
    ("inner", "least", "most"),
    [({"activation_fn": "relu"}, 1e-2, 0.1), ({"layer_norm_first": False}, 0.05, 1)],
)
def test_what_it_computes_otherwise_without_a_word_is_a_mismatch(
    inner, least, most, recipe, tmp_path
):
    folder, recording = hand_on(recipe, {**LARGE, **inner}, tmp_path)
    audited = audit(folder, recording=recording, runner=recipe.Ct2Ctc(folder))
    assert audited.verdict == "mismatch"
    (measure,) = audited.against.levels[0].measures
    assert least < measure.error < most


@pytest.mark.wide
@pytest.mark.parametrize(
    ("inner", "says"),
    [
        (GROUP_NORM, "'Wav2Vec2NoLayerNormConvLayer' object has no attribute 'layer_norm'"),
        ({"conv_bias": False}, "Some required model attributes are not set"),
    ],
)
def test_what_it_refuses_is_on_the_page_in_its_own_words(inner, says, recipe, tmp_path):
    with pytest.raises((AttributeError, ValueError), match=says):
        hand_on(recipe, {**LARGE, **inner}, tmp_path)
    assert f"`{says}`" in PAGE.read_text()


@pytest.mark.wide
@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("untrained/hubert_ctc", "HubertConfig"),
        ("untrained/wav2vec2_seq2seq", "SpeechEncoderDecoderConfig"),
    ],
)
def test_other_classes_are_refused_in_its_own_words(name, config, recipe, tmp_path):
    convert(golden_folder() / name / "model.pt", tmp_path / "hf", verify=False)
    says = f"No conversion is registered for the model configuration {config}"
    with pytest.raises(ValueError, match=says):
        convert_for_it(recipe, tmp_path / "hf")
    assert f"`{says}`" in PAGE.read_text()
