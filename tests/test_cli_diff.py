"""diff, record and faults as a user runs them, and mapping files through all commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from safetensors.torch import load_file, save_file

from tests.sampling import slow
from toolkit.cli import app
from toolkit.compare.pictures import Sketchbook
from toolkit.oracle.answers import index_digest

Q_PROJ = "decoder.model.decoder.layers.1.self_attn.q_proj"

SWAPPING = """\
rules:
  # Somebody mixed up queries and keys.
  - source: decoder.layers.{i}.self_attn.q_proj.{weight|bias}
    target: decoder.model.decoder.layers.{i}.self_attn.k_proj.{weight|bias}
  - source: decoder.layers.{i}.self_attn.k_proj.{weight|bias}
    target: decoder.model.decoder.layers.{i}.self_attn.q_proj.{weight|bias}
"""


def toolkit(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def scale(folder: Path, name: str) -> None:
    file = folder / "model.safetensors"
    tensors = load_file(file)
    tensors[name] = 2 * tensors[name]
    save_file(tensors, file, metadata={"format": "pt"})


def read(path: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return said


@pytest.fixture(scope="module")
def named(request: pytest.FixtureRequest, golden_checkpoint: Path) -> list[str]:
    """Options that name the clips of a recording; those of a diff are the first of them."""
    folder = golden_checkpoint.parents[1]
    return [word for name in request.param for word in ("--audio", str(folder / f"{name}.flac"))]


@pytest.fixture(scope="module")
def recording(
    golden_checkpoint: Path, named: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("recorded") / "recording"
    assert toolkit("record", golden_checkpoint, folder, *named).exit_code == 0
    return folder


ON_CLIPS = pytest.mark.parametrize(
    "named",
    [pytest.param(["tiny", "ru_2"], id="two clips"), slow([], id="all clips")],
    indirect=True,
)


def test_a_right_folder_matches_and_ends_with_zero(
    golden_checkpoint: Path, converted: Path
) -> None:
    outcome = toolkit("diff", golden_checkpoint, converted)
    assert outcome.exit_code == 0, outcome.output
    assert "match" in outcome.output


@pytest.mark.wide
def test_the_coverage_of_a_diff_is_counted(
    golden_checkpoint: Path, broken: Path, tmp_path: Path
) -> None:
    file = broken / "model.safetensors"
    tensors = load_file(file)
    del tensors[f"{Q_PROJ}.weight"]
    save_file(tensors, file, metadata={"format": "pt"})
    toolkit("diff", golden_checkpoint, broken, "--json", tmp_path / "said.json")
    coverage = read(tmp_path / "said.json")["coverage"]
    assert coverage["target_tensors"] == {"compared": 176, "total": 177}
    assert [(c["frames"], c["frames_not_compared"]) for c in coverage["clips"]] == [
        (53, 1),
        (57, 1),
    ]


def test_a_wrong_tensor_is_named_with_its_rule_and_fix(
    golden_checkpoint: Path, broken: Path, tmp_path: Path
) -> None:
    scale(broken, f"{Q_PROJ}.weight")
    outcome = toolkit("diff", golden_checkpoint, broken, "--json", tmp_path / "said.json")
    assert outcome.exit_code == 1, outcome.output
    (finding,) = read(tmp_path / "said.json")["findings"]
    assert finding["kind"] == "weights"
    assert finding["target"] == {
        "module": Q_PROJ,
        "parameters": [f"{Q_PROJ}.weight"],
        "config_keys": [],
    }
    assert finding["source"]["module"] == "decoder.layers.1.self_attn.q_proj"
    assert finding["rule"].startswith("xm_transformer, row ")
    assert finding["hypothesis"] == {
        "name": "scaled",
        "confirmed": True,
        "detail": {"factor": 2.0},
    }
    assert Q_PROJ in outcome.output


@pytest.mark.wide
@ON_CLIPS
def test_a_recording_gives_the_findings_of_fairseq_in_process(
    golden_checkpoint: Path, broken: Path, recording: Path, named: list[str], tmp_path: Path
) -> None:
    scale(broken, f"{Q_PROJ}.weight")
    here, stored = tmp_path / "here.json", tmp_path / "stored.json"
    toolkit("diff", golden_checkpoint, broken, *named, "--json", here)
    toolkit("diff", golden_checkpoint, broken, "--recording", recording, "--json", stored)
    first, second = read(here), read(stored)
    assert first["verdict"] == second["verdict"] == "mismatch"
    assert first["coverage"] == second["coverage"]
    for one, other in zip(first["findings"], second["findings"], strict=True):
        # Where tensors lie in memory decides the last bits of a sum.
        errors = (one["evidence"].pop("isolated_error"), other["evidence"].pop("isolated_error"))
        assert errors[0] == pytest.approx(errors[1], rel=1e-6)
        assert one == other


@ON_CLIPS
def test_a_recording_needs_no_fairseq(
    golden_checkpoint: Path, converted: Path, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fairseq", None)
    outcome = toolkit("diff", golden_checkpoint, converted, "--recording", recording)
    assert outcome.exit_code == 0, outcome.output


@ON_CLIPS
@pytest.mark.parametrize("page", ["page.html", None])
def test_only_a_page_has_pictures_drawn_for_it(
    golden_checkpoint: Path,
    converted: Path,
    recording: Path,
    page: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[str] = []
    draw = Sketchbook.draw_clip

    def watched(book: Sketchbook, name: str, *given: Any, **named: Any) -> None:
        drawn.append(name)
        draw(book, name, *given, **named)

    monkeypatch.setattr(Sketchbook, "draw_clip", watched)
    shown = () if page is None else ("--html", tmp_path / page)
    outcome = toolkit("diff", golden_checkpoint, converted, "--recording", recording, *shown)
    assert outcome.exit_code == 0, outcome.output
    assert bool(drawn) is (page is not None)


@ON_CLIPS
def test_a_recording_that_exists_is_not_overwritten(
    golden_checkpoint: Path, recording: Path
) -> None:
    outcome = toolkit("record", golden_checkpoint, recording)
    assert outcome.exit_code == 2
    assert "must not exist" in outcome.stderr


@ON_CLIPS
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 99}, "version 99"),
        ({"checkpoint": {"name": "other.pt", "sha256": "0" * 64}}, "0" * 64),
    ],
)
def test_a_foreign_recording_is_refused(
    golden_checkpoint: Path,
    converted: Path,
    recording: Path,
    tmp_path: Path,
    change: dict[str, Any],
    said: str,
) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    index = {**read(recording / "recording.json"), **change}
    index["digest"] = index_digest(index)
    (foreign / "recording.json").write_text(json.dumps(index))
    outcome = toolkit("diff", golden_checkpoint, converted, "--recording", foreign)
    assert outcome.exit_code == 2
    assert said in outcome.stderr


@ON_CLIPS
def test_a_damaged_recording_is_refused(
    golden_checkpoint: Path, converted: Path, recording: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "recording.json").write_bytes((recording / "recording.json").read_bytes())
    outcome = toolkit("diff", golden_checkpoint, converted, "--recording", damaged)
    assert outcome.exit_code == 2
    assert "must be a whole recording" in outcome.stderr


@pytest.mark.wide
def test_a_wrong_row_of_a_mapping_file_is_named_with_its_line(
    golden_checkpoint: Path, tmp_path: Path
) -> None:
    mapping, out, said = tmp_path / "mine.yaml", tmp_path / "out", tmp_path / "said.json"
    mapping.write_text(SWAPPING)
    options = ("--mapping", mapping)
    written = toolkit("convert", golden_checkpoint, out, "--no-verify", *options)
    assert written.exit_code == 0, written.output
    outcome = toolkit("diff", golden_checkpoint, out, *options, "--json", said)
    assert outcome.exit_code == 1, outcome.output
    findings = read(said)["findings"]
    assert {f["hypothesis"]["name"] for f in findings} == {"swapped_with"}
    assert {f["rule"].split(":")[0] for f in findings} <= {"mine.yaml, line 3", "mine.yaml, line 5"}


def test_a_wrong_mapping_file_does_not_pass_the_proof(
    golden_checkpoint: Path, tmp_path: Path
) -> None:
    mapping, out = tmp_path / "mine.yaml", tmp_path / "out"
    mapping.write_text(SWAPPING)
    clip = golden_checkpoint.parents[1] / "ru_2.flac"
    options = ("--mapping", mapping, "--audio", clip)
    assert toolkit("convert", golden_checkpoint, out, "--verify", *options).exit_code == 1
    assert not out.exists()


def test_a_mapping_file_with_errors_is_refused_with_all_of_them(
    golden_checkpoint: Path, tmp_path: Path
) -> None:
    mapping = tmp_path / "mine.yaml"
    mapping.write_text("rulez: []\ndrop:\n  - {source: x, because: ''}\n")
    outcome = toolkit("inspect", golden_checkpoint, "--mapping", mapping)
    assert outcome.exit_code == 2
    assert "rulez" in outcome.stderr
    assert "because" in outcome.stderr


@pytest.mark.wide
@pytest.mark.parametrize("only", ["gain_scaled", slow("gain_")])
def test_faults_prints_the_table_and_writes_both_reports(only: str, tmp_path: Path) -> None:
    html, said = tmp_path / "faults.html", tmp_path / "faults.json"
    options = ("--workers", 1, "--html", html, "--json", said)
    outcome = toolkit("faults", "--only", only, *options)
    assert outcome.exit_code == 0, outcome.output
    assert "toolkit diff" in outcome.output
    result = read(said)
    assert result["blamed"]["right"] == result["blamed"]["total"] > 0
    assert set(result["yardsticks"]) >= {"assert_close on the result", "msprobe's thresholds"}
    assert "gain_scaled" in html.read_text(encoding="utf-8")


def test_faults_that_keep_nothing_are_refused() -> None:
    outcome = toolkit("faults", "--only", "no such fault")
    assert outcome.exit_code == 2
    assert "--only" in outcome.stderr
