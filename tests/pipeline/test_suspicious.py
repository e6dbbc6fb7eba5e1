"""A dictionary in another order matches and is suspicious; a right one is not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
from click.testing import CliRunner

import toolkit
from toolkit.audio import Clip, golden_folder
from toolkit.cli import app
from toolkit.pipeline.clips import is_in_own_language

FEW = ("en_1", "de_1", "it_1")


@pytest.fixture(scope="module")
def few_clips(tmp_path_factory):
    """Three transcribed clips, as a folder with a manifest."""
    folder = tmp_path_factory.mktemp("few")
    entries = (golden_folder() / "manifest.toml").read_text(encoding="utf-8").split("[[clip]]")
    kept = [entry for entry in entries if any(f'"{name}.flac"' in entry for name in FEW)]
    (folder / "manifest.toml").write_text("[[clip]]".join(["", *kept]), encoding="utf-8")
    for name in FEW:
        shutil.copy(golden_folder() / f"{name}.flac", folder)
    return folder


@pytest.fixture(scope="module")
def reversed_rows(golden_checkpoint, tmp_path_factory):
    """The golden checkpoint beside a dictionary in the reverse order."""
    folder = tmp_path_factory.mktemp("reversed") / "checkpoint"
    shutil.copytree(golden_checkpoint.parent, folder)
    rows = (folder / "dict.txt").read_text(encoding="utf-8").splitlines()
    (folder / "dict.txt").write_text("\n".join([*reversed(rows), ""]), encoding="utf-8")
    return folder / "model.pt"


def test_a_dictionary_in_another_order_is_warned_of_everywhere(reversed_rows, few_clips, tmp_path):
    out, said, page = tmp_path / "out", tmp_path / "said.json", tmp_path / "page.html"
    words = ["convert", reversed_rows, out, "--verify", "--audio", few_clips, "--no-beam"]
    ran = CliRunner().invoke(app, [*map(str, words), "--json", str(said), "--html", str(page)])
    assert ran.exit_code == 0, ran.output
    result = json.loads(said.read_text(encoding="utf-8"))
    assert result["verdict"] == "match"
    (suspicion,) = result["suspicious"]
    assert suspicion["name"] == "transcripts"
    for name in ("dict.txt", "spm.model"):
        assert str(reversed_rows.parent / name) in suspicion["summary"]
    assert suspicion["summary"].count(" -> ") == 3
    assert "WARNING, suspicious transcripts: " in ran.output
    assert 'role="alert"' in page.read_text(encoding="utf-8")
    assert "Suspicious transcripts" in (out / "README.md").read_text(encoding="utf-8")


@pytest.mark.wide
def test_a_right_dictionary_is_not_suspicious(golden_checkpoint, converted, few_clips):
    result = toolkit.verify(golden_checkpoint, converted, audio=[few_clips], beam=False)
    assert (result.verdict, result.suspicious) == ("match", ())


@pytest.mark.parametrize(
    ("lang", "default", "own"),
    [
        ("en", "de", True),
        ("xx", "de", False),
        ("xx", "xx_YY", True),
        (None, "de", True),
        ("xx", None, True),
    ],
    ids=["has a tag", "has none", "is the default", "not known", "no tags"],
)
def test_a_clip_counts_where_it_is_decoded_in_its_own_language(prepared, lang, default, own):
    task = replace(prepared.task, default_lang=default)
    spoken = Clip(name="c", waveform=[], transcript="Words.", lang=lang)
    assert is_in_own_language(replace(prepared, task=task), spoken) is own
