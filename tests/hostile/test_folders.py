"""Every attack by a folder, through the command line and through what looks at it first."""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.bounds import FOLDER_CPU_S
from tests.hostile.folders import (
    INDEX_FILE,
    INDICES,
    JSON,
    PLACES,
    SOUND,
    TOKENIZERS,
    WEIGHTS,
    WEIGHTS_FILE,
    index,
)
from tests.sampling import slow, wide
from toolkit.cli import app
from toolkit.core.errors import BadInput
from toolkit.folder.admission import check_folder
from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget

REPOSITORY = Path(__file__).parents[2]
FAMILIES = {
    "weights": WEIGHTS,
    "index": INDICES,
    "json": JSON,
    "tokenizer": TOKENIZERS,
    "place": PLACES,
}
ATTACKS = [(family, title) for family, attacks in FAMILIES.items() for title in attacks]
SAMPLED = {("tokenizer", "template that multiplies"): slow, ("place", "10,001 files"): wide}
HEAVY = [
    ("json", "levels that never end"),
    wide("tokenizer", "template that multiplies"),
    ("tokenizer", "replacements that double"),
    wide("place", "configuration of 1 GB"),
    ("place", "weights of 1 TB"),
    ("place", "device as configuration"),
]
"""What would take all memory or time if it were read."""


def attack_folder(folder, family, title):
    what, fragment = FAMILIES[family][title]
    if family == "weights":
        (folder / WEIGHTS_FILE).write_bytes(what)
    elif family == "index":
        (folder / WEIGHTS_FILE).unlink()
        (folder / INDEX_FILE).write_text(json.dumps(what))
    elif family == "json":
        (folder / "config.json").write_bytes(what)
    elif family == "tokenizer":
        path = folder / "tokenizer.json"
        changed = what(json.loads(path.read_text(encoding="utf-8")))
        path.write_text(changed if isinstance(changed, str) else json.dumps(changed))
    else:
        what(folder)
    return fragment


def check_refusal(outcome, fragment):
    assert outcome.exit_code == 2, repr(outcome.exception)
    assert outcome.stdout == ""
    line = outcome.stderr.removesuffix("\n")
    assert line.startswith("error: `")
    assert line.isprintable()
    assert len(line) < 2000
    assert fragment in line


@pytest.fixture
def attacked(broken, monkeypatch):
    monkeypatch.chdir(broken)
    (broken / "README.md").write_text("# A model\n")
    return broken


@pytest.mark.parametrize(
    ("family", "title"),
    [SAMPLED.get(attack, pytest.param)(*attack) for attack in ATTACKS],
)
def test_a_hostile_folder_is_refused_in_one_line_by_every_command(
    family, title, attacked, golden_checkpoint
):
    fragment = attack_folder(attacked, family, title)
    beside = sorted(attacked.parent.iterdir())
    started = time.process_time()
    for command in ("diff", "verify"):
        arguments = [command, str(golden_checkpoint), str(attacked)]
        check_refusal(CliRunner().invoke(app, arguments), fragment)
    assert time.process_time() - started < FOLDER_CPU_S
    assert sorted(attacked.parent.iterdir()) == beside


@pytest.mark.parametrize(("family", "title"), HEAVY)
def test_a_heavy_folder_is_refused_within_a_memory(family, title, attacked):
    fragment = attack_folder(attacked, family, title)
    command = [sys.executable, "-m", "tests.hostile.admitting", str(attacked)]
    child = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False
    )
    assert child.returncode == 0, child.stderr[-2000:]
    outcome = json.loads(child.stdout)
    assert fragment in outcome["error"]
    assert outcome["events"] == []
    assert outcome["seconds"] < FOLDER_CPU_S


# Otherwise every attack would be refused for the wrong reason.


def test_the_material_of_the_attacks_is_sound(attacked):
    check_folder(attacked)
    (attacked / WEIGHTS_FILE).write_bytes(SOUND)
    assert check_folder(attacked) == {"w": attacked / WEIGHTS_FILE}
    (attacked / WEIGHTS_FILE).rename(attacked / "x.safetensors")
    (attacked / INDEX_FILE).write_text(json.dumps(index("x.safetensors")))
    assert check_folder(attacked) == {"w": attacked / "x.safetensors"}
    (attacked / "config.json").write_bytes(b'{"a": [' * 10 + b"]}" * 10)
    check_folder(attacked)


