"""S2UT-Transformers: what converts exactly, what is refused, and how users get its units."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.breaking import scale
from tests.bundled.elsewhere import SCRIPT, make_elsewhere
from tests.families.exactness import check_refused
from tests.families.test_s2t_transformer import PAIR, check_exact
from tests.sampling import wide
from tests.variants.s2t_building import build_s2t
from tests.variants.s2t_kinds import BUNDLED
from tests.variants.s2ut_kinds import MULTITASK, S2UT_VARIANTS, UNITS
from toolkit import BadInput, convert, diff, inspect, verify
from toolkit.audio import golden_folder, read_clips
from toolkit.bundled import FILTER_BANKS
from toolkit.checkpoint import open_checkpoint
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.pipeline.recording import record

CLIPS = tuple(golden_folder() / f"{name}.flac" for name in ("tiny", "ru_2"))
GOLDEN = golden_folder() / "s2ut" / "model.pt"
BY_NAME = {variant.name: variant for variant in S2UT_VARIANTS}
PLAIN, BESIDE = "units", "decoders of auxiliary tasks beside"
FAST = (PLAIN, BESIDE, "stacked units", "a speaker's embedding")

Build = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Writes the checkpoint of a variant, of which some may be changed."""

    def make(name: str, **changes: object) -> Path:
        folder = tmp_path / "checkpoint"
        folder.mkdir()
        with quiet_fairseq():
            return build_s2t(replace(BY_NAME[name], **changes), folder)

    return make


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
    check_exact(convert(checkpoint, tmp_path / "hf", verify=True, audio=CLIPS))
    carried = {path.name for path in (tmp_path / "hf").glob("*.py")}
    assert carried == (PAIR if ends == BUNDLED else {FILTER_BANKS.name})


def test_units_are_what_fairseq_s_own_task_prints(build: Build, tmp_path: Path) -> None:
    """By nothing of the toolkit but the folder: the task makes the dictionary of so many units."""
    from fairseq import tasks
    from transformers import AutoTokenizer

    checkpoint = build(PLAIN)
    convert(checkpoint, tmp_path / "hf", verify=False)
    args = torch.load(checkpoint, weights_only=False)["args"]
    args.config_yaml, args.data = "config.yaml", str(checkpoint.parent)
    with quiet_fairseq():
        task = tasks.setup_task(args)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "hf")
    ids = list(range(4, len(task.target_dictionary)))
    assert len(tokenizer) == len(task.target_dictionary) == UNITS + 4
    printed = task.target_dictionary.string(torch.tensor([*ids, 2]))
    assert printed.startswith("0 1 2 3 ")
    assert tokenizer.decode([*ids, 2], skip_special_tokens=True) == printed
    assert tokenizer("7 99 0", add_special_tokens=False).input_ids == [11, 103, 4]


def test_decoders_beside_are_dropped_with_the_reason(build: Build) -> None:
    dropped = prepare(Inputs(checkpoint=build(BESIDE))).plan.dropped
    beside = [reason for reason in dropped if not reason.name.startswith(("encoder.", "decoder."))]
    named = {reason.name.split(".")[0] for reason in beside}
    assert named == {f"{name}_decoder" for name in MULTITASK}
    assert {reason.because for reason in beside} == {
        "the decoder of an auxiliary task serves training only"
    }


def test_the_folder_names_units_and_the_card_says_what_they_are(
    build: Build, tmp_path: Path
) -> None:
    convert(build(PLAIN), tmp_path / "hf", verify=False)
    config = json.loads((tmp_path / "hf" / "config.json").read_text())
    generation = json.loads((tmp_path / "hf" / "generation_config.json").read_text())
    assert config["architectures"] == ["Speech2TextForConditionalGeneration"]
    assert config["vocab_size"] == UNITS + 4
    assert "forced_bos_token_id" not in generation
    assert generation["min_new_tokens"] == 1
    card = (tmp_path / "hf" / "README.md").read_text()
    assert "units of speech, as fairseq prints them" in card
    assert "speech-to-speech-translation" in card


@pytest.mark.parametrize("option", ["dictionary", "spm"])
def test_a_dictionary_is_of_no_use(option: str, build: Build, tmp_path: Path) -> None:
    checkpoint = build(PLAIN)
    file = golden_folder() / "checkpoint" / ("dict.txt" if option == "dictionary" else "spm.model")
    asked = {"dict": file} if option == "dictionary" else {"spm": file}
    with pytest.raises(BadInput, match="makes the dictionary of units itself"):
        convert(checkpoint, tmp_path / "hf", verify=False, **asked)


