from __future__ import annotations

import zipfile

import pytest
from click.testing import CliRunner

from toolkit.audio import golden_folder
from toolkit.cli import app


def toolkit(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def tiny():
    return golden_folder() / "tiny.flac"


def test_a_recorder_is_written_and_its_size_said(tmp_path, golden_checkpoint, tiny):
    path = tmp_path / "recorder.pyz"
    outcome = toolkit("recorder", golden_checkpoint, "--write", path, "--audio", tiny)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout.startswith(f"written: {path} (")
    assert "__main__.py" in zipfile.ZipFile(path).namelist()


def test_without_a_checkpoint_it_is_for_the_golden_one(tmp_path, golden_checkpoint, tiny):
    one, other = tmp_path / "one.pyz", tmp_path / "other.pyz"
    assert toolkit("recorder", "--write", one, "--audio", tiny, "--quiet").stdout == ""
    toolkit("recorder", golden_checkpoint, "--write", other, "--audio", tiny)
    assert one.read_bytes() == other.read_bytes()


def test_an_existing_file_is_refused_and_stays(tmp_path, tiny):
    path = tmp_path / "recorder.pyz"
    path.write_text("mine")
    outcome = toolkit("recorder", "--write", path, "--audio", tiny)
    assert outcome.exit_code == 2
    assert "must be a new name, but a file" in outcome.stderr
    assert path.read_text() == "mine"


def test_a_file_to_write_must_be_named():
    outcome = toolkit("recorder")
    assert outcome.exit_code == 2
    assert "--write" in outcome.stderr
