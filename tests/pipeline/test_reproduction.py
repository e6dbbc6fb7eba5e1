"""A module that errs although its weights and keys are right: named, and shown by itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSpeechSeq2Seq
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2FeedForward

from toolkit.audio import Clip
from toolkit.compare.pictures import shortest
from toolkit.pipeline.difference import Session, diff_folder, open_session, reproduce
from toolkit.pipeline.prepare import Prepared

LAYER = "encoder.encoder.layers.0"


@pytest.fixture(scope="module")
def session(prepared: Prepared, clips: tuple[Clip, ...]) -> Iterator[Session]:
    with open_session(prepared, shortest(clips)) as opened:
        yield opened


@pytest.fixture
def wrong_wiring(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a release of transformers had changed what a feed-forward block does."""
    right = Wav2Vec2FeedForward.forward

    def wrong(self: Wav2Vec2FeedForward, hidden_states: torch.Tensor) -> torch.Tensor:
        return 1.001 * right(self, hidden_states)

    monkeypatch.setattr(Wav2Vec2FeedForward, "forward", wrong)


@pytest.mark.usefixtures("wrong_wiring")
def test_a_module_whose_parts_are_right_is_blamed_as_wiring(
    session: Session, converted: Path
) -> None:
    findings = diff_folder(session, converted).findings
    assert {finding.kind for finding in findings} == {"wiring"}
    assert findings[0].target_module == LAYER
    assert findings[0].source_module == "encoder.w2v_encoder.w2v_model.encoder.layers.0"
    assert findings[0].hypothesis is None


@pytest.mark.wide
@pytest.mark.usefixtures("wrong_wiring")
def test_the_reproduction_runs_by_itself_and_shows_whether_the_fault_is_there(
    session: Session, converted: Path, tmp_path: Path
) -> None:
    findings = diff_folder(session, converted).findings
    reproduce(session, converted, findings, tmp_path / "cases")
    script = tmp_path / "cases" / LAYER / "run.py"
    # A process of its own has the right transformers, so that there the error is gone.
    said = subprocess.run(
        [sys.executable, str(script)], check=True, capture_output=True, text=True
    ).stdout
    assert LAYER in said
    error = float(said.split("largest error ")[1].split()[0])
    assert error < 1e-9


def test_a_model_that_stays_in_training_mode_is_named(
    session: Session, converted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = AutoModelForSpeechSeq2Seq.from_pretrained

    def load_for_training(*args: Any, **options: Any) -> Any:
        model, info = load(*args, **options)
        return model.train(), info

    monkeypatch.setattr(AutoModelForSpeechSeq2Seq, "from_pretrained", load_for_training)
    findings = diff_folder(session, converted).findings
    assert [f.hypothesis.name for f in findings if f.hypothesis] == ["train_mode"]


def test_a_right_folder_needs_no_reproduction(
    session: Session, converted: Path, tmp_path: Path
) -> None:
    reproduce(session, converted, diff_folder(session, converted).findings, tmp_path / "cases")
    assert list(tmp_path.iterdir()) == []
