"""The main job on the golden checkpoint, as a user runs it: one conversion, every promise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.levels import LEVEL_NAMES
from toolkit.audio import Clip
from toolkit.cli import app
from toolkit.trial.effort import BEAMED, SEARCHED

MUST_PASS = ("weights", "config", "vocabulary", "modules", "logits", "greedy", "beam", "reload")


@dataclass(frozen=True, kw_only=True)
class Conversion:
    exit_code: int
    output: str
    out: Path
    html: Path
    result: dict[str, Any]

    def measure(self, level: str, name: str) -> dict[str, Any]:
        measures = self.result["levels"][level]["measures"]
        return next(measure for measure in measures if measure["name"] == name)


@pytest.fixture(scope="module")
def conversion(golden_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    folder = tmp_path_factory.mktemp("golden")
    out, html, result = folder / "hf", folder / "report.html", folder / "result.json"
    arguments = ["convert", str(golden_checkpoint), str(out), "--verify"]
    outcome = CliRunner().invoke(app, [*arguments, "--html", str(html), "--json", str(result)])
    assert result.is_file(), outcome.output
    return Conversion(
        exit_code=outcome.exit_code,
        output=outcome.output,
        out=out,
        html=html,
        result=json.loads(result.read_text(encoding="utf-8")),
    )


def test_it_ends_with_match_and_exit_code_zero(conversion: Conversion) -> None:
    assert conversion.exit_code == 0
    assert conversion.result["verdict"] == "match"
    assert conversion.result["suspicious"] == []
    assert "WARNING" not in conversion.output
    assert "match" in conversion.output


def test_every_level_is_there_and_all_that_stock_classes_can_do_pass(
    conversion: Conversion,
) -> None:
    verdicts = {name: level["verdict"] for name, level in conversion.result["levels"].items()}
    assert tuple(verdicts) == LEVEL_NAMES
    assert {name: verdicts[name] for name in MUST_PASS} == dict.fromkeys(MUST_PASS, "pass")
    assert verdicts["front_end"] == verdicts["padding"] == "deviation"


def test_what_stock_classes_cannot_do_is_declared_with_its_size(conversion: Conversion) -> None:
    deviations = {d["name"]: d for d in conversion.result["deviations"]}
    assert set(deviations) == {"normalization_epsilon", "unmasked_adapter"}
    assert deviations["normalization_epsilon"]["where"] == "quiet"
    assert deviations["normalization_epsilon"]["max_error"] > 0.1
    assert deviations["unmasked_adapter"]["max_error"] > 1e-3


def test_encoder_outputs_of_single_clips_are_bit_identical(conversion: Conversion) -> None:
    assert conversion.measure("logits", "float32 encoder output")["error"] == 0.0
    assert "bit-identical on 3 of 3 clips" in conversion.result["levels"]["logits"]["summary"]


def test_logits_are_within_two_millionths_of_the_largest(conversion: Conversion) -> None:
    assert conversion.measure("logits", "float32 logits")["error"] <= 2e-6
    assert conversion.measure("logits", "float64 logits")["error"] <= 1e-12


def test_every_parameterized_module_is_compared_far_below_the_tolerance(
    conversion: Conversion,
) -> None:
    coverage = conversion.result["coverage"]["modules"]
    assert coverage["parameterized"] == {"compared": 89, "total": 89}
    assert coverage["compared"] == len(conversion.result["modules"]) == 117
    assert coverage["total"] == 117 + len(coverage["uncompared"])
    assert all(reason["because"] for reason in coverage["uncompared"])
    isolated = conversion.measure("modules", "isolated")
    assert isolated["compared"] == 117 * 3
    assert isolated["error"] < 1e-12


def test_every_tensor_of_both_sides_is_accounted_for(conversion: Conversion) -> None:
    source = conversion.result["coverage"]["source_tensors"]
    target = conversion.result["coverage"]["target_tensors"]
    assert source["used"] + len(source["dropped"]) == source["total"] == 178
    assert target["compared"] == target["total"] == 177


def test_frames_beyond_the_end_of_odd_clips_are_counted(conversion: Conversion) -> None:
    clips = conversion.result["coverage"]["clips"]
    left_out = [clip for clip in clips if clip["frames_not_compared"]]
    assert [clip["frames"] % 2 for clip in left_out] == [1]
    assert [clip["frames_not_compared"] for clip in left_out] == [1]


def test_greedy_text_is_the_transcript_on_both_sides_and_through_the_pipeline(
    conversion: Conversion, clips: tuple[Clip, ...]
) -> None:
    tokens = conversion.result["tokens"]
    speech = [clip for clip in clips if clip.kind == "speech" and clip.name in tokens]
    assert speech
    for clip in speech:
        said = tokens[clip.name]
        assert said["equal"], clip.name
        assert said["reference_text"] == clip.transcript
        assert said["converted_text"] == clip.transcript
        assert said["pipeline_text"] == clip.transcript


def test_each_level_says_on_how_many_clips_it_was_judged(conversion: Conversion) -> None:
    clips = {name: level["clips"] for name, level in conversion.result["levels"].items()}
    assert (clips["front_end"], clips["logits"]) == (24, 24)
    assert (clips["modules"], clips["greedy"], clips["beam"]) == (3, SEARCHED, BEAMED)
    assert clips["weights"] is clips["padding"] is None


@pytest.mark.slow
def test_a_thorough_proof_does_everything_on_every_clip(
    conversion: Conversion, golden_checkpoint: Path, clips: tuple[Clip, ...], tmp_path: Path
) -> None:
    arguments = ["verify", str(golden_checkpoint), str(conversion.out), "--thorough"]
    outcome = CliRunner().invoke(app, [*arguments, "--json", str(tmp_path / "result.json")])
    assert outcome.exit_code == 0
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    per_clip = ("front_end", "modules", "logits", "greedy", "beam")
    assert {result["levels"][name]["clips"] for name in per_clip} == {24}
    said = {clip.name: clip.transcript for clip in clips if clip.kind == "speech"}
    assert len(said) == 16
    assert {name: result["tokens"][name]["converted_text"] for name in said} == said


def test_the_best_of_five_beams_is_equal_in_tokens_and_score(conversion: Conversion) -> None:
    beamed = {clip: said for clip, said in conversion.result["tokens"].items() if said["beam"]}
    assert len(beamed) == BEAMED
    for clip, said in beamed.items():
        best = said["beam"][0]
        assert len(said["beam"]) == 5
        assert best["equal"], clip
        assert best["converted_score"] == pytest.approx(best["reference_score"], abs=1e-5)


def test_the_folder_loads_with_stock_classes_and_the_pipeline_transcribes(
    conversion: Conversion, clip: Any
) -> None:
    from transformers import (
        AutoModelForSpeechSeq2Seq,
        AutoProcessor,
        SpeechEncoderDecoderModel,
        pipeline,
    )

    model = AutoModelForSpeechSeq2Seq.from_pretrained(conversion.out)
    assert type(model) is SpeechEncoderDecoderModel
    processor = AutoProcessor.from_pretrained(conversion.out)
    assert type(processor).__name__ == "Wav2Vec2Processor"
    recognize = pipeline("automatic-speech-recognition", model=str(conversion.out))
    english = clip("en_1")
    heard = recognize({"raw": english.waveform.copy(), "sampling_rate": 16_000})
    assert heard["text"] == english.transcript
    german = clip("de_1")
    tag = processor.tokenizer.convert_tokens_to_ids("<lang:de>")
    heard = recognize(
        {"raw": german.waveform.copy(), "sampling_rate": 16_000},
        generate_kwargs={"forced_bos_token_id": tag},
    )
    assert heard["text"] == german.transcript


def test_the_model_card_states_source_verdict_and_how_to_reproduce(
    conversion: Conversion,
) -> None:
    card = (conversion.out / "README.md").read_text(encoding="utf-8")
    assert conversion.result["source"]["sha256"] in card
    assert "toolkit verify" in card
    for level in LEVEL_NAMES:
        assert level.replace("_", " ") in card


def test_no_configuration_value_comes_from_a_default_of_a_hub_model(
    conversion: Conversion,
) -> None:
    config = json.loads((conversion.out / "config.json").read_text(encoding="utf-8"))
    assert config["encoder"]["num_attention_heads"] == 3
    assert config["decoder"]["vocab_size"] == 189
    assert "num_codevector_groups" not in config["encoder"], "written from a class default"


def test_the_report_is_one_file_that_names_every_pair(conversion: Conversion) -> None:
    html = conversion.html.read_text(encoding="utf-8")
    assert all(f'id="{row["target"]}"' in html for row in conversion.result["modules"])
    assert "MATCH" in html


def test_nothing_but_the_folder_and_the_reports_is_left(conversion: Conversion) -> None:
    left = {path.name for path in conversion.out.parent.iterdir()}
    assert left == {"hf", "report.html", "result.json"}
