"""What users load of a CTC folder, and a proof that needs fairseq no more."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from toolkit import record, verify
from toolkit.audio import read_clips
from toolkit.core.result import Result

from .conftest import CHECKPOINT, SHORT

SPOKEN = "Ёжик ест яблоко."


def test_a_user_loads_model_and_processor_and_gets_the_transcript(ctc_folder: Path) -> None:
    from transformers import AutoModelForCTC, AutoProcessor

    model = AutoModelForCTC.from_pretrained(ctc_folder)
    processor = AutoProcessor.from_pretrained(ctc_folder)
    (clip,) = read_clips(SHORT[2:])
    inputs = processor(clip.waveform, sampling_rate=16_000, return_tensors="pt")
    assert type(model).__name__ == "Wav2Vec2ForCTC"
    assert type(processor).__name__ == "Wav2Vec2Processor"
    assert set(inputs) == {"input_values", "attention_mask"}
    with torch.no_grad():
        best = model(**inputs).logits.argmax(-1)
    assert processor.batch_decode(best) == [SPOKEN]


def test_the_pipeline_says_the_transcript(ctc_folder: Path) -> None:
    from transformers import pipeline

    (clip,) = read_clips(SHORT[2:])
    transcribe = pipeline("automatic-speech-recognition", model=str(ctc_folder))
    assert transcribe(clip.waveform)["text"] == SPOKEN


@pytest.mark.wide
def test_a_recording_proves_what_fairseq_proves(
    ctc_folder: Path, ctc_right: Result, tmp_path: Path
) -> None:
    record(CHECKPOINT, tmp_path / "recording", audio=SHORT)
    proven = verify(CHECKPOINT, ctc_folder, recording=tmp_path / "recording")
    assert proven.verdict == "match"
    verdicts = [(level.name, level.verdict) for level in proven.levels]
    assert verdicts == [(level.name, level.verdict) for level in ctc_right.levels]
    assert proven.tokens == ctc_right.tokens


@pytest.mark.parametrize("missing", ["generation_config.json", "custom_generate", "config.yaml"])
def test_nothing_is_written_that_only_a_search_needs(missing: str, ctc_folder: Path) -> None:
    assert not (ctc_folder / missing).exists()
