"""Every family that fairseq builds has a small checkpoint that comes with the toolkit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.variants import golden
from toolkit import BadInput, convert
from toolkit.audio import golden_folder
from toolkit.checkpoint import open_checkpoint
from toolkit.families import families, find_family
from toolkit.pipeline.faulting import faults
from toolkit.pipeline.golden import golden_checkpoint, golden_checkpoints, golden_of

FURTHER = {
    "wav2vec2_ctc_conformer": "wav2vec2_ctc",
    "wav2vec2_ctc_languages": "wav2vec2_ctc",
}
"""Kinds that have one beside their family, and that family."""


def test_every_family_that_fairseq_builds_has_one_and_no_other_has() -> None:
    built = {f.name for f in families() if getattr(f, "unbuildable", None) is None}
    assert set(golden_checkpoints()) == built | set(FURTHER)
    assert {family.name for family in families()} - built == {"wavlm"}
    assert golden.CHOSEN.keys() < golden_checkpoints().keys()


def test_each_lies_in_a_folder_that_is_called_after_its_family_or_kind() -> None:
    for name, path in golden_checkpoints().items():
        assert find_family(open_checkpoint(path)).name == FURTHER.get(name, name)


def test_those_without_training_are_small() -> None:
    files = golden_folder().glob("untrained/*/*")
    assert sum(file.stat().st_size for file in files) < 3e6


def test_a_family_that_has_none_is_refused_with_those_that_have() -> None:
    with pytest.raises(BadInput, match=r"but is 'hubert' \(did you mean `hubert_ctc`\?\)"):
        golden_of("hubert")


def test_a_family_and_a_checkpoint_are_not_named_together() -> None:
    with pytest.raises(BadInput, match="`--family` must stand alone"):
        faults(golden_checkpoint(), family="hubert_ctc")


@pytest.mark.slow
@pytest.mark.parametrize("name", golden.CHOSEN)
def test_each_is_what_its_recipe_makes(name: str, tmp_path: Path) -> None:
    golden.build(name, tmp_path / name)
    made, kept = (_tensors_of(path) for path in (tmp_path / name / "model.pt", golden_of(name)))
    assert made.keys() == kept.keys()
    tensors = {key: value for key, value in made.items() if isinstance(value, torch.Tensor)}
    assert all(value.equal(kept[key]) for key, value in tensors.items())


def _tensors_of(path: Path) -> dict[str, object]:
    saved = torch.load(path, weights_only=False)
    found: dict[str, object] = saved.get("model") or saved["generator"]  # as vocoders have it
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", [*golden.CHOSEN, "s2t_transformer", "s2ut_transformer", "mbart"])
def test_each_converts_exactly_and_faults_in_it_are_blamed(name: str, tmp_path: Path) -> None:
    hears = name not in ("mbart", "bart", "m2m_100", "code_hifigan")
    clips = [] if not hears else [golden_folder() / "it_1.flac"]
    assert convert(golden_of(name), tmp_path / "hf", audio=clips).verdict == "match"
    result = faults(family=name, only="swapped")
    assert result.singles
    assert result.perfect
