import json
from dataclasses import replace

from toolkit.core.artifact import FileDigest
from toolkit.proof.document import read_verification


def test_what_is_read_says_what_was_written(verification):
    said = json.loads(json.dumps(verification.to_dict(), allow_nan=False))
    assert read_verification(said).to_dict() == said


def test_numbers_that_are_infinite_come_back(verification):
    said = verification.to_dict()
    trials = [trial for one in said["assumptions"] for trial in one.get("trials", ())]
    again = read_verification(json.loads(json.dumps(said))).to_dict()
    assert again["assumptions"] == said["assumptions"]
    assert all(isinstance(trial["error"], float | str) for trial in trials)


def test_every_file_is_listed_once_by_its_path(verification):
    more = {"a/b.py": FileDigest(sha256="cd" * 32, num_bytes=1)}
    grown = replace(verification, result=replace(verification.result, target_files=more))
    assert list(grown.to_dict()["folder"]["files"]) == ["a/b.py", "model.safetensors"]
