"""Pretrained HuBERT of every kind and era: what converts exactly, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.breaking import scale
from tests.families.exactness import CLIPS, EXACT, ROUNDED
from tests.families.faulted import check_all_blamed
from tests.variants.hubert_pretraining_kinds import (
    HUBERT_PRETRAINING_VARIANTS,
    as_contentvec_trained,
)
from tests.variants.pretraining_building import build_model, build_pretraining
from toolkit import assert_parity, convert, diff, inspect, record, verify
from toolkit.audio import read_clips
from toolkit.core.errors import BadInput
from toolkit.core.result import Result
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.pipeline.faulting import faults

BY_NAME = {variant.name: variant for variant in HUBERT_PRETRAINING_VARIANTS}
REFUSED = {name for name, variant in BY_NAME.items() if "refused" in variant.ends}
PLAIN = "HuBERT, group norm"
FAST = ("HuBERT, batch norm", "ContentVec, by its own name")

Build = Callable[[str], Path]
Plain = tuple[Path, Path, Result]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Writes the checkpoint of a variant, once."""
    known: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in known:
            known[name] = build_pretraining(BY_NAME[name], tmp_path_factory.mktemp("hubert"))
        return known[name]

    return make


@pytest.fixture(scope="module")
def plain(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Plain:
    """A checkpoint, its conversion and the proof; read them, never write to them."""
    folder = tmp_path_factory.mktemp("plain") / "hf"
    checkpoint = build(PLAIN)
    return checkpoint, folder, convert(checkpoint, folder, verify=True, audio=CLIPS)


def test_contentvec_as_it_was_trained_is_refused_and_converts_once_it_is_as_the_refusal_says(
    tmp_path: Path,
) -> None:
    contentvec = BY_NAME["ContentVec, by its own name"]
    path = build_pretraining(replace(contentvec, save=as_contentvec_trained), tmp_path)
    with pytest.raises(
        BadInput, match="told who speaks.*`encoder.cond_layer_norm` and `layer_proj"
    ):
        inspect(path)
    saved = torch.load(path, weights_only=False)
    training = ("encoder.layers.3.", "encoder.cond_layer_norm.", "layer_proj.")
    kept = {n: t for n, t in saved["model"].items() if not n.startswith(training)}
    torch.save({**saved, "model": kept}, path)
    assert convert(path, tmp_path / "hf", audio=CLIPS[:1]).verdict == "match"


def check_exact(result: Result) -> None:
    levels = {level.name: level for level in result.levels}
    failed = [m for level in result.levels for m in level.measures if m.verdict == "fail"]
    assert failed == []
    assert (result.verdict, result.deviations) == ("match", ())
    assert levels["weights"].worst is not None
    assert levels["weights"].worst.error == 0.0
    for name in ("layers", "outputs"):
        exact, rounded, *projected = levels[name].measures
        assert all(measure.error <= EXACT for measure in (exact, *projected))
        assert rounded.error <= ROUNDED
    assert levels["outputs"].measures[2].name == "float64 projected features"
    padded, frames = levels["padding"].measures
    assert (padded.error <= ROUNDED, frames.error) == (True, 0)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in FAST else pytest.mark.wide)
        for name in BY_NAME
        if name not in REFUSED
    ],
)
def test_every_variant_converts_exactly_padded_batches_too(
    name: str, build: Build, tmp_path: Path
) -> None:
    check_exact(convert(build(name), tmp_path / "hf", verify=True, audio=CLIPS))


def test_a_right_folder_gives_no_finding(plain: Plain) -> None:
    checkpoint, folder, proof = plain
    check_exact(proof)
    result = diff(checkpoint, folder, audio=CLIPS[:2])
    assert (result.verdict, result.findings, result.notes) == ("match", (), ())


def test_voice_conversion_gets_fairseqs_layers_with_and_without_the_projection(
    plain: Plain,
) -> None:
    import transformers
    from fairseq.models.hubert import HubertModel

    checkpoint, folder, _ = plain
    saved = torch.load(checkpoint, weights_only=False)
    (clip,) = read_clips(CLIPS[1:2])
    source = torch.from_numpy(clip.waveform).unsqueeze(0)
    model = transformers.AutoModel.from_pretrained(folder, trust_remote_code=True).eval()
    with quiet_fairseq(), torch.no_grad():
        ours: HubertModel = build_model(saved["cfg"], BY_NAME[PLAIN].dictionaries).eval()
        ours.load_state_dict(saved["model"])
        states = model(source, output_hidden_states=True).hidden_states
        for layer in (1, 2, 3):
            expected, _ = ours.extract_features(source, output_layer=layer)
            assert (states[layer] - expected).abs().max() <= 1e-5
            projected = model.final_proj(states[layer])
            assert (projected - ours.final_proj(expected)).abs().max() <= 1e-5


