"""Vocoders of units: what converts exactly, what is refused, and how users hear them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.breaking import scale, set_key
from tests.bundled.elsewhere import make_elsewhere
from tests.families.exactness import check_refused
from tests.families.vocoders import (
    check_bits_come_back,
    check_changes_come_back,
)
from tests.variants.vocoder_building import build_vocoder
from tests.variants.vocoder_kinds import CONFIG, VOCODER_VARIANTS
from toolkit import BadInput, convert, diff, export, inspect, verify
from toolkit.audio import golden_folder
from toolkit.core.result import Result
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.pipeline.recording import record

BY_NAME = {variant.name: variant for variant in VOCODER_VARIANTS}
GOLDEN = golden_folder() / "untrained" / "code_hifigan" / "model.pt"
PLAIN = "units with durations"
FAST = (PLAIN, "no durations", "several speakers", "a pitch beside units")
EXACT = 1e-9

Build = Callable[[str], Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Writes the checkpoint of a variant."""

    def make(name: str) -> Path:
        folder = tmp_path / "checkpoint"
        folder.mkdir()
        with quiet_fairseq():
            return build_vocoder(BY_NAME[name], folder)

    return make


def check_exact(proof: Result) -> None:
    """Checks all levels of a proof."""
    levels = {level.name: level for level in proof.levels}
    assert proof.verdict == "match"
    assert list(levels) == ["weights", "config", "modules", "durations", "waveform", "reload"]
    assert levels["weights"].measures[0].error == 0.0
    assert [measure.error for measure in levels["durations"].measures] == [0.0, 0.0]
    exact, rounded = levels["waveform"].measures
    assert exact.error <= EXACT
    assert rounded.error <= 1e-6


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in FAST else pytest.mark.wide) for n in BY_NAME]
)
def test_every_variant_converts_exactly_or_is_refused_by_name(
    name: str, build: Build, tmp_path: Path
) -> None:
    checkpoint, ends = build(name), BY_NAME[name].ends
    if ends.startswith("refused: "):
        check_refused(checkpoint, ends, tmp_path / "hf")
        return
    check_exact(convert(checkpoint, tmp_path / "hf", verify=True))
    assert not list((tmp_path / "hf").glob("*.py"))


def test_what_a_folder_says_is_what_the_checkpoint_says(tmp_path: Path) -> None:
    convert(GOLDEN, tmp_path / "hf", verify=False)
    config = json.loads((tmp_path / "hf" / "config.json").read_text())
    assert config["architectures"] == ["SeamlessM4TCodeHifiGan"]
    assert (config["unit_hifi_gan_vocab_size"], config["unit_embed_dim"]) == (50, 12)
    assert (config["vocoder_num_spkrs"], config["spkr_embed_dim"]) == (7, 12)
    told = {**CONFIG, **BY_NAME["several speakers, two layers"].config}
    for name in ("upsample_rates", "upsample_kernel_sizes", "upsample_initial_channel"):
        assert config[name] == told[name]
    for name in ("resblock_kernel_sizes", "resblock_dilation_sizes", "sampling_rate"):
        assert config[name] == told[name]
    assert {path.name for path in (tmp_path / "hf").iterdir()} == {
        "README.md",
        "config.json",
        "model.safetensors",
        "verification.json",
    }
    card = (tmp_path / "hf" / "README.md").read_text()
    assert "| input | units of speech |" in card
    assert "`AutoModel` takes such a folder for a whole SeamlessM4T" in card


SCRIPT = """
import json, sys, torch
from importlib.util import find_spec
from transformers import SeamlessM4TCodeHifiGan

vocoder = SeamlessM4TCodeHifiGan.from_pretrained(sys.argv[1]).eval()
units, first = torch.tensor([[7, 7, 3, 49, 1]]), torch.tensor([[0]])
with torch.no_grad():
    waveform, samples = vocoder(units, spkr_id=first + 2, lang_id=first)
absent = [name for name in ("toolkit", "fairseq") if find_spec(name) is None]
print(json.dumps({"absent": absent, "waveform": waveform[0].tolist(), "samples": int(samples)}))
"""


def test_a_folder_speaks_where_there_is_neither_the_toolkit_nor_fairseq(tmp_path: Path) -> None:
    """As fairseq's own vocoder does, in the voice of another speaker than the proof asks for."""
    from fairseq.models.text_to_speech.vocoder import CodeHiFiGANVocoder

    convert(GOLDEN, tmp_path / "hf", verify=False)
    (tmp_path / "speak.py").write_text(SCRIPT)
    said = make_elsewhere(tmp_path).run(tmp_path / "speak.py", tmp_path / "hf")
    with quiet_fairseq():
        own = CodeHiFiGANVocoder(str(GOLDEN), json.loads((GOLDEN.parent / CONFIG_FILE).read_text()))
    given = {"code": torch.tensor([[7, 7, 3, 49, 1]]), "spkr": torch.tensor([[2]])}
    expected = own(given, dur_prediction=True)
    assert said["absent"] == ["toolkit", "fairseq"]
    assert said["samples"] == len(said["waveform"]) == len(expected)
    torch.testing.assert_close(torch.tensor(said["waveform"]), expected, rtol=0, atol=1e-6)


