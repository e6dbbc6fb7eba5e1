"""A folder is audited where nothing else is: no checkpoint, no fairseq."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from toolkit import BadInput, audit, convert, record
from toolkit.audio import golden_folder
from toolkit.core.artifact import FileDigest
from toolkit.folder.digest import VERIFICATION, combine, digest_file
from toolkit.proof.sealing import read_sealed, write_sealed

ALONE = """
import sys

class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "fairseq":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Nowhere())
from toolkit import audit
print(audit(sys.argv[1], recording=sys.argv[2]).verdict)
assert "fairseq" not in sys.modules
"""


READ = {"mbart": ("text", "The dog sees the house.\n"), "code_hifigan": ("units", "7 7 3 41\n")}
"""What models are asked about that do not hear: the option, and an example."""


def prove(material: Path, place: Path) -> tuple[Path, Path]:
    """A proven folder and a recording, and nothing else of what they were made of."""
    shutil.copytree(material, place / "taken")
    checkpoint, asked = place / "taken" / "model.pt", {"audio": [golden_folder() / "tiny.flac"]}
    if material.name in READ:
        option, example = READ[material.name]
        (place / "example.txt").write_text(example)
        asked = {option: [place / "example.txt"]}
    convert(checkpoint, place / "hf", verify=True, **asked)
    record(checkpoint, place / "recording", **asked)
    shutil.rmtree(place / "taken")
    return place / "hf", place / "recording"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return prove(golden_folder() / "ctc", tmp_path_factory.mktemp("proven"))


@pytest.fixture
def copied(made, tmp_path):
    return Path(shutil.copytree(made[0], tmp_path / "hf"))


def seal_anew(folder: Path) -> None:
    """Makes a folder's own file fit the files that are there, as a forger does."""
    said = read_sealed((folder / VERIFICATION).read_bytes())
    files = {name: vars(digest_file(folder / name)) for name in said["folder"]["files"]}
    digests = {n: FileDigest(**one) for n, one in files.items() if n != "README.md"}
    del said["seal"]
    forged = {**said, "folder": {"sha256": combine(digests), "files": files}}
    (folder / VERIFICATION).write_bytes(write_sealed(forged))


def test_a_folder_that_was_proven_is_a_match_without_its_checkpoint(made):
    heard = []
    audited = audit(made[0], progress=lambda *step: heard.append(step))
    assert audited.verdict == "match"
    assert audited.verification.result.verdict == "match"
    assert audited.against is None
    what, done, total, unit = heard[-1]
    assert (what, unit) == ("reading the files", "bytes")
    assert 0 < done <= total


def test_what_it_answers_is_held_against_a_recording_level_by_level(made):
    folder, recording = made
    heard = []
    audited = audit(folder, recording=recording, progress=lambda *step: heard.append(step[0]))
    assert audited.verdict == "match"
    against = audited.against
    assert [level.name for level in against.levels] == ["front_end", "layers", "logits", "greedy"]
    assert {"weights", "modules", "padding"} <= set(against.left_out)
    assert against.environment["recorded with fairseq"]
    assert "comparing tiny" in heard
    said = json.loads(json.dumps(audited.to_dict()))["against"]
    assert said["levels"]["logits"]["verdict"] == "pass"


def test_it_is_held_against_a_recording_where_no_fairseq_is(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "fairseq", None)
    assert audit(made[0], recording=made[1]).verdict == "match"


@pytest.mark.wide
def test_neither_fairseq_nor_the_checkpoint_is_needed_for_it(made):
    words = [sys.executable, "-W", "ignore", "-c", ALONE, *map(str, made)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.strip() == "match"


def test_who_changes_weights_and_seals_anew_is_found_by_a_recording(made, copied):
    from safetensors.torch import load_file, save_file

    tensors = load_file(copied / "model.safetensors")
    tensors["lm_head.bias"] += 1e-3
    save_file(tensors, copied / "model.safetensors", metadata={"format": "pt"})
    seal_anew(copied)
    assert audit(copied).verdict == "match"
    audited = audit(copied, recording=made[1])
    assert audited.verdict == "mismatch"
    assert audited.headline.endswith("but does not answer as was recorded")
    (wrong,) = [level for level in audited.against.levels if level.verdict == "fail"]
    assert wrong.name == "logits"


def test_a_folder_that_does_not_load_any_more_does_not_hold(made, copied):
    (copied / "config.json").write_text('{"model_type": "of tomorrow"}')
    seal_anew(copied)
    audited = audit(copied, recording=made[1])
    assert audited.verdict == "mismatch"
    assert "must be a folder that transformers loads" in audited.against.broken


def test_a_folder_that_changed_is_not_run(made, copied):
    (copied / "config.json").write_text("{}")
    audited = audit(copied, recording=made[1])
    assert audited.verdict == "mismatch"
    assert audited.against is None


def test_a_recording_of_another_checkpoint_is_refused(made, copied):
    said = read_sealed((copied / VERIFICATION).read_bytes())
    del said["seal"]
    forged = {**said, "source": {**said["source"], "sha256": "ab" * 32}}
    (copied / VERIFICATION).write_bytes(write_sealed(forged))
    with pytest.raises(BadInput, match=r"must be a recording of `model.pt`, but is of a file"):
        audit(copied, recording=made[1])


def test_what_is_no_recording_is_refused(made, tmp_path):
    with pytest.raises(BadInput, match="must be a recording with a readable `recording.json`"):
        audit(made[0], recording=tmp_path)


def test_what_is_no_seal_is_refused_before_anything_is_read():
    with pytest.raises(BadInput, match="`--seal` must be 64 digits of a sha256"):
        audit("nowhere", seal="ab")


@pytest.mark.wide
@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("checkpoint", ["front_end", "logits", "greedy", "beam"]),
        ("pretraining", ["front_end", "layers", "outputs"]),
        ("untrained/hubert_pretraining", ["front_end", "layers", "outputs"]),
        ("untrained/wav2vec2_seq2seq", ["front_end", "logits", "greedy", "beam"]),
        ("untrained/wav2vec2_classification", ["front_end", "layers", "logits", "label"]),
        ("untrained/wav2vec2_ctc_languages", ["front_end", "layers", "logits", "greedy"]),
        ("s2t", ["front_end", "logits", "greedy", "beam"]),
        ("untrained/s2t_conformer", ["front_end", "logits", "greedy", "beam"]),
        ("s2ut", ["front_end", "logits", "greedy", "beam"]),
        ("mbart", ["front_end", "logits", "greedy", "beam"]),
        ("untrained/code_hifigan", ["durations", "waveform"]),
        ("untrained/hifigan", ["front_end", "waveform"]),
    ],
)
def test_folders_of_every_task_are_held_against_recordings(name, levels, tmp_path):
    folder, recording = prove(golden_folder() / name, tmp_path)
    against = audit(folder, recording=recording).against
    assert [level.name for level in against.levels] == levels
    assert against.holds
