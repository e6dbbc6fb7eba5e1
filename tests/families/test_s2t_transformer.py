"""S2T-Transformers: what converts exactly, what is refused, and how users get its words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.breaking import scale, set_key
from tests.bundled.elsewhere import SCRIPT, make_elsewhere
from tests.families.exactness import EXACT, ROUNDED, check_refused
from tests.sampling import wide
from tests.variants.s2t_building import build_s2t
from tests.variants.s2t_kinds import BUNDLED, CONFORMER_VARIANTS, S2T_VARIANTS
from toolkit import BadInput, convert, diff, inspect, verify
from toolkit.audio import golden_folder
from toolkit.bundled import FILTER_BANKS, PARTS, S2T, STACK, TOKENIZATION
from toolkit.core.result import Result
from toolkit.families.s2t_transformer import FAMILY
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.pipeline.recording import record

CLIPS = tuple(golden_folder() / f"{name}.flac" for name in ("tiny", "ru_2"))
BY_NAME = {variant.name: variant for variant in S2T_VARIANTS}
CONFORMERS = {f"conformer: {variant.name}": variant for variant in CONFORMER_VARIANTS}
PLAIN, BY_CORPUS = "filter banks", "by corpus, then by clip"
RELATIVE = "conformer: ESPnet's attention, rel_pos"
FAST = (PLAIN, BY_CORPUS, "post-norm encoder and decoder", RELATIVE)
PAIR = {FILTER_BANKS.name, S2T.name, PARTS.name, STACK.name}
"""Code of a folder whose model is carried."""

Build = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Writes the checkpoint of a variant, of which some may be changed."""

    def make(name: str, **changes: object) -> Path:
        folder = tmp_path / "checkpoint"
        folder.mkdir()
        return build_s2t(replace({**BY_NAME, **CONFORMERS}[name], **changes), folder)

    return make


def check_exact(proof: Result) -> None:
    """Checks all levels of a proof."""
    levels = {level.name: level for level in proof.levels}
    assert proof.verdict == "match"
    assert proof.deviations == ()
    assert levels["weights"].measures[0].error == 0.0
    assert levels["front_end"].measures[0].error == 0.0
    exact, rounded, encoder = levels["logits"].measures
    assert exact.error <= EXACT
    assert max(rounded.error, encoder.error) <= ROUNDED
    assert levels["padding"].measures[0].error <= ROUNDED


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        pytest.param(name, variant.ends, marks=() if name in FAST else pytest.mark.wide)
        for name, variant in {**BY_NAME, **CONFORMERS}.items()
    ],
)
def test_every_variant_converts_exactly_or_is_refused_by_name(
    name: str, ends: str, build: Build, tmp_path: Path
) -> None:
    checkpoint = build(name)
    if ends.startswith("refused: "):
        check_refused(checkpoint, ends, tmp_path / "hf")
        return
    check_exact(convert(checkpoint, tmp_path / "hf", verify=True, audio=CLIPS))
    carried = {path.name for path in (tmp_path / "hf").glob("*.py")}
    own_tokenizer = {TOKENIZATION.name} if ends.endswith("tokenizer") else set()
    assert carried == {*(PAIR if ends == BUNDLED else (FILTER_BANKS.name,)), *own_tokenizer}


def test_what_a_folder_says_is_what_the_checkpoint_says(build: Build, tmp_path: Path) -> None:
    convert(build(BY_CORPUS), tmp_path / "hf", verify=False)
    said = {
        name: json.loads((tmp_path / "hf" / f"{name}.json").read_text())
        for name in ("config", "generation_config", "preprocessor_config", "processor_config")
    }
    config, preprocessor = said["config"], said["preprocessor_config"]
    assert config["architectures"] == ["Speech2TextForConditionalGeneration"]
    assert (config["d_model"], config["conv_channels"], config["conv_kernel_sizes"]) == (
        *(16, 24),
        [5, 5],
    )
    assert (config["activation_function"], config["scale_embedding"]) == ("relu", True)
    assert said["generation_config"]["forced_bos_token_id"] == 183  # as dict.txt counts, not spm
    assert said["processor_config"] == {"processor_class": "Speech2TextProcessor"}
    with np.load(tmp_path / "checkpoint" / "gcmvn.npz") as statistics:
        assert preprocessor["global_mean"] == statistics["mean"].tolist()
        assert preprocessor["global_std"] == statistics["std"].tolist()
    assert preprocessor["do_ceptral_normalize"] is True


@pytest.mark.parametrize(
    ("module", "key"),
    [
        ("model.encoder.conv.conv_layers.1", None),
        wide("model.encoder.layers.0.self_attn.k_proj", None),
        wide("model.decoder.layers.1.encoder_attn.v_proj", None),
        wide("model.encoder.layer_norm", None),
        (None, "config.activation_function"),
        wide(None, "config.scale_embedding"),
        wide(None, "config.encoder_attention_heads"),
    ],
)
def test_a_fault_is_blamed(module, key, build: Build, tmp_path: Path) -> None:
    checkpoint, out = build(PLAIN), tmp_path / "hf"
    convert(checkpoint, out, verify=False)
    wrong = {"activation_function": "gelu", "scale_embedding": False, "encoder_attention_heads": 2}
    if module is not None:
        scale(f"{module}.weight", 1.5)(out)
    else:
        name = key.rpartition(".")[2]
        set_key("config.json", name, wrong[name])(out)
    (first, *_) = diff(checkpoint, out, audio=CLIPS[1:]).findings
    assert (first.target_module == module) if module else (first.config_keys == (name,))