def test_the_example_of_the_model_card_runs(plain: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(plain[1].parent)
    card = (plain[1] / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", card, re.S)
    (clip,) = read_clips(CLIPS[:1])
    known: dict[str, Any] = {"waveform": clip.waveform}
    exec(example, known)
    assert len(known["layers"]) == 4
    assert known["features"].shape == known["layers"][3].shape


def test_without_trust_it_does_not_load_as_something_else(plain: Plain) -> None:
    import transformers

    with pytest.raises(ValueError, match=r"trust_remote_code|custom code"):
        transformers.AutoModel.from_pretrained(plain[1], trust_remote_code=False)


@pytest.mark.wide
def test_a_wrong_projection_is_blamed(plain: Plain, tmp_path: Path) -> None:
    import shutil

    broken = Path(shutil.copytree(plain[1], tmp_path / "broken"))
    scale("final_proj.weight", 1.5)(broken)
    (finding,) = diff(plain[0], broken, audio=CLIPS[:1]).findings
    assert finding.target_parameters == ("final_proj.weight",)
    assert finding.target_module == "final_proj"


@pytest.fixture(scope="module")
def stock(plain: Plain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stock `HubertModel` with the same weights, as others convert it."""
    import transformers

    folder = tmp_path_factory.mktemp("stock") / "hf"
    carried = transformers.AutoModel.from_pretrained(plain[1], trust_remote_code=True)
    told = {
        k: v for k, v in carried.config.to_dict().items() if k not in ("auto_map", "model_type")
    }
    model = transformers.HubertModel(transformers.HubertConfig(**told))
    state = {k: v for k, v in carried.state_dict().items() if not k.startswith("final_proj")}
    model.load_state_dict(state)
    model.save_pretrained(folder)
    extractor = transformers.Wav2Vec2FeatureExtractor(
        do_normalize=False, return_attention_mask=True
    )
    extractor.save_pretrained(folder)
    return folder


def test_that_a_stock_folder_does_without_the_projection_is_said_and_nothing_else(
    plain: Plain, stock: Path
) -> None:
    proof = verify(plain[0], stock, audio=CLIPS[:2])
    assert (proof.verdict, proof.findings) == ("match", ())
    told = {deviation.name: deviation.summary for deviation in proof.deviations}
    assert set(told) == {"heads_left_out", "frame_mask"}
    assert "final_proj" in told["heads_left_out"]
    result = diff(plain[0], stock, audio=CLIPS[:2])
    assert (result.verdict, result.findings) == ("match", ())


def test_so_is_that_a_folder_of_the_encoder_does_that_carries_fairseqs_frames(
    plain: Plain, tmp_path: Path
) -> None:
    saved = torch.load(plain[0], weights_only=False)
    saved["model"] = {
        name: tensor
        for name, tensor in saved["model"].items()
        if not name.startswith("final_proj.")
    }
    torch.save(saved, tmp_path / "encoder.pt")
    folder = tmp_path / "exact"
    convert(tmp_path / "encoder.pt", folder, verify=False, exact_padding=True)
    proof = verify(plain[0], folder, audio=CLIPS[:2])
    assert (proof.verdict, proof.findings) == ("match", ())
    assert [deviation.name for deviation in proof.deviations] == ["heads_left_out"]
    result = diff(plain[0], folder, audio=CLIPS[:1])
    assert (result.verdict, result.findings) == ("match", ())


@pytest.mark.wide
def test_a_stock_folder_is_held_against_a_recording_with_the_projection(
    plain: Plain, stock: Path, tmp_path: Path
) -> None:
    record(plain[0], tmp_path / "recording", audio=CLIPS[:2])
    assert verify(plain[0], stock, recording=tmp_path / "recording").verdict == "match"


@pytest.mark.wide
def test_what_is_wrong_with_a_stock_folder_is_found(
    plain: Plain, stock: Path, tmp_path: Path
) -> None:
    import shutil

    broken = Path(shutil.copytree(stock, tmp_path / "broken"))
    scale("encoder.layers.0.feed_forward.output_dense.weight", 1.5)(broken)
    for command in (verify, diff):
        result = command(plain[0], broken, audio=CLIPS[:1])
        assert result.verdict == "mismatch"
        assert result.findings[0].target_module == "encoder.layers.0.feed_forward.output_dense"


@pytest.mark.wide
def test_the_plugins_assertion_holds(plain: Plain) -> None:
    assert_parity(plain[0], plain[1], audio=CLIPS[:1])


@pytest.mark.wide
def test_a_recording_proves_it_without_fairseq(plain: Plain, tmp_path: Path) -> None:
    checkpoint, folder, _ = plain
    record(checkpoint, tmp_path / "recording", audio=CLIPS[:2])
    check_exact(verify(checkpoint, folder, recording=tmp_path / "recording"))


def test_what_only_the_loss_needs_is_dropped_with_the_reason(build: Build) -> None:
    found = inspect(build(PLAIN))
    assert found.family == "hubert_pretraining"
    assert [reason.name for reason in found.dropped] == ["label_embs_concat"]
    assert (found.unknown, found.refusals, found.sidecars) == ((), (), {})


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_no_class_computes_is_refused_by_name(name: str, build: Build, tmp_path: Path) -> None:
    _, _, refused = BY_NAME[name].ends.partition(": ")
    with pytest.raises(BadInput, match=f"{refused}`: .*Hubert"):
        convert(build(name), tmp_path / "hf", verify=False)
    assert not (tmp_path / "hf").exists()


@pytest.mark.slow
def test_every_fault_is_found_and_blamed_first_and_alone(build: Build) -> None:
    check_all_blamed(faults(build(PLAIN)))
