"""A model itself chooses, by how likely it finds speech, what its checkpoint leaves open."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCTC, Wav2Vec2Model

from tests.variants.ctc_building import build_ctc
from tests.variants.ctc_kinds import CTC_VARIANTS
from toolkit import convert, verify
from toolkit.audio import golden_folder, read_clips
from toolkit.core.settled import settled, unproven
from toolkit.oracle.reference import standardized
from toolkit.pipeline import likelihood
from toolkit.pipeline.likelihood import choose_by_likelihood
from toolkit.pipeline.prepare import Inputs, Prepared, prepare
from toolkit.pipeline.tried import TriedWeights
from toolkit.replay.target import Target
from toolkit.tasks.ctc.likelihood import spell

NORMALIZE = "preprocessor_config.do_normalize"
HEADS = "num_attention_heads"
NORMS = "do_stable_layer_norm"
ACTIVATION = "hidden_act"
GOLDEN = golden_folder() / "ctc"
CLIPS = (golden_folder(),)
PRETRAINED = golden_folder() / "pretraining" / "model.pt"
(CONFORMER,) = (variant for variant in CTC_VARIANTS if variant.name == "conformer, no w2v_args")
WIDE_CONFORMER = replace(CONFORMER, inner={**CONFORMER.inner, "encoder_embed_dim": 512})
"""One with more values in a frame than four clips have frames."""
UNTRAINED = golden_folder() / "untrained" / "wav2vec2_pretraining" / "model.pt"


def without_arguments(folder: Path, change: Callable[[Any], object] = lambda _: None) -> Path:
    """The golden CTC checkpoint as one whose pretrained encoder's arguments are gone."""
    state = torch.load(GOLDEN / "model.pt", weights_only=False)
    state["cfg"]["model"]["w2v_args"] = None
    for group in ("model", "task"):
        state["cfg"][group].pop("normalize", None)
    change(state)
    folder.mkdir(exist_ok=True)
    torch.save(state, folder / "model.pt")
    shutil.copy(GOLDEN / "dict.ltr.txt", folder)
    return folder / "model.pt"


def bare(checkpoint: Path, folder: Path) -> Path:
    """A pretraining checkpoint that says nothing but what it is."""
    state = torch.load(checkpoint, weights_only=False)
    named = {group: {"_name": state["cfg"][group]["_name"]} for group in ("model", "task")}
    torch.save({"args": None, "cfg": named, "model": state["model"]}, folder / "model.pt")
    return folder / "model.pt"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return without_arguments(tmp_path_factory.mktemp("likelihood") / "bare")


def choose(checkpoint: Path, audio: Sequence[Path] = CLIPS, **said: Any) -> Prepared:
    inputs = Inputs(checkpoint=checkpoint, **said)
    return choose_by_likelihood(prepare(inputs), inputs, audio)


@pytest.fixture(scope="module")
def chosen(checkpoint: Path) -> Prepared:
    return choose(checkpoint)


def test_what_stands_out_is_chosen_with_its_margin(chosen: Prepared) -> None:
    told = {reason.name: reason for reason in settled(chosen.assumptions)}
    assert told.keys() == {"do_stable_layer_norm", NORMALIZE}
    for reason in told.values():
        right, wrong = sorted(reason.trials, key=lambda trial: trial.error)
        assert (right.matches, wrong.matches) == (True, False)
        assert wrong.error > 10 * right.error
        assert "the model itself finds speech likely with it alone" in reason.because


def test_what_does_not_stand_out_stays_an_assumption_that_names_what_is_left(
    chosen: Prepared,
) -> None:
    left = {reason.name: reason.because for reason in unproven(chosen.assumptions)}
    assert "leaves 'gelu', 'gelu_new'" in left["hidden_act"]
    assert left[HEADS].startswith("assumed 3,")
    assert chosen.network.config[HEADS].value == 3
    assert 1 not in chosen.network.config[HEADS].candidates


def test_a_value_that_the_user_names_is_not_tried(checkpoint: Path) -> None:
    named = choose(checkpoint, encoder_config={HEADS: 4, "hidden_act": "relu"})
    assert named.network.config[HEADS].value == 4
    assert named.network.config["hidden_act"].value == "relu"