def test_a_folder_that_normalizes_otherwise_is_found(build: Build, tmp_path: Path) -> None:
    checkpoint, out = build(PLAIN), tmp_path / "hf"
    convert(checkpoint, out, verify=False)
    set_key("preprocessor_config.json", "normalize_vars", False)(out)
    proof = verify(checkpoint, out, audio=CLIPS[1:])
    failed = {level.name for level in proof.levels if level.verdict == "fail"}
    assert {"config", "front_end"} <= failed
    (front_end,) = (level for level in proof.levels if level.name == "front_end")
    assert [measure.name for measure in front_end.measures] == [
        "input of the network",
        "texts through the ASR pipeline",
    ]


def test_a_feature_extractor_that_computes_otherwise_is_one_finding(tmp_path: Path) -> None:
    golden = golden_folder() / "s2t" / "model.pt"
    convert(golden, tmp_path / "hf", verify=False)
    code = tmp_path / "hf" / FILTER_BANKS.name
    code.write_text(code.read_text().replace("PREEMPHASIS = 0.97", "PREEMPHASIS = 0.96"))
    proof = verify(golden, tmp_path / "hf", audio=CLIPS[:1], beam=False)
    assert proof.verdict == "mismatch"
    assert [finding.config_keys for finding in proof.findings] == [(FILTER_BANKS.name,)]


def test_the_stock_feature_extractor_is_found_by_its_name(build: Build, tmp_path: Path) -> None:
    import transformers

    checkpoint, out = build(PLAIN), tmp_path / "hf"
    convert(checkpoint, out, verify=False)
    transformers.Speech2TextFeatureExtractor().save_pretrained(out)
    keys = {
        key
        for found in diff(checkpoint, out, audio=CLIPS[1:]).findings
        for key in found.config_keys
    }
    assert keys == {
        "preprocessor_config.feature_extractor_type",
        "preprocessor_config.auto_map",
    }


def test_a_recording_stands_in_for_fairseq(build: Build, tmp_path: Path) -> None:
    checkpoint = build(PLAIN)
    convert(checkpoint, tmp_path / "hf", verify=False)
    record(checkpoint, tmp_path / "recording", audio=CLIPS)
    check_exact(verify(checkpoint, tmp_path / "hf", recording=tmp_path / "recording"))
    index = json.loads((tmp_path / "recording" / "recording.json").read_text())
    assert index["axes"]["source"] == "T F"


def test_frames_are_counted_as_the_model_makes_them(build: Build) -> None:
    network = prepare(Inputs(checkpoint=build("three convolutions"))).network
    assert FAMILY.shortest_input(network) == 400
    for samples in (400, 559, 560, 16_000, 16_160, 17_000, 17_200):
        banks = 1 + (samples - 400) // 160
        convolved = torch.zeros(1, 1, banks)
        for kernel in (5, 3, 3):
            weight = torch.zeros(1, 1, kernel)
            convolved = torch.nn.functional.conv1d(convolved, weight, stride=2, padding=kernel // 2)
        assert FAMILY.frames(network, samples) == convolved.shape[-1]


def test_the_head_that_training_alone_needs_is_dropped_with_the_reason(build: Build) -> None:
    dropped = prepare(Inputs(checkpoint=build("a CTC head beside"))).plan.dropped
    heads = {reason.name: reason.because for reason in dropped if "ctc_proj" in reason.name}
    assert heads.keys() == {"encoder.ctc_proj.weight", "encoder.ctc_proj.bias"}
    assert all("training only" in because for because in heads.values())


def test_a_clip_that_is_too_short_is_named(build: Build, tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "short.wav", np.zeros(399), 16_000)
    with pytest.raises(BadInput, match=r"`short` \(399 samples\)"):
        convert(build(PLAIN), tmp_path / "hf", verify=True, audio=[tmp_path / "short.wav"])


def test_the_golden_one_says_what_was_spoken(tmp_path: Path) -> None:
    """Through the pipeline, where there is neither the toolkit nor fairseq."""
    checkpoint, clip = golden_folder() / "s2t" / "model.pt", golden_folder() / "en_1.flac"
    proof = convert(checkpoint, tmp_path / "hf", verify=True, audio=[clip])
    check_exact(proof)
    said = make_elsewhere(tmp_path).run(SCRIPT, tmp_path / "hf", clip)
    assert said["absent"] == ["toolkit", "fairseq"]
    assert said["class"].endswith(".Speech2TextForConditionalGeneration")
    assert said["pipeline"] == said["text"] == "The golden bell rings at noon."
    tokens = {hypothesis.reference for hypothesis in proof.tokens[0].beam[:1]}
    assert tuple(said["searches"]["5"][1:]) in tokens


def test_it_is_recognized_with_its_files(build: Build) -> None:
    inspection = inspect(build(BY_CORPUS))
    assert inspection.family == "s2t_transformer"
    assert inspection.sidecars["statistics"].endswith("gcmvn.npz")
