"""UniSpeech and UniSpeech-SAT, whose encoders are fairseq's own, of every kind and era."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.breaking import Tensors, edit_tensors, scale
from tests.families.bare import Built
from tests.families.exactness import CLIPS
from tests.variants.bare_kinds import UNISPEECH_VARIANTS
from toolkit import convert, diff, inspect, verify

SPEAKERS = "UniSpeech-SAT, layer norm"


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(UNISPEECH_VARIANTS, tmp_path_factory)


def test_a_folder_of_the_class_with_heads_is_judged_as_it_loads_without_them(
    build: Built, tmp_path: Path
) -> None:
    convert(build(SPEAKERS), tmp_path / "hf", verify=False)
    edit_tensors(tmp_path / "hf", put_heads)
    for command in (diff, verify):
        result = command(build(SPEAKERS), tmp_path / "hf", audio=CLIPS[:1])
        assert (result.verdict, result.findings) == ("match", ())
    (note,) = diff(build(SPEAKERS), tmp_path / "hf", audio=CLIPS[:1]).notes
    assert note.summary.startswith("`speaker_proj.weight` is of a head around the model")
    scale("unispeech_sat.encoder.layer_norm.bias", 2.0)(tmp_path / "hf")
    (finding,) = diff(build(SPEAKERS), tmp_path / "hf", audio=CLIPS[:1]).findings
    assert finding.target_parameters == ("encoder.layer_norm.bias",)
    assert finding.hypothesis is not None
    assert finding.hypothesis.confirmed


def put_heads(tensors: Tensors) -> None:
    for name in list(tensors):
        tensors[f"unispeech_sat.{name}"] = tensors.pop(name)
    tensors["speaker_proj.weight"] = torch.zeros(8, 32)


@pytest.mark.parametrize(
    ("name", "family", "dropped"),
    [
        ("UniSpeech, layer norm", "unispeech", "w2v_encoder.proj.weight"),
        (SPEAKERS, "unispeech_sat", "encoder.layer_norm_for_extract.weight"),
        ("UniSpeech-SAT, no arguments", "unispeech_sat", "spk_proj.weight"),
        ("UniSpeech-SAT, no codes", "unispeech_sat", "project_q.bias"),
    ],
)
def test_what_serves_pretraining_is_dropped_with_the_reason(
    name: str, family: str, dropped: str, build: Built
) -> None:
    found = inspect(build(name))
    assert (found.family, found.refusals, found.unknown) == (family, (), ())
    assert dropped in {reason.name for reason in found.dropped}