CONFIG_FILE = "config.json"


@pytest.mark.parametrize(
    ("break_it", "module", "level"),
    [
        (scale("dur_predictor.proj.weight", 3.0), "dur_predictor.proj", "durations"),
        (scale("hifi_gan.upsampler.1.weight", 1.1), "hifi_gan.upsampler.1", "waveform"),
    ],
)
def test_a_fault_is_blamed(break_it, module: str, level: str, build: Build, tmp_path: Path) -> None:
    checkpoint, out = build(PLAIN), tmp_path / "hf"
    convert(checkpoint, out, verify=False)
    break_it(out)
    (first, *_) = diff(checkpoint, out).findings
    assert first.target_module == module
    failed = {one.name for one in verify(checkpoint, out).levels if one.verdict == "fail"}
    assert level in failed


def test_a_unit_that_counts_as_padding_makes_the_length_wrong(build: Build, tmp_path: Path) -> None:
    """As with the class's own default, which takes unit 1 for padding; it may occur once."""
    checkpoint, out = build(PLAIN), tmp_path / "hf"
    convert(checkpoint, out, verify=False)
    set_key("config.json", "t2u_pad_token_id", 5)(out)
    proof = verify(checkpoint, out)
    (durations,) = (level for level in proof.levels if level.name == "durations")
    assert [measure.error > 0 for measure in durations.measures] == [False, True]
    assert proof.findings[0].config_keys == ("t2u_pad_token_id",)


@pytest.mark.parametrize("name", [PLAIN, "weight norms taken off"])
def test_a_recording_stands_in_for_fairseq(name: str, build: Build, tmp_path: Path) -> None:
    """With weight norms, which whoever records takes off, as without."""
    checkpoint = build(name)
    convert(checkpoint, tmp_path / "hf", verify=False)
    record(checkpoint, tmp_path / "recording")
    check_exact(verify(checkpoint, tmp_path / "hf", recording=tmp_path / "recording"))


def test_what_is_made_is_heard_in_a_report(tmp_path: Path) -> None:
    units = tmp_path / "units.txt"
    units.write_text("7 3 12 9\n")
    convert(GOLDEN, tmp_path / "hf", verify=False)
    proof = verify(GOLDEN, tmp_path / "hf", units=[units])
    check_exact(proof)
    assert proof.pictures is not None
    (picture,) = proof.pictures.clips
    assert picture.audio
    assert picture.duration_s > 0


def test_units_that_the_vocoder_has_not_are_named(tmp_path: Path) -> None:
    units = tmp_path / "units.txt"
    units.write_text("7 50\n")
    convert(GOLDEN, tmp_path / "hf", verify=False)
    with pytest.raises(BadInput, match="`units:1` must be units of the vocoder, 0 to 49"):
        verify(GOLDEN, tmp_path / "hf", units=[units])


def test_clips_are_nothing_to_a_vocoder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="unit sequences, not clips"):
        convert(GOLDEN, tmp_path / "hf", verify=True, audio=[golden_folder() / "tiny.flac"])


@pytest.mark.parametrize("content", [None, "[]", "{", '{"upsample_rates": [2]}'])
def test_its_configuration_must_stand_beside_it(
    content: str | None, build: Build, tmp_path: Path
) -> None:
    checkpoint = build(PLAIN)
    if content is None:
        (checkpoint.parent / CONFIG_FILE).unlink()
    else:
        (checkpoint.parent / CONFIG_FILE).write_text(content)
    with pytest.raises(BadInput, match="config.json` must"):
        convert(checkpoint, tmp_path / "hf", verify=False)


def test_a_file_of_words_is_of_no_use(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="reads the `config.json` beside it alone"):
        convert(
            GOLDEN, tmp_path / "hf", verify=False, dict=golden_folder() / "ctc" / "dict.ltr.txt"
        )


def test_it_is_recognized_by_its_tensors() -> None:
    inspection = inspect(GOLDEN)
    assert inspection.family == "code_hifigan"


@pytest.mark.parametrize("name", [PLAIN, "weight norms taken off"])
def test_an_export_like_the_checkpoint_has_its_bits(
    name: str, build: Build, tmp_path: Path
) -> None:
    """Gains and directions are the checkpoint's own, of which one weight alone is in the folder."""
    check_bits_come_back(build(name), tmp_path, has_norms=name == PLAIN)


def test_an_export_of_other_weights_makes_these_to_the_last_bit(
    build: Build, tmp_path: Path
) -> None:
    check_changes_come_back(build(PLAIN), "hifi_gan.upsampler.1.weight", tmp_path)


def test_an_export_without_a_checkpoint_to_be_like_is_refused(tmp_path: Path) -> None:
    """No folder tells whether there were weight norms."""
    convert(GOLDEN, tmp_path / "hf", verify=False)
    with pytest.raises(BadInput, match="with `--like`"):
        export(tmp_path / "hf", tmp_path / "back.pt", verify=False)
    assert not (tmp_path / "back.pt").exists()
