"""Every kind of bad input: one clear error, exit code 2, no traceback, nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner

from toolkit.cli import app

Invoke = Callable[..., str]


@pytest.fixture
def material(golden_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the golden checkpoint with its companions, to be spoiled."""
    return Path(shutil.copytree(golden_checkpoint.parent, tmp_path / "material"))


@pytest.fixture
def refused(tmp_path: Path) -> Invoke:
    """Runs a command that must be refused and returns its one error."""

    def invoke(*arguments: object) -> str:
        before = sorted(tmp_path.rglob("*"))
        outcome = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert outcome.exit_code == 2, outcome.output
        assert outcome.exception is None or isinstance(outcome.exception, SystemExit)
        assert outcome.stdout == ""
        assert outcome.stderr.startswith("error: ")
        assert "Traceback" not in outcome.stderr
        assert sorted(tmp_path.rglob("*")) == before, "something was left behind"
        return outcome.stderr

    return invoke


def test_a_file_that_is_no_checkpoint(refused: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    file.write_text("hello")
    assert "checkpoint" in refused("convert", file, tmp_path / "out", "--no-verify")


def test_a_file_that_is_not_there(refused: Invoke, tmp_path: Path) -> None:
    assert "no file" in refused("inspect", tmp_path / "nowhere.pt")


def test_a_truncated_checkpoint(refused: Invoke, material: Path, tmp_path: Path) -> None:
    model = material / "model.pt"
    model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    assert "model.pt" in refused("convert", model, tmp_path / "out", "--no-verify")


def test_another_architecture(refused: Invoke, material: Path, tmp_path: Path) -> None:
    model = material / "model.pt"
    state = {"args": None, "cfg": {"model": {"_name": "roberta"}}, "model": {"w": torch.ones(2)}}
    torch.save(state, model)
    error = refused("convert", model, tmp_path / "out", "--no-verify")
    assert "roberta" in error
    assert "families none match" in error


@pytest.mark.parametrize(
    ("name", "option"), [("dict.txt", "--dict"), ("spm.model", "--spm"), ("config.yaml", "--conf")]
)
def test_a_missing_companion_names_the_option_that_supplies_it(
    refused: Invoke, material: Path, tmp_path: Path, name: str, option: str
) -> None:
    (material / name).unlink()
    error = refused("convert", material / "model.pt", tmp_path / "out", "--no-verify")
    assert name in error
    assert option in error


def test_a_dictionary_of_another_size(refused: Invoke, material: Path, tmp_path: Path) -> None:
    with (material / "dict.txt").open("a", encoding="utf-8") as file:
        file.write("extra 1\n")
    error = refused("convert", material / "model.pt", tmp_path / "out", "--no-verify")
    assert "189" in error
    assert "190" in error


def test_a_sentencepiece_model_that_is_none(
    refused: Invoke, material: Path, tmp_path: Path
) -> None:
    (material / "spm.model").write_bytes(b"\xff\xfe nonsense")
    error = refused("convert", material / "model.pt", tmp_path / "out", "--no-verify")
    assert "spm.model" in error


def test_a_language_that_the_dictionary_lacks(
    refused: Invoke, golden_checkpoint: Path, tmp_path: Path
) -> None:
    arguments = ("--no-verify", "--target-lang", "xx")
    error = refused("convert", golden_checkpoint, tmp_path / "out", *arguments)
    assert "`xx`" in error
    assert "de, en, es" in error


def test_an_out_that_exists(refused: Invoke, golden_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert "exist" in refused("convert", golden_checkpoint, tmp_path / "out", "--no-verify")


def test_an_out_whose_parent_is_missing(
    refused: Invoke, golden_checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "no" / "out"
    assert "existing folder" in refused("convert", golden_checkpoint, out, "--no-verify")


def test_an_out_that_is_not_writable(
    refused: Invoke, golden_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(**_: object) -> str:
        raise PermissionError(13, "Permission denied")

    # Root may write anywhere, so the refusal of the operating system is played.
    monkeypatch.setattr("toolkit.folder.staging.tempfile.mkdtemp", deny)
    error = refused("convert", golden_checkpoint, tmp_path / "out", "--no-verify")
    assert "Permission denied" in error


def test_audio_that_is_none(refused: Invoke, golden_checkpoint: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.flac"
    clip.write_text("not audio")
    error = refused("convert", golden_checkpoint, tmp_path / "out", "--verify", "--audio", clip)
    assert "clip.flac" in error


def test_audio_that_is_too_short(refused: Invoke, golden_checkpoint: Path, tmp_path: Path) -> None:
    clip = tmp_path / "click.wav"
    soundfile.write(clip, np.ones(399, dtype=np.float32), 16_000)
    error = refused("convert", golden_checkpoint, tmp_path / "out", "--verify", "--audio", clip)
    assert "400 samples" in error
    assert "399" in error


def test_fairseq_that_is_not_installed(
    refused: Invoke, golden_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fairseq", None)
    error = refused("convert", golden_checkpoint, tmp_path / "out", "--verify")
    assert "pip install --no-deps" in error


def test_without_fairseq_and_without_options_it_converts_and_says_that_nothing_is_proven(
    golden_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fairseq", None)
    arguments = ["convert", str(golden_checkpoint), str(tmp_path / "out")]
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 0, outcome.output
    assert "unverified" in outcome.output
    assert "fairseq is not installed" in outcome.output
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_no_verify_writes_the_folder_and_says_so(golden_checkpoint: Path, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    arguments = ["convert", str(golden_checkpoint), str(tmp_path / "out"), "--no-verify"]
    outcome = CliRunner().invoke(app, [*arguments, "--json", str(result)])
    assert outcome.exit_code == 0, outcome.output
    assert "unverified" in outcome.output
    assert json.loads(result.read_text())["verdict"] == "unverified"
    assert "not verified" in (tmp_path / "out" / "README.md").read_text().lower()


def test_a_report_whose_folder_is_missing_is_refused_before_the_work(
    refused: Invoke, golden_checkpoint: Path, tmp_path: Path
) -> None:
    report = tmp_path / "no" / "report.html"
    error = refused("convert", golden_checkpoint, tmp_path / "out", "--html", report)
    assert "report.html" in error


@pytest.mark.parametrize("value", ["{not json", "[1]", "/no/such/file.json"])
def test_an_override_that_is_no_json_object(
    refused: Invoke, golden_checkpoint: Path, value: str
) -> None:
    assert "--encoder-config" in refused("inspect", golden_checkpoint, "--encoder-config", value)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 100_000, '{"a": NaN}', '{"a": 1e999}', '{"a": 1, "a": 2}', "\ud800"],
)
def test_an_override_that_no_two_readers_read_alike(
    refused: Invoke, golden_checkpoint: Path, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "override.json"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert "--decoder-config" in refused("inspect", golden_checkpoint, "--decoder-config", file)


@pytest.mark.parametrize("special", ["pipe", "folder", "/dev/zero", "/dev/null", "/dev/stdin"])
def test_an_override_in_what_is_no_file(
    refused: Invoke, golden_checkpoint: Path, tmp_path: Path, special: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for option in ("--encoder-config", "--decoder-config"):
        assert option in refused("inspect", golden_checkpoint, option, tmp_path / special)


def test_an_override_that_gives_no_buildable_model(
    refused: Invoke, golden_checkpoint: Path, tmp_path: Path
) -> None:
    override = '{"num_attention_heads": 5}'
    arguments = ("--no-verify", "--encoder-config", override)
    error = refused("convert", golden_checkpoint, tmp_path / "out", *arguments)
    assert "config.json" in error


def test_verify_refuses_a_folder_that_is_none(
    refused: Invoke, golden_checkpoint: Path, tmp_path: Path
) -> None:
    assert "folder" in refused("verify", golden_checkpoint, tmp_path / "nowhere")


def test_a_folder_that_transformers_cannot_load_is_judged_by_its_files(
    golden_checkpoint: Path, broken: Path
) -> None:
    (broken / "config.json").write_text("{}")
    outcome = CliRunner().invoke(app, ["verify", str(golden_checkpoint), str(broken)])
    assert outcome.exit_code == 1, outcome.output
    assert "leaves out 51 keys that the checkpoint determines: `model_type`" in outcome.stdout


def test_verify_refuses_a_folder_without_weights(
    refused: Invoke, golden_checkpoint: Path, tmp_path: Path
) -> None:
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "config.json").write_text("{}")
    assert "must hold its weights" in refused("verify", golden_checkpoint, tmp_path / "hf")


def test_verify_of_a_broken_folder_ends_with_one_and_a_finding(
    golden_checkpoint: Path, broken: Path, tmp_path: Path
) -> None:
    config = json.loads((broken / "config.json").read_text())
    config["decoder"]["scale_embedding"] = False
    (broken / "config.json").write_text(json.dumps(config))
    clip = golden_checkpoint.parents[1] / "ru_2.flac"
    result = tmp_path / "result.json"
    arguments = ["verify", str(golden_checkpoint), str(broken), "--audio", str(clip)]
    outcome = CliRunner().invoke(app, [*arguments, "--json", str(result)])
    assert outcome.exit_code == 1, outcome.output
    assert "mismatch" in outcome.output
    found = json.loads(result.read_text())["findings"]
    assert found[0]["target"]["config_keys"] == ["decoder.scale_embedding"]


def test_verify_of_a_folder_whose_model_cannot_run_is_a_mismatch_with_the_key(
    golden_checkpoint: Path, broken: Path, tmp_path: Path
) -> None:
    config = json.loads((broken / "config.json").read_text())
    config["decoder"]["vocab_size"] = 100
    (broken / "config.json").write_text(json.dumps(config))
    clip = golden_checkpoint.parents[1] / "ru_2.flac"
    said = tmp_path / "said.json"
    arguments = ["verify", str(golden_checkpoint), str(broken), "--audio", str(clip)]
    outcome = CliRunner().invoke(app, [*arguments, "--json", str(said)])
    assert outcome.exit_code == 1, outcome.output
    result = json.loads(said.read_text())
    assert result["findings"][0]["target"]["config_keys"] == ["decoder.vocab_size"]
    assert result["levels"]["greedy"]["verdict"] == "fail"
    assert "does not run" in result["levels"]["greedy"]["summary"]


def test_a_conversion_that_does_not_match_does_not_appear(
    golden_checkpoint: Path, tmp_path: Path
) -> None:
    clip = golden_checkpoint.parents[1] / "ru_2.flac"
    override = '{"activation_function": "relu"}'
    arguments = ["convert", str(golden_checkpoint), str(tmp_path / "out"), "--verify"]
    outcome = CliRunner().invoke(
        app, [*arguments, "--audio", str(clip), "--decoder-config", override]
    )
    assert outcome.exit_code == 1, outcome.output
    assert list(tmp_path.iterdir()) == []


def test_inspect_shows_every_value_with_its_evidence(
    golden_checkpoint: Path, tmp_path: Path
) -> None:
    result, page = tmp_path / "inspection.json", tmp_path / "inspection.html"
    shown = ["--all", "--json", str(result), "--html", str(page)]
    outcome = CliRunner().invoke(app, ["inspect", str(golden_checkpoint), *shown])
    assert outcome.exit_code == 0, outcome.output
    inspection = json.loads(result.read_text())
    assert inspection["conversion"] == "native"
    assert inspection["family"] == "xm_transformer"
    assert all(field["evidence"] for field in inspection["fields"])
    assert "shape of" in outcome.output
    html = page.read_text(encoding="utf-8")
    assert all(f"<code>{field['name']}</code>" in html for field in inspection["fields"])


def test_inspect_without_more_says_in_a_dozen_lines_what_comes_next(
    golden_checkpoint: Path,
) -> None:
    outcome = CliRunner().invoke(app, ["inspect", str(golden_checkpoint)])
    assert outcome.exit_code == 0, outcome.output
    assert len(outcome.stdout.splitlines()) <= 12
    assert outcome.stdout.splitlines()[-1].endswith(f"{golden_checkpoint} OUT --verify")


def test_quiet_prints_nothing(golden_checkpoint: Path) -> None:
    outcome = CliRunner().invoke(app, ["inspect", str(golden_checkpoint), "--quiet"])
    assert (outcome.exit_code, outcome.output) == (0, "")


def test_without_a_command_it_shows_the_help_and_ends_with_two() -> None:
    outcome = CliRunner().invoke(app, [])
    assert outcome.exit_code == 2
    assert "convert" in outcome.output


def imported_by(*arguments: str) -> set[str]:
    """The modules that a process holds when a command has ended well."""
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom toolkit.cli import app\n"
        f"assert CliRunner().invoke(app, {[*arguments]}).exit_code == 0\n"
        "print(*sys.modules)"
    )
    made = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(made.stdout.split())


SLOW = {
    *("torch", "transformers", "fairseq", "jinja2", "numpy", "tokenizers", "huggingface_hub"),
    *("importlib.metadata", "tomllib"),
}


def test_the_help_imports_nothing_that_takes_time() -> None:
    assert not {*SLOW, "yaml", "toolkit.session"} & imported_by("--help")


@pytest.mark.parametrize("kind", ["ctc", "checkpoint"])
def test_inspect_imports_nothing_that_takes_time(kind: str) -> None:
    path = Path(__file__).parents[1] / "golden_audio" / kind / "model.pt"
    names = imported_by("inspect", str(path))
    assert not {*SLOW, "rich", "multiprocessing", "ray", "pebble"} & names
    if kind == "ctc":  # It has no file of these kinds.
        assert not {"sentencepiece", "yaml"} & names


def test_the_source_is_never_written(golden_checkpoint: Path, tmp_path: Path) -> None:
    before = {
        p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in golden_checkpoint.parent.iterdir()
    }
    arguments = ["convert", str(golden_checkpoint), str(tmp_path / "out"), "--no-verify"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    after = {
        p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in golden_checkpoint.parent.iterdir()
    }
    assert after == before


def test_what_the_user_asked_not_to_compare_is_called_unverified(
    converted: Path, golden_checkpoint: Path, tmp_path: Path
) -> None:
    words = ["verify", str(golden_checkpoint), str(converted), "--no-beam"]
    clip = str(golden_checkpoint.parents[1] / "ru_2.flac")
    written = tmp_path / "result.json"
    outcome = CliRunner().invoke(app, [*words, "--audio", clip, "--json", str(written)])
    assert outcome.exit_code == 0, outcome.output
    assert "1 unverified" in outcome.stdout
    levels = json.loads(written.read_text())["levels"]
    assert [name for name, level in levels.items() if level["verdict"] == "unverified"] == ["beam"]
