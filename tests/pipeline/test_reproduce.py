"""The command that a result names finds the same once more, whatever was given."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.breaking import set_key
from toolkit.cli import app
from toolkit.console.parameters import read_given
from toolkit.pipeline.reproduce import command_line
from toolkit.session.options import Argument, typed_items
from toolkit.session.requests.convert import Convert
from toolkit.session.requests.diff import Diff
from toolkit.session.requests.verify import Verify

COMMANDS: dict[str, Any] = app.commands
ODD = Path("an odd 'name'/$HOME")
CONFIG = {"num_attention_heads": 4, "a b": "'"}
GIVEN: dict[str, Any] = {
    **dict.fromkeys(("config_yaml", "dict", "spm", "w2v", "mapping"), ODD),
    **dict.fromkeys(("encoder_config", "decoder_config"), CONFIG),
    "source_lang": "e n",
    "target_lang": "d e",
    "exact_padding": True,
    "dtype": "float16",
    "padding_reference": "unmasked",
    **dict.fromkeys(("recording", "fairseq_python", "user_dir"), ODD),
    "device": "cuda:1",
    "audio": (ODD, Path("-b.wav")),
    "text": (ODD,),
    "units": (ODD,),
    "beam": False,
    "thorough": True,
    "max_shard_bytes": 7,
}
"""For every option that bears on a result, a value that is not its default."""
SWAPPING = """\
rules:
  - source: decoder.layers.{i}.self_attn.q_proj.{weight|bias}
    target: decoder.model.decoder.layers.{i}.self_attn.k_proj.{weight|bias}
  - source: decoder.layers.{i}.self_attn.k_proj.{weight|bias}
    target: decoder.model.decoder.layers.{i}.self_attn.q_proj.{weight|bias}
"""


def test_what_is_left_out_has_a_reason() -> None:
    items = [item for kind in (Convert, Verify, Diff) for item in typed_items(kind)]
    options = {item.name for item in items if not isinstance(item.named, Argument)}
    left_out = {item.name for item in items if item.named.not_repeated}
    assert left_out == {"verify", "reproduction", "fix"}
    assert options == {*GIVEN, *left_out}


@pytest.mark.parametrize("name", GIVEN)
def test_every_option_is_read_as_it_was_given(name: str) -> None:
    request = Convert(Path("a b.pt"), Path("-out"), **{name: GIVEN[name]})
    toolkit, command, *words = shlex.split(command_line(request))
    values = COMMANDS[command].make_context(command, words).params
    assert toolkit == "toolkit"
    assert replace(Convert(**read_given(Convert, values)), out=Path("-out")) == request


def test_what_has_its_default_is_left_out() -> None:
    assert command_line(Diff(Path("m.pt"), Path("hf"))) == "toolkit diff m.pt hf"


# Run again

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command in process; what its JSON says."""

    def run(*words: object) -> dict[str, Any]:
        report = tmp_path / "said.json"
        outcome = CliRunner().invoke(app, [*map(str, words), "--json", str(report), "--force"])
        assert outcome.exit_code in (0, 1), outcome.output
        said: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        assert outcome.exit_code == (said["verdict"] == "mismatch")
        return said

    return run


@pytest.fixture
def options(golden_checkpoint: Path, tmp_path: Path) -> dict[str, object]:
    """Companions that lie elsewhere, under names that a shell would take apart."""
    elsewhere = tmp_path / "my $files' place"
    elsewhere.mkdir()
    for name in ("dict.txt", "spm.model", "config.yaml"):
        shutil.copy(golden_checkpoint.parent / name, elsewhere / f"the {name}")
    clip = elsewhere / "a clip.flac"
    shutil.copy(golden_checkpoint.parents[1] / "ru_2.flac", clip)
    return {
        "--audio": clip,
        "--dict": elsewhere / "the dict.txt",
        "--spm": elsewhere / "the spm.model",
        "--config-yaml": elsewhere / "the config.yaml",
        "--decoder-config": '{"dropout": 0.25}',
        "--padding-reference": "unmasked",
        "--target-lang": "de",
    }


def flat(options: dict[str, object]) -> list[str]:
    return [str(word) for pair in options.items() for word in pair]


def judged(said: dict[str, Any]) -> dict[str, Any]:
    return {key: said[key] for key in ("verdict", "levels", "findings", "assumptions", "notes")}


def again(run: Run, said: dict[str, Any], given: list[str]) -> None:
    """Runs what the result names, which carries what was given, and compares."""
    words = shlex.split(said["reproduce"])[1:]
    assert [word for word in given if word not in words] == []
    assert judged(run(*words)) == judged(said)


@pytest.mark.slow
@pytest.mark.parametrize("verdict", ["match", "mismatch"])
def test_verify_runs_again(
    verdict: str, run: Run, options: dict[str, object], golden_checkpoint: Path, tmp_path: Path
) -> None:
    given = [*flat(options), "--no-beam"]
    out = tmp_path / "my out"
    converted = run("convert", golden_checkpoint, out, *given, "--verify")
    assert converted["verdict"] == "match"
    if verdict == "mismatch":
        set_key("config.json", "decoder.scale_embedding", False)(out)
    said = run("verify", golden_checkpoint, out, *given)
    assert said["verdict"] == verdict
    again(run, said, given)
    if verdict == "mismatch":
        explained = run(*shlex.split(said["next"])[1:])
        causes = [[f["summary"] for f in one["findings"]] for one in (said, explained)]
        assert explained["command"] == "diff"
        assert causes[0] == causes[1]
    if verdict == "match":
        assert said["next"] == ""
        again(run, {**said, "reproduce": converted["reproduce"]}, given)


@pytest.mark.parametrize("verdict", [pytest.param("match", marks=pytest.mark.slow), "mismatch"])
def test_diff_runs_again(
    verdict: str, run: Run, options: dict[str, object], golden_checkpoint: Path, tmp_path: Path
) -> None:
    out, given = tmp_path / "my out", flat(options)
    converted = run("convert", golden_checkpoint, out, *given, "--no-verify")
    assert converted["next"] == converted["reproduce"]
    assert [word for word in given if word not in shlex.split(converted["next"])] == []
    if verdict == "mismatch":
        set_key("config.json", "decoder.scale_embedding", False)(out)
    said = run("diff", golden_checkpoint, out, *given)
    assert said["verdict"] == verdict
    assert said["next"] == (f"{said['reproduce']} --fix mended" if verdict == "mismatch" else "")
    again(run, said, given)


@pytest.mark.slow
def test_a_conversion_that_failed_runs_again_as_a_conversion(
    run: Run, options: dict[str, object], golden_checkpoint: Path, tmp_path: Path
) -> None:
    mapping = tmp_path / "wrong rules.yaml"
    mapping.write_text(SWAPPING)
    given = [*flat({**options, "--mapping": mapping, "--max-shard-bytes": 300_000}), "--no-beam"]
    said = run("convert", golden_checkpoint, tmp_path / "my out", *given)
    assert said["verdict"] == "mismatch"
    assert said["reproduce"].startswith("toolkit convert ")
    again(run, said, given)
    assert not (tmp_path / "my out").exists()
