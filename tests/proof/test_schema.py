import pytest
from jsonschema import Draft202012Validator

from toolkit.proof.schema import maybe_breach, schema
from toolkit.proof.sealing import read_sealed, write_sealed

KINDS = ("verification", "card", "index")


@pytest.mark.parametrize("name", KINDS)
def test_a_schema_is_one(name):
    Draft202012Validator.check_schema(schema(name))


def test_a_document_follows_its_schema(verification):
    assert maybe_breach("verification", read_sealed(write_sealed(verification.to_dict()))) is None


@pytest.mark.parametrize(
    ("key", "value", "where"),
    [
        ("schema_version", 2, "$.schema_version"),
        ("verdict", "mismatch", "$.verdict"),
        ("command", "", "$.command"),
        ("date", "yesterday", "$.date"),
        ("levels", {"beam": {"verdict": "pass"}}, "$.levels.beam"),
        ("environment", {"torch": 2}, "$.environment.torch"),
        ("folder", {"sha256": "x", "files": {}}, "$.folder.sha256"),
    ],
)
def test_what_does_not_follow_it_is_told_with_its_place(verification, key, value, where):
    said = {**read_sealed(write_sealed(verification.to_dict())), key: value}
    breach = maybe_breach("verification", said)
    assert breach is not None
    assert f"`{where}" in breach


def test_a_key_that_is_missing_is_told(verification):
    said = read_sealed(write_sealed(verification.to_dict()))
    del said["source"]
    assert "'source' is a required property" in (maybe_breach("verification", said) or "")
