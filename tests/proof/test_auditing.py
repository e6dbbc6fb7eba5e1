"""Nothing of a folder changes unseen: of any file, by any byte, by name, by kind."""

import json
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from toolkit import BadInput
from toolkit.folder.digest import VERIFICATION
from toolkit.proof.auditing import audit_folder
from toolkit.proof.document import read_verification
from toolkit.proof.sealing import read_sealed, write_sealed

WEIGHTS = "model.safetensors"


def found(folder, **options):
    return [(c.kind, c.file) for c in audit_folder(folder, "hf", **options).changes]


def said_in(folder):
    return read_sealed((folder / VERIFICATION).read_bytes())


def test_a_folder_that_nobody_touched_is_as_it_was_written(written):
    audited = audit_folder(written, "hf")
    assert audited.changes == ()
    assert audited.verdict == "unverified"
    assert audited.num_files == len(list(written.iterdir())) - 1
    assert audited.seal == said_in(written)["seal"]
    assert not audited.is_sealed


def test_a_hundred_random_bytes_are_all_found_wherever_they_lie(copied):
    chance = random.Random(16)
    files = sorted(file for file in copied.iterdir())
    touched = set()
    for number in range(100):
        file = files[number % len(files)]
        right = file.read_bytes()
        changed = bytearray(right)
        changed[chance.randrange(len(right))] ^= chance.randrange(1, 256)
        file.write_bytes(changed)
        ((kind, name),) = found(copied)
        assert (kind, name) == ("document" if name == VERIFICATION else "changed", file.name)
        touched.add(name)
        file.write_bytes(right)
    assert {VERIFICATION, "README.md", WEIGHTS, "config.json"} <= touched
    assert found(copied) == []


def link(path: Path, to: str) -> None:
    path.unlink()
    path.symlink_to(to)


