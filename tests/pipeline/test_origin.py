"""The same verdicts, whether fairseq runs here, elsewhere, or answers from a recording."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

import toolkit
from tests.breaking import scale
from tests.sampling import slow
from toolkit.core.errors import BadInput
from toolkit.core.result import Result
from toolkit.pipeline import elsewhere, installed
from toolkit.pipeline.origin import Origin
from toolkit.pipeline.prepare import Prepared

Q_PROJ = "decoder.model.decoder.layers.1.self_attn.q_proj.weight"
OWN = {"environment", "reproduce", "next"}
"""What a result says of the run itself."""


@pytest.fixture(scope="module")
def audio(golden_checkpoint: Path) -> list[Path]:
    return [golden_checkpoint.parents[1] / f"{name}.flac" for name in ("ru_2", "tiny")]


@pytest.fixture(scope="module")
def rec_dir(
    golden_checkpoint: Path, audio: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A recording of the clips as they are, without what a manifest says of them."""
    folder = tmp_path_factory.mktemp("recorded") / "rec"
    toolkit.record(golden_checkpoint, folder, audio=audio)
    return folder


@pytest.fixture
def wrong(broken: Path) -> Path:
    scale(Q_PROJ, 2.0)(broken)
    return broken


@pytest.fixture
def without_fairseq(monkeypatch: pytest.MonkeyPatch) -> None:
    """`import fairseq` finds nothing, and nothing that was imported before is used."""
    found = importlib.util.find_spec
    hidden = lambda name, *rest: None if name == "fairseq" else found(name, *rest)  # noqa: E731
    monkeypatch.setattr(installed, "find_spec", hidden)
    for name in [name for name in sys.modules if name.partition(".")[0] == "fairseq"]:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def said(result: Result) -> dict[str, Any]:
    return {key: value for key, value in result.to_dict().items() if key not in OWN}


@pytest.mark.slow
def test_a_recording_gives_the_proof_of_fairseq_in_process(
    golden_checkpoint: Path, converted: Path, rec_dir: Path, audio: list[Path]
) -> None:
    here = toolkit.verify(golden_checkpoint, converted, audio=audio)
    recorded = toolkit.verify(golden_checkpoint, converted, recording=rec_dir)
    assert here.verdict == "match"
    assert sorted(recorded.to_dict()["tokens"]) == ["ru_2", "tiny"]
    assert said(recorded) == said(here)


@pytest.mark.wide
@pytest.mark.parametrize("name", ["verify", slow("diff")])
def test_a_recording_gives_the_faults_of_fairseq_in_process(
    name: str, golden_checkpoint: Path, wrong: Path, rec_dir: Path, audio: list[Path]
) -> None:
    command = getattr(toolkit, name)
    # A diff begins with the shortest clip of a recording.
    named = audio if name == "verify" else audio[::-1]
    here = command(golden_checkpoint, wrong, audio=named)
    recorded = command(golden_checkpoint, wrong, recording=rec_dir)
    assert here.verdict == "mismatch"
    assert said(recorded) == said(here)


def test_a_result_says_what_made_the_recording(
    golden_checkpoint: Path, converted: Path, rec_dir: Path
) -> None:
    environment = toolkit.diff(golden_checkpoint, converted, recording=rec_dir).environment
    assert environment["recorded with fairseq"] == environment["fairseq"]


@pytest.mark.usefixtures("without_fairseq")
def test_a_conversion_is_proven_by_a_recording_where_there_is_no_fairseq(
    golden_checkpoint: Path, rec_dir: Path, tmp_path: Path
) -> None:
    result = toolkit.convert(golden_checkpoint, tmp_path / "out", recording=rec_dir)
    assert result.verdict == "match"
    assert (tmp_path / "out" / "model.safetensors").is_file()