@pytest.mark.parametrize("length", [0, 1, 8, 9, 40, len(SOUND) - 9, len(SOUND) - 1])
def test_weights_cut_off_are_refused(length, attacked):
    (attacked / WEIGHTS_FILE).write_bytes(SOUND[:length])
    with pytest.raises(BadInput, match="must be a safetensors file"):
        check_folder(attacked)


def test_links_inside_of_the_folder_are_followed(attacked):
    (attacked / WEIGHTS_FILE).rename(attacked / "weights")
    (attacked / WEIGHTS_FILE).symlink_to("weights")
    assert len(check_folder(attacked)) > 100


def test_the_cache_of_hugging_face_is_made_of_links(attacked):
    snapshot = attacked.parent / "models--a--b" / "snapshots" / "0123"
    blobs = snapshot.parents[1] / "blobs"
    for folder in (snapshot, blobs):
        folder.mkdir(parents=True)
    for file in (file for file in attacked.iterdir() if file.is_file()):
        file.rename(blobs / file.name)
        (snapshot / file.name).symlink_to(f"../../blobs/{file.name}")
    assert len(check_folder(snapshot)) > 100
    (snapshot / "more.txt").symlink_to("../../other")
    (snapshot.parents[1] / "other").touch()
    with pytest.raises(BadInput, match="must lie in the folder"):
        check_folder(snapshot)


def test_a_folder_may_itself_be_a_link(attacked):
    link = attacked.with_name("link")
    link.symlink_to(attacked)
    assert len(check_folder(link)) > 100


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("gone", "must be a Hugging Face folder, but is no folder"),
        ("loop", "must be a Hugging Face folder, but is no folder"),
        ("file", "`HF_DIR` must be a folder, but"),
    ],
)
def test_a_link_to_no_folder_is_refused(target, said, tmp_path, golden_checkpoint):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "hf").symlink_to(target)
    for command in ("diff", "verify"):
        outcome = CliRunner().invoke(app, [command, str(golden_checkpoint), str(tmp_path / "hf")])
        check_refusal(outcome, said)


def test_a_checkpoint_is_no_folder_and_its_own_one_none_to_be_named(golden_checkpoint):
    with pytest.raises(BadInput, match=r"may be a checkpoint\. .*`toolkit convert` makes of it"):
        check_folder(golden_checkpoint)


# Code


FOREIGN = "import pathlib\npathlib.Path({!r}).touch()\nclass Foreign: pass\n"


def carry_foreign_code(folder, file, named):
    """What a file names, and what lies beside, would make a marker; returns its path."""
    marker = folder.parent / "was-here"
    for name in ("foreign.py", "custom_generate/generate.py"):
        (folder / name).write_text(FOREIGN.format(str(marker)))
    said = json.loads((folder / file).read_text())
    # Without a kind of its own, transformers knows the class from the code alone.
    said = {key: value for key, value in said.items() if key != "model_type"}
    (folder / file).write_text(json.dumps({**said, "auto_map": named}))
    return marker


@pytest.mark.parametrize(
    "named",
    [
        {"AutoConfig": "foreign.Foreign", "AutoModelForSpeechSeq2Seq": "foreign.Foreign"},
        {"AutoConfig": "somebody/model--foreign.Foreign"},
        {"AutoConfig": "../foreign.Foreign"},
    ],
)
@pytest.mark.parametrize("command", [slow("diff"), "verify"])
def test_a_model_of_foreign_code_is_a_mismatch(command, named, attacked, golden_checkpoint):
    marker = carry_foreign_code(attacked, "config.json", named)
    outcome = CliRunner().invoke(app, [command, str(golden_checkpoint), str(attacked)])
    assert outcome.exit_code == 1, outcome.output
    assert "was not run here" in " ".join(outcome.stdout.split())
    assert not marker.exists()


@pytest.mark.parametrize(
    ("file", "named"),
    [
        ("tokenizer_config.json", {"AutoTokenizer": [None, "foreign.Foreign"]}),
        ("preprocessor_config.json", {"AutoFeatureExtractor": "foreign.Foreign"}),
        wide("processor_config.json", {"AutoProcessor": "foreign.Foreign"}),
        wide("generation_config.json", {"AutoConfig": "foreign.Foreign"}),
    ],
)
def test_foreign_code_beside_a_model_is_not_run(file, named, attacked, golden_checkpoint):
    marker = carry_foreign_code(attacked, file, named)
    outcome = CliRunner().invoke(app, ["diff", str(golden_checkpoint), str(attacked)])
    assert isinstance(outcome.exception, SystemExit | None), repr(outcome.exception)
    with contextlib.suppress(BadInput):
        Seq2SeqTarget(attacked)
    assert not marker.exists()