def test_tags_among_units_are_refused(build: Build, tmp_path: Path) -> None:
    checkpoint = build(PLAIN)
    with (checkpoint.parent / "config.yaml").open("a") as config:
        config.write("prepend_tgt_lang_tag_as_bos: true\n")
    with pytest.raises(BadInput, match="sets `prepend_tgt_lang_tag_as_bos`"):
        convert(checkpoint, tmp_path / "hf", verify=False)


def test_a_configuration_must_stand_beside_it(build: Build, tmp_path: Path) -> None:
    checkpoint = build(PLAIN)
    (checkpoint.parent / "config.yaml").unlink()
    with pytest.raises(BadInput, match="must be the checkpoint's data configuration"):
        convert(checkpoint, tmp_path / "hf", verify=False)


def test_tags_that_the_task_of_units_never_reads_change_nothing(
    build: Build, tmp_path: Path
) -> None:
    checkpoint = build(PLAIN)
    with (checkpoint.parent / "config.yaml").open("a") as config:
        config.write("prepend_tgt_lang_tag: true\n")
    check_exact(convert(checkpoint, tmp_path / "hf", verify=True, audio=CLIPS[:1]))


@pytest.mark.parametrize(
    "module",
    ["lm_head", wide("model.encoder.conv.conv_layers.1"), wide("model.decoder.layers.1.fc2")],
)
def test_a_fault_is_blamed(module: str, build: Build, tmp_path: Path) -> None:
    checkpoint, out = build("untied output"), tmp_path / "hf"
    convert(checkpoint, out, verify=False)
    scale(f"{module}.weight", 1.5)(out)
    (first, *_) = diff(checkpoint, out, audio=CLIPS[1:]).findings
    assert first.target_module == module


def test_a_recording_stands_in_for_fairseq(build: Build, tmp_path: Path) -> None:
    checkpoint = build(PLAIN)
    convert(checkpoint, tmp_path / "hf", verify=False)
    record(checkpoint, tmp_path / "recording", audio=CLIPS)
    check_exact(verify(checkpoint, tmp_path / "hf", recording=tmp_path / "recording"))


def test_it_is_recognized_by_its_name(build: Build) -> None:
    inspection = inspect(build("normalized by corpus"))
    assert inspection.family == "s2ut_transformer"
    assert inspection.sidecars["statistics"].endswith("gcmvn.npz")
    assert "dictionary" not in inspection.sidecars


def test_the_golden_one_says_its_units(tmp_path: Path) -> None:
    """Through the pipeline, where there is neither the toolkit nor fairseq."""
    clip = golden_folder() / "en_1.flac"
    proof = convert(GOLDEN, tmp_path / "hf", verify=True, audio=[clip])
    check_exact(proof)
    said = make_elsewhere(tmp_path).run(SCRIPT, tmp_path / "hf", clip)
    assert said["absent"] == ["toolkit", "fairseq"]
    assert said["class"].endswith(".Speech2TextForConditionalGeneration")
    assert said["pipeline"] == said["text"] == units_of("The golden bell rings at noon.")
    assert proof.tokens[0].greedy is not None
    assert proof.tokens[0].greedy.reference_text == said["text"]


def test_units_are_held_against_no_transcript(tmp_path: Path) -> None:
    clips = [golden_folder() / f"{name}.flac" for name in ("ru_2", "quiet")]
    proof = convert(GOLDEN, tmp_path / "hf", verify=True, audio=clips, beam=False)
    assert proof.verdict == "match"
    assert proof.suspicious == ()
    assert [said.transcript for said in proof.tokens] == [None, None]


def units_of(words: str) -> str:
    """What `golden_audio/training_s2ut.py` has it learn."""
    units = [sum(map(ord, words[i : i + 3])) % 50 for i in range(0, len(words), 3)]
    kept = [unit for i, unit in enumerate(units) if i == 0 or units[i - 1] != unit]
    return " ".join(map(str, kept))


def test_the_golden_one_names_no_machine() -> None:
    cfg = open_checkpoint(GOLDEN).settings["cfg"]
    assert isinstance(cfg, dict)
    assert cfg["model"]["data"] == "."
    assert cfg["model"]["target_code_size"] == 50
    assert sum(clip.kind == "speech" for clip in read_clips([])) == 16