@pytest.mark.usefixtures("without_fairseq")
def test_a_wrong_conversion_does_not_appear_where_a_recording_says_so(
    golden_checkpoint: Path, rec_dir: Path, tmp_path: Path
) -> None:
    result = toolkit.convert(
        golden_checkpoint,
        tmp_path / "out",
        recording=rec_dir,
        encoder_config={"do_stable_layer_norm": False},
    )
    assert result.verdict == "mismatch"
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_another_python_gives_the_proof_of_this_one_and_is_asked_once(
    golden_checkpoint: Path,
    converted: Path,
    audio: list[Path],
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs: list[list[str]] = []
    run = elsewhere.run_recorder

    def noted(python: Path, recorder: Path, arguments: Any, progress: Any) -> Any:
        runs.append(list(arguments))
        return run(python, recorder, arguments, progress)

    monkeypatch.setattr(elsewhere, "run_recorder", noted)
    here = toolkit.verify(golden_checkpoint, converted, audio=audio)
    python = Path(sys.executable)
    for _ in range(2):
        there = toolkit.verify(golden_checkpoint, converted, audio=audio, fairseq_python=python)
        assert said(there) == said(here)
    assert [arguments == ["--probe"] for arguments in runs] == [True, False, True]
    assert len(list((cache / "recordings").iterdir())) == 1


@pytest.mark.usefixtures("cache")
def test_a_python_without_fairseq_is_named_with_what_to_do(
    golden_checkpoint: Path, converted: Path, audio: list[Path]
) -> None:
    bare = Path(sys.base_prefix) / "bin" / "python3"
    with pytest.raises(BadInput, match="must have torch, numpy, fairseq installed, but lacks"):
        toolkit.diff(golden_checkpoint, converted, audio=audio, fairseq_python=bare)


@pytest.mark.parametrize(
    ("named", "option"),
    [
        ({"audio": [Path("clip.flac")]}, "--audio"),
        ({"fairseq_python": Path("python3")}, "--fairseq-python"),
        ({"user_dir": Path("fork")}, "--user-dir"),
    ],
)
def test_what_a_recording_takes_the_place_of_is_not_named_beside_it(
    golden_checkpoint: Path,
    converted: Path,
    rec_dir: Path,
    tmp_path: Path,
    named: dict[str, Any],
    option: str,
) -> None:
    for command in (toolkit.verify, toolkit.diff):
        with pytest.raises(BadInput, match=f"stand alone.*{option}"):
            command(golden_checkpoint, converted, recording=rec_dir, **named)
    with pytest.raises(BadInput, match=f"stand alone.*{option}"):
        toolkit.convert(golden_checkpoint, tmp_path / "out", recording=rec_dir, **named)
    assert not (tmp_path / "out").exists()


def test_the_code_of_a_fork_is_imported_before_fairseq_builds(
    golden_checkpoint: Path, converted: Path, audio: list[Path], tmp_path: Path
) -> None:
    fork = tmp_path / "fork_of_ours"
    fork.mkdir()
    (fork / "__init__.py").write_text("raise RuntimeError('the fork was imported')")
    with pytest.raises(BadInput, match="the fork was imported"):
        toolkit.diff(golden_checkpoint, converted, audio=audio, user_dir=fork)
    (fork / "__init__.py").write_text("")
    result = toolkit.diff(golden_checkpoint, converted, audio=audio, user_dir=fork)
    assert result.verdict == "match"


def test_a_recording_says_what_it_is(
    golden_checkpoint: Path, audio: list[Path], tmp_path: Path
) -> None:
    recording = toolkit.record(golden_checkpoint, tmp_path / "rec", audio=audio)
    found = recording.to_dict()
    assert (found["command"], found["path"]) == ("record", str(tmp_path / "rec"))
    assert found["num_bytes"] == sum(f.stat().st_size for f in (tmp_path / "rec").iterdir())
    assert [clip["name"] for clip in found["clips"]] == ["ru_2", "tiny"]
    assert found["source"]["sha256"] == toolkit.inspect(golden_checkpoint).source.sha256
    assert found["environment"]["fairseq"]


@pytest.mark.slow
def test_a_recording_is_made_by_another_python_in_the_users_folder(
    golden_checkpoint: Path, converted: Path, audio: list[Path], tmp_path: Path
) -> None:
    rec_dir = tmp_path / "rec"
    python = Path(sys.executable)
    toolkit.record(golden_checkpoint, rec_dir, audio=audio, fairseq_python=python)
    assert toolkit.verify(golden_checkpoint, converted, recording=rec_dir).verdict == "match"
    with pytest.raises(BadInput, match="must not exist yet"):
        toolkit.record(golden_checkpoint, rec_dir, audio=audio, fairseq_python=python)


@pytest.mark.parametrize(("named", "heard"), [(("long", "tiny"), ["tiny"]), (("long",), ["long"])])
def test_a_diff_hears_no_long_clip_where_there_is_a_short_one_or_can_be(
    prepared: Prepared, golden_checkpoint: Path, named: tuple[str, ...], heard: list[str]
) -> None:
    clips = [golden_checkpoint.parents[1] / f"{name}.flac" for name in named]
    few = Origin().read_few_clips(prepared, clips)
    assert [clip.name.partition("/")[0] for clip in few] == heard
    assert all(clip.duration_s <= 2 for clip in few)
