"""The recipe makes the golden material again, and the same each time."""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tomllib

from toolkit.audio import golden_folder

RECIPE = golden_folder() / "recipe.py"


def remake(out: Path) -> Path:
    command = [sys.executable, "-W", "ignore", str(RECIPE), "--out", str(out)]
    subprocess.run(command, check=True)
    return out


def files_of(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything, made once; the recipe raises unless fairseq returns all 16 transcripts."""
    assert shutil.which("espeak-ng"), "the recipe speaks its clips with espeak-ng; install it"
    return remake(tmp_path_factory.mktemp("golden") / "made")


@pytest.mark.slow
def test_the_recipe_makes_the_same_bytes_each_time(made: Path, tmp_path: Path) -> None:
    again = remake(tmp_path / "again")
    names = files_of(made)
    assert names == files_of(again)
    assert filecmp.cmpfiles(made, again, names, shallow=False) == (names, [], [])


@pytest.mark.slow
def test_the_committed_clips_and_companions_are_what_the_recipe_makes(made: Path) -> None:
    names = [name for name in files_of(made) if not name.endswith("model.pt")]
    different = filecmp.cmpfiles(golden_folder(), made, names, shallow=False)
    assert different == (names, [], []), "another espeak-ng or sentencepiece than the manifest's?"


def test_the_checkpoint_is_small_and_the_clips_are_smaller_than_three_megabytes() -> None:
    checkpoint = golden_folder() / "checkpoint"
    assert sum(f.stat().st_size for f in checkpoint.iterdir()) < 4e6
    clips = [f for f in golden_folder().iterdir() if f.suffix in (".flac", ".wav")]
    assert sum(f.stat().st_size for f in clips) < 3e6


def test_the_manifest_says_everything_about_every_clip() -> None:
    manifest = tomllib.loads((golden_folder() / "manifest.toml").read_text(encoding="utf-8"))
    said = {"file", "sha256", "sample_rate_hz", "duration_s", "origin", "licence", "transcript"}
    for clip in manifest["clip"]:
        assert said | {"lang", "kind", "catches"} <= set(clip), clip["file"]
    speech = [clip for clip in manifest["clip"] if clip["kind"] == "speech"]
    assert len(speech) >= 16
    assert len({clip["lang"] for clip in speech}) >= 5
