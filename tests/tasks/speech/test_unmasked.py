"""What a padded batch is off by without its mask is measured, told, and judged by nobody."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers

from tests.breaking import scale
from tests.families.exactness import CLIPS
from toolkit import convert, verify
from toolkit.audio import read_clips
from toolkit.core.measures import Level, Measure
from toolkit.core.result import Result
from toolkit.oracle.reference import pad
from toolkit.oracle.rows import choose_rows, take
from toolkit.pipeline.golden import golden_of
from toolkit.replay.target import mask_of
from toolkit.tasks.speech.unmasked import tell_cautions, unmasked

GOLDEN = golden_of("wav2vec2_encoder")
ASIDE = Measure(
    name="features without attention_mask",
    where="tiny (0.1 s)",
    error=0.51,
    tolerance=2e-6,
    unit="relative to the largest value",
    compared=90,
)


def level(*asides: Measure) -> Level:
    right = replace(ASIDE, name="features of a padded batch", error=0.0)
    return Level(name="padding", measures=(right,), summary="", asides=asides)


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("unmasked") / "hf"
    return folder, convert(GOLDEN, folder, verify=True, audio=CLIPS[:2])


def test_a_model_is_told_no_mask_while_the_context_lasts() -> None:
    class Told(torch.nn.Module):
        def forward(self, **named: int) -> list[str]:
            return list(named)

    model = Told()
    with unmasked(model):
        assert model(input_values=1, attention_mask=2) == ["input_values"]
        assert model(input_values=1) == ["input_values"]
    assert model(input_values=1, attention_mask=2) == ["input_values", "attention_mask"]


def test_a_mask_that_changes_something_is_told_with_size_and_place() -> None:
    (caution,) = tell_cautions([level(ASIDE)])
    assert (caution.name, caution.where, caution.max_error) == ("attention_mask", ASIDE.where, 0.51)
    assert "differs by up to 0.51 of the largest features" in caution.summary
    assert "`return_attention_mask` in `preprocessor_config.json`" in caution.summary


def test_a_mask_that_changes_nothing_is_no_matter() -> None:
    assert list(tell_cautions([level(replace(ASIDE, error=1e-7)), level()])) == []


def test_nobody_judges_it() -> None:
    assert (level(ASIDE).verdict, level(ASIDE).worst) == ("pass", level().worst)


def test_the_size_is_that_of_a_batch_that_transformers_hears_without_its_mask(
    proven: tuple[Path, Result],
) -> None:
    folder, result = proven
    extract = transformers.AutoFeatureExtractor.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder)
    heard = [extract(clip.waveform, sampling_rate=16_000) for clip in read_clips(CLIPS[:2])]
    sources = [torch.as_tensor(values["input_values"][0]) for values in heard]
    rows = choose_rows([source.numel() for source in sources])
    batch, lengths = pad([take(sources[index], samples) for index, samples in rows], 0.0)
    with torch.no_grad():
        right = model(batch, attention_mask=mask_of(lengths, batch.shape[1])).last_hidden_state
        other = model(batch).last_hidden_state
    frames = [int(model._get_feat_extract_output_lengths(length)) for length in lengths]
    errors = [
        float((right[row, :kept] - other[row, :kept]).abs().max() / right[row, :kept].abs().max())
        for row, kept in enumerate(frames)
    ]
    (caution,) = result.cautions
    assert result.verdict == "match"
    assert caution.max_error == pytest.approx(max(errors), rel=1e-3)
    assert caution.max_error > 0.1


def test_it_is_in_the_json_and_in_the_card(proven: tuple[Path, Result]) -> None:
    folder, result = proven
    (told,) = result.to_dict()["cautions"]
    assert told["name"] == "attention_mask"
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "## Used otherwise" in card
    assert f"differs by up to {told['max_error']:.2g} of the largest features" in card


def test_a_folder_that_is_wrong_anyway_is_told_nothing(
    proven: tuple[Path, Result], tmp_path: Path
) -> None:
    broken = Path(shutil.copytree(proven[0], tmp_path / "hf"))
    scale("encoder.layers.0.attention.v_proj.weight", 2.0)(broken)
    result = verify(GOLDEN, broken, audio=CLIPS[:1])
    assert (result.verdict, result.cautions) == ("mismatch", ())