CHANGES = {
    "gone": (lambda f: (f / "config.json").unlink(), [("missing", "config.json")]),
    "the card gone": (lambda f: (f / "README.md").unlink(), [("missing", "README.md")]),
    "added": (lambda f: (f / "model.py").write_text(""), [("added", "model.py")]),
    "added below": (
        lambda f: ((f / "a").mkdir(), (f / "a" / VERIFICATION).write_text("{}")),
        [("added", f"a/{VERIFICATION}")],
    ),
    "hidden": (lambda f: (f / ".env").write_text("x"), [("added", ".env")]),
    "renamed": (lambda f: (f / WEIGHTS).rename(f / "weights.bin"), [("renamed", WEIGHTS)]),
    "exchanged": (
        lambda f: (
            (f / "config.json").rename(f / "x"),
            (f / "vocab.json").rename(f / "config.json"),
            (f / "x").rename(f / "vocab.json"),
        ),
        [("changed", "config.json"), ("changed", "vocab.json")],
    ),
    "copied": (lambda f: shutil.copy(f / WEIGHTS, f / "copy"), [("added", "copy")]),
    "emptied": (lambda f: (f / WEIGHTS).write_bytes(b""), [("changed", WEIGHTS)]),
    "cut": (lambda f: os.truncate(f / WEIGHTS, 1000), [("changed", WEIGHTS)]),
    "longer": (lambda f: (f / "README.md").open("a").write("!"), [("changed", "README.md")]),
    "a link to its own bytes": (
        lambda f: ((f / WEIGHTS).rename(f.parent / "w"), (f / WEIGHTS).symlink_to("../w")),
        [("no file", WEIGHTS)],
    ),
    "a link to nowhere": (lambda f: link(f / "config.json", "x"), [("no file", "config.json")]),
    "a link to a folder": (lambda f: (f / "a").symlink_to("/"), [("no file", "a")]),
    "a pipe": (lambda f: os.mkfifo(f / "pipe"), [("no file", "pipe")]),
    "a folder for a file": (
        lambda f: ((f / "config.json").unlink(), (f / "config.json").mkdir()),
        [("missing", "config.json")],
    ),
    "the file itself a link": (
        lambda f: (
            (f / VERIFICATION).rename(f.parent / "v"),
            (f / VERIFICATION).symlink_to("../v"),
        ),
        [("no file", VERIFICATION)],
    ),
    "the file itself empty": (
        lambda f: (f / VERIFICATION).write_bytes(b""),
        [("document", VERIFICATION)],
    ),
    "the file itself a link to nowhere": (
        lambda f: link(f / VERIFICATION, "x"),
        [("document", VERIFICATION)],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_other_change_is_found_too_and_told_by_kind_and_file(name, copied):
    change, expected = CHANGES[name]
    change(copied)
    audited = audit_folder(copied, "hf")
    assert [(c.kind, c.file) for c in audited.changes] == expected
    assert audited.verdict == "mismatch"


def test_what_the_hub_adds_to_its_copies_is_told_and_no_change(copied):
    (copied / ".gitattributes").write_text("*.safetensors filter=lfs")
    (copied / ".cache" / "huggingface").mkdir(parents=True)
    (copied / ".cache" / "huggingface" / "x.lock").write_text("")
    audited = audit_folder(copied, "hf")
    assert audited.changes == ()
    assert [reason.name for reason in audited.beside] == [".gitattributes", ".cache/huggingface"]


def test_a_folder_in_the_cache_of_the_hub_is_as_it_was_written(written, tmp_path):
    blobs, snapshot = tmp_path / "models" / "blobs", tmp_path / "models" / "snapshots" / "1f2e"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for file in written.iterdir():
        shutil.copy(file, blobs / f"blob-of-{file.name}")
        (snapshot / file.name).symlink_to(f"../../blobs/blob-of-{file.name}")
    assert found(snapshot) == []
    (blobs / f"blob-of-{WEIGHTS}").write_bytes(b"other")
    assert found(snapshot) == [("changed", WEIGHTS)]
    link(snapshot / "config.json", str(written / "config.json"))
    assert ("no file", "config.json") in found(snapshot)


def forge(folder: Path, said) -> None:
    (folder / VERIFICATION).write_bytes(
        write_sealed({k: v for k, v in said.items() if k != "seal"})
    )


def test_who_seals_anew_is_found_by_the_seal_that_was_published_alone(copied):
    published = said_in(copied)["seal"]
    (copied / "README.md").write_text("Buy elsewhere.")
    said = said_in(copied)
    verification = read_verification(said)
    digest = replace(verification.files["README.md"], num_bytes=14)
    forged = replace(
        verification, about={"README.md": replace(digest, sha256=sha(b"Buy elsewhere."))}
    )
    forge(copied, forged.to_dict())
    assert found(copied) == []
    assert found(copied, seal=published) == [("seal", VERIFICATION)]


def sha(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()


def test_the_right_seal_is_said_to_be_the_one_that_was_named(written):
    audited = audit_folder(written, "hf", said_in(written)["seal"])
    assert audited.is_sealed
    assert audited.changes == ()


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("verdict", "match", "come to unverified, but it says match"),
        ("schema_version", 0, "does not follow the schema"),
    ],
)
def test_a_document_that_contradicts_itself_is_no_proof(key, value, says, copied):
    forge(copied, {**said_in(copied), key: value})
    (change,) = audit_folder(copied, "hf").changes
    assert change.kind == "document"
    assert says in change.summary


def test_the_hash_of_another_folder_is_not_borrowed(copied):
    said = said_in(copied)
    forge(copied, {**said, "folder": {**said["folder"], "sha256": "ab" * 32}})
    (change,) = audit_folder(copied, "hf").changes
    assert "not that of the files that it lists" in change.summary


def test_a_document_of_a_later_version_cannot_be_judged(copied):
    forge(copied, {**said_in(copied), "schema_version": 2})
    with pytest.raises(BadInput, match="must be of version 1, but is of version 2. Take a later"):
        audit_folder(copied, "hf")


@pytest.mark.parametrize("name", ["no folder", "no document"])
def test_what_says_nothing_of_its_proof_cannot_be_judged(name, copied, tmp_path):
    (copied / VERIFICATION).unlink()
    folder = copied if name == "no document" else tmp_path / "nowhere"
    with pytest.raises(BadInput, match="`hf` must"):
        audit_folder(folder, "hf")


def test_a_path_that_leads_out_of_the_folder_is_not_followed(copied, tmp_path):
    (tmp_path / "secret").write_text("x")
    said = said_in(copied)
    files = {"../secret": {"sha256": sha(b"x"), "num_bytes": 1}, **said["folder"]["files"]}
    forge(copied, {**said, "folder": {**said["folder"], "files": files}})
    (change,) = audit_folder(copied, "hf").changes
    assert change.kind == "document"


def test_the_audit_as_data_has_all_that_was_found(copied):
    (copied / "config.json").write_text("{}")
    said = json.loads(json.dumps(audit_folder(copied, "hf").to_dict()))
    assert said["verdict"] == "mismatch"
    assert said["changes"][0]["file"] == "config.json"
    assert said["verification"]["folder"]["files"]["config.json"]["num_bytes"] > 2


def test_numbers_beyond_all_others_are_no_fault_of_the_toolkit(copied):
    said = said_in(copied)
    worst = {"name": "m", "where": "", "error": 10**400, "tolerance": 1, "unit": "x", "compared": 1}
    level = {"verdict": "pass", "measures": [worst], "summary": "", "clips": None, "worst": None}
    forge(copied, {**said, "verdict": "match", "unverified_because": None, "levels": {"x": level}})
    (change,) = audit_folder(copied, "hf").changes
    assert change.kind == "document"


def test_a_file_that_vanishes_meanwhile_is_told(copied):
    def vanish(_):
        (copied / WEIGHTS).unlink(missing_ok=True)

    with pytest.raises(BadInput, match="`hf` must be a folder that can be read and stays as it is"):
        audit_folder(copied, "hf", hashed=vanish)
