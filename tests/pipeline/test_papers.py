"""What a folder carries of its proof: true, whole, the same each time, and of no machine."""

import json
import shutil
from pathlib import Path

import pytest

from toolkit import BadInput, convert
from toolkit.audio import golden_folder
from toolkit.folder.digest import VERIFICATION, digest_file
from toolkit.pipeline.papers import without_folders
from toolkit.proof.document import read_verification
from toolkit.proof.sealing import read_sealed
from toolkit.report.model_card import render_model_card

CTC = golden_folder() / "ctc"


@pytest.fixture(scope="module")
def proven(tmp_path_factory):
    """A proven folder, of a checkpoint and a clip that lie in a place of their own."""
    place = tmp_path_factory.mktemp("somebodys-place")
    shutil.copytree(CTC, place / "taken")
    shutil.copy(golden_folder() / "tiny.flac", place / "clip.flac")
    out = place / "hf"
    convert(place / "taken" / "model.pt", out, verify=True, audio=[place / "clip.flac"])
    return out


@pytest.fixture(scope="module")
def said(proven):
    return read_sealed((proven / VERIFICATION).read_bytes())


def test_the_card_says_what_the_file_says_and_no_more(proven, said):
    card = (proven / "README.md").read_text(encoding="utf-8")
    assert card == render_model_card(read_verification(said))


def test_every_file_of_the_folder_is_there_with_its_hash(proven, said):
    held = {
        file.relative_to(proven).as_posix(): digest_file(file)
        for file in proven.rglob("*")
        if file.is_file() and file.name != VERIFICATION
    }
    files = said["folder"]["files"]
    assert {name: one["sha256"] for name, one in files.items()} == {
        name: one.sha256 for name, one in held.items()
    }


def test_checkpoint_companions_and_clips_have_their_hashes(proven, said):
    taken = proven.parent / "taken"
    assert said["source"]["sha256"] == digest_file(taken / "model.pt").sha256
    beside = said["source"]["files"]["dict.ltr.txt"]
    assert beside["sha256"] == digest_file(taken / "dict.ltr.txt").sha256
    (clip,) = said["coverage"]["clips"]
    assert len(clip["sha256"]) == 64


def test_every_level_has_its_numbers(said):
    assert list(said["levels"]) == said["task_levels"]
    assert all(level["measures"] for level in said["levels"].values())


def test_no_folder_of_this_machine_is_named(proven, said):
    card = (proven / "README.md").read_text(encoding="utf-8")
    for text in (json.dumps(said), card):
        assert "somebodys-place" not in text
        assert str(Path.home()) not in text
    assert said["command"] == "toolkit verify model.pt hf --audio clip.flac"


def test_nor_is_one_of_a_recording(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = {"a": "the recording `kept/rec`", "b": [f"in {tmp_path}/kept/rec/a"], "c": 1}
    assert without_folders(said, [Path("kept/rec")]) == {
        "a": "the recording `rec`",
        "b": ["in rec/a"],
        "c": 1,
    }


def test_two_conversions_write_the_same_file(golden_checkpoint, tmp_path):
    for place in ("one", "other"):
        (tmp_path / place).mkdir()
        convert(golden_checkpoint, tmp_path / place / "hf", verify=False)
    one, other = (tmp_path / place / "hf" / VERIFICATION for place in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()
    unverified = read_sealed(one.read_bytes())
    assert unverified["date"] is None
    assert unverified["verdict"] == "unverified"
    assert unverified["unverified_because"] == "`--no-verify` was given"
    assert unverified["command"] == "toolkit verify model.pt hf"


def test_a_date_is_what_the_environment_says(golden_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767323045")
    convert(golden_checkpoint, tmp_path / "hf", verify=False)
    said = read_sealed((tmp_path / "hf" / VERIFICATION).read_bytes())
    assert said["date"] == "2026-01-02T03:04:05Z"
    assert "2026-01-02T03:04:05Z" in (tmp_path / "hf" / "README.md").read_text()


@pytest.mark.parametrize("said", ["yesterday", "1e9", "99999999999999999999"])
def test_a_date_that_is_none_is_refused(said, golden_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", said)
    with pytest.raises(BadInput, match="`SOURCE_DATE_EPOCH` must be a number of seconds"):
        convert(golden_checkpoint, tmp_path / "hf", verify=False)
    assert list(tmp_path.iterdir()) == []