def test_clips_without_transcripts_leave_everything_assumed(
    checkpoint: Path, tmp_path: Path
) -> None:
    shutil.copy(golden_folder() / "it_1.flac", tmp_path)
    found = choose(checkpoint, [tmp_path])
    assert not settled(found.assumptions)
    assert found.network.config[HEADS].value == 1


def test_a_model_that_knows_no_such_speech_chooses_nothing(tmp_path: Path) -> None:
    def forget(state: Any) -> None:
        head = state["model"]["w2v_encoder.proj.weight"]
        head.copy_(torch.randn(head.shape, generator=torch.Generator().manual_seed(0)))

    found = choose(without_arguments(tmp_path / "dull", forget))
    assert not settled(found.assumptions)
    assert found.network.config[HEADS].value == 1


def test_a_checkpoint_that_says_everything_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likelihood, "_Climb", None)
    inputs = Inputs(checkpoint=GOLDEN / "model.pt")
    prepared = prepare(inputs)
    assert choose_by_likelihood(prepared, inputs, CLIPS) is prepared


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The values that a model is tried with, in order."""
    known: list[dict[str, Any]] = []
    load = TriedWeights.load

    def counted(weights: TriedWeights, values: dict[str, Any]) -> Target:
        known.append(values)
        return load(weights, values)

    monkeypatch.setattr(TriedWeights, "load", counted)
    return known


def test_a_pretrained_model_chooses_by_the_codes_of_masked_frames(
    tmp_path: Path, loads: list[dict[str, Any]]
) -> None:
    found = choose(bare(PRETRAINED, tmp_path))
    told = {reason.name: reason for reason in settled(found.assumptions)}
    assert told.keys() == {NORMS, NORMALIZE}
    for reason in told.values():
        right, wrong = sorted(reason.trials, key=lambda trial: trial.error)
        assert (right.values[reason.name], right.matches, wrong.matches) == (True, True, False)
        assert wrong.error > 3 * right.error
        assert re.search(r"0\.\d+ nats a masked frame on 4 clips, next best \d", reason.because)
    left = {reason.name: reason.because for reason in unproven(found.assumptions)}
    assert left[HEADS].startswith("assumed 1,")
    assert "and what the model finds likely" in left[HEADS]
    assert "leaves 'gelu', 'gelu_new'" in left[ACTIVATION]
    assert len(loads) <= 20


def test_a_pretrained_model_that_was_never_trained_chooses_nothing_and_is_soon_left_alone(
    tmp_path: Path, loads: list[dict[str, Any]]
) -> None:
    prepared = choose(bare(UNTRAINED, tmp_path), encoder_config={HEADS: 4, ACTIVATION: "gelu"})
    assert not settled(prepared.assumptions)
    assert {NORMS, NORMALIZE} <= {reason.name for reason in unproven(prepared.assumptions)}
    assert len(loads) == 3


def knowing_conformer(folder: Path, *, behind: bool) -> Path:
    """A random conformer without arguments, whose head was fitted to what four clips say.

    Args:
        folder: Where to write it.
        behind: Whether its stack normalizes behind its layers, and not before them.
    """
    built = build_ctc(WIDE_CONFORMER, folder).path
    convert(built, folder / "hf", verify=False, encoder_config={NORMS: behind})
    model = AutoModelForCTC.from_pretrained(folder / "hf", trust_remote_code=True)
    prepared = prepare(Inputs(checkpoint=built))
    features, targets = [], []
    for clip in sorted(read_clips(CLIPS), key=lambda clip: len(clip.waveform)):
        symbols = spell(prepared.task.contents, clip.transcript or "")
        if clip.kind != "speech" or not symbols or len(targets) == likelihood.MAX_CLIPS:
            continue
        waveform = standardized(torch.from_numpy(clip.waveform))[None]
        with torch.no_grad():
            features.append(model.base_model(waveform).last_hidden_state[0])
        targets.append(spread(symbols, len(features[-1]), len(model.lm_head.bias)))
    inputs = torch.cat(features)
    inputs = torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1)
    fitted = torch.linalg.lstsq(inputs.double(), torch.cat(targets).double()).solution.float()
    saved = torch.load(built, weights_only=False)
    saved["model"]["w2v_encoder.proj.weight"] = fitted[:-1].T.contiguous()
    saved["model"]["w2v_encoder.proj.bias"] = fitted[-1].contiguous()
    torch.save(saved, built)
    return built


def spread(symbols: Sequence[int], frames: int, rows: int) -> torch.Tensor:
    """Logits, shape (T, V), of the symbols in equal distances and blanks between them."""
    found = torch.zeros(frames, dtype=torch.long)
    for number, symbol in enumerate(symbols):
        found[frames * number // len(symbols)] = symbol
    return 10 * torch.nn.functional.one_hot(found, rows).float()


@pytest.mark.wide
@pytest.mark.parametrize("behind", [True, False])
def test_a_conformer_chooses_the_order_of_its_norms_in_a_class_that_has_both(
    behind: bool, tmp_path: Path
) -> None:
    chosen = choose(knowing_conformer(tmp_path, behind=behind))
    (told,) = (reason for reason in settled(chosen.assumptions) if reason.name == NORMS)
    assert f"{behind!r}, as the model itself finds speech likely with it alone" in told.because
    config = chosen.task.contents.config
    assert config["model_type"] == ("wav2vec2-conformer" if behind else "fairseq_conformer")
    assert config.get(NORMS) is (None if behind else False)


@pytest.mark.slow
def test_a_folder_with_another_order_of_norms_is_a_mismatch_now(
    checkpoint: Path, tmp_path: Path
) -> None:
    wrong, said = tmp_path / "wrong", {"do_stable_layer_norm": False}
    convert(checkpoint, wrong, verify=False, encoder_config=said)
    clips = [golden_folder() / "it_1.flac"]
    assert verify(checkpoint, wrong, audio=clips, encoder_config=said).verdict == "match"
    assert verify(checkpoint, wrong).verdict == "mismatch"


@pytest.mark.slow
def test_a_proven_conversion_has_what_the_model_chose(checkpoint: Path, tmp_path: Path) -> None:
    result = convert(checkpoint, tmp_path / "hf", verify=True)
    assert result.verdict == "match"
    assert {r.name for r in settled(result.assumptions)} == {"do_stable_layer_norm", NORMALIZE}
    assert '"do_stable_layer_norm": true' in (tmp_path / "hf" / "config.json").read_text()
    assert verify(checkpoint, tmp_path / "hf").verdict == "match"


@pytest.mark.slow
def test_a_proven_conversion_of_a_pretrained_model_has_what_it_chose(tmp_path: Path) -> None:
    checkpoint, folder = bare(PRETRAINED, tmp_path), tmp_path / "hf"
    result = convert(checkpoint, folder, verify=True)
    assert result.verdict == "match"
    assert {reason.name for reason in settled(result.assumptions)} == {NORMS, NORMALIZE}
    told = {reason["name"]: reason for reason in result.to_dict()["assumptions"]}
    assert [trial["matches"] for trial in told[NORMS]["trials"]] == [True, False]
    assert '"do_stable_layer_norm": true' in (folder / "config.json").read_text()
    assert f"- `{NORMS}`: True, as the model itself" in (folder / "README.md").read_text()
    said = {NORMS: False}
    convert(checkpoint, tmp_path / "wrong", verify=False, encoder_config=said)
    assert verify(checkpoint, tmp_path / "wrong").verdict == "mismatch"


@pytest.mark.slow
def test_a_folder_of_the_encoder_alone_is_held_against_what_the_whole_model_chose(
    tmp_path: Path,
) -> None:
    checkpoint, folder = bare(PRETRAINED, tmp_path), tmp_path / "hf"
    convert(checkpoint, folder, verify=True)
    Wav2Vec2Model.from_pretrained(folder).save_pretrained(tmp_path / "alone")
    shutil.copy(folder / "preprocessor_config.json", tmp_path / "alone")
    result = verify(checkpoint, tmp_path / "alone")
    assert result.verdict == "match"
    assert {reason.name for reason in settled(result.assumptions)} == {NORMS, NORMALIZE}
