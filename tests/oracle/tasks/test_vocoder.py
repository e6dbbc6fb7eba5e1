"""fairseq's vocoder is asked as fairseq's own `CodeHiFiGANVocoder` asks it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.variants.vocoder_building import build_vocoder
from tests.variants.vocoder_kinds import VOCODER_VARIANTS
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.tasks.vocoder import VocoderReference
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.pipeline.reference import open_reference

UNITS = torch.tensor([4, 4, 11, 0, 49])
BY_NAME = {variant.name: variant for variant in VOCODER_VARIANTS}


@pytest.mark.parametrize("name", ["units with durations", "no durations", "several speakers"])
def test_a_waveform_is_that_of_fairseq_s_own_vocoder(name: str, tmp_path: Path) -> None:
    from fairseq.models.text_to_speech.vocoder import CodeHiFiGANVocoder

    checkpoint = build_vocoder(BY_NAME[name], tmp_path)
    with quiet_fairseq():
        own = CodeHiFiGANVocoder(
            str(checkpoint), json.loads((tmp_path / "config.json").read_text())
        )
    given = {"code": UNITS[None], "spkr": torch.tensor([[0]])}
    if "speakers" not in name:
        del given["spkr"]
    expected = own(given, dur_prediction=True)
    with open_reference(prepare(Inputs(checkpoint=checkpoint))) as reference:
        assert isinstance(reference, VocoderReference)
        made = reference.forward([UNITS]).outputs
    assert made["waveform"][0].equal(expected)
    assert made["durations"].shape == (1, 5)
    assert int(made["durations"].sum()) * 40 == expected.numel()
