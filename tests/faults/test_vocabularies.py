"""Ways to break `vocab.json`: what each leaves, and that each is named after what it does."""

import json

import pytest

from toolkit.core.breakable import Breakable
from toolkit.core.slips import CONFIG, TOKENIZER_CONFIG
from toolkit.faults.facts import Facts
from toolkit.faults.vocabularies import VOCAB, vocabulary_faults

TOKENS = ("<pad>", "<s>", "</s>", "<unk>", "|", "a", "b", "c", "d", "e", "f")
NAMED = {
    "pad_token": "<pad>",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "word_delimiter_token": "|",
}


RIGHT = {token: row for row, token in enumerate(TOKENS)}
IDS = {"pad_token_id": 0, "bos_token_id": 1}


@pytest.fixture
def broken(tmp_path):
    """The ids and the configuration that a fault leaves, by its name."""
    files = {VOCAB: RIGHT, TOKENIZER_CONFIG: NAMED, CONFIG: IDS}
    facts = Facts(breakable=Breakable(), shapes={}, files=files)
    found = {}
    for fault in vocabulary_faults(facts):
        for name, values in files.items():
            (tmp_path / name).write_text(json.dumps(values))
        fault.break_folder(tmp_path)
        assert fault.truth.config_keys == {VOCAB}
        found[fault.name] = [json.loads((tmp_path / n).read_text()) for n in (VOCAB, CONFIG)]
    return found


@pytest.fixture
def after(broken):
    """The ids that a fault leaves, by its name."""
    return {name: ids for name, (ids, _) in broken.items()}


def by_id(ids):
    return sorted(ids, key=ids.__getitem__)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("special_rows_swapped:vocab.json-pad_token-bos_token", ["<s>", "<pad>"]),
        ("rows_swapped:vocab.json-first", [*TOKENS[:5], "b", "a", "c", "d", "e", "f"]),
        ("rows_swapped:vocab.json-far", [*TOKENS[:5], "a", "b", "c", "f", "e", "d"]),
        ("vocabulary_shifted:vocab.json-all", [*TOKENS[:5], "f", "a", "b", "c", "d", "e"]),
        ("row_missing:vocab.json-first", [*TOKENS[:5], "b", "c", "d", "e", "f"]),
        ("row_appended:vocab.json-end", [*TOKENS, "<extra>"]),
        ("special_row_renamed:vocab.json-word_delimiter_token", [*TOKENS[:4], "|\u2047"]),
    ],
)
def test_tokens_are_in_other_places(after, name, expected):
    assert by_id(after[name])[: len(expected)] == expected


def test_an_id_is_missing_repeated_or_counted_from_one(after):
    assert "f" not in after["id_missing:vocab.json-last"]
    assert after["id_missing:vocab.json-middle"]["f"] == TOKENS.index("f")
    repeated = after["id_repeated:vocab.json-middle"]
    assert repeated["a"] == repeated["b"] == TOKENS.index("b")
    assert min(after["ids_counted_from_one:vocab.json-all"].values()) == 1


def test_every_fault_leaves_other_ids(broken):
    assert all(ids != RIGHT for ids, _ in broken.values())
    assert len({json.dumps(left) for left in broken.values()}) == len(broken)


def test_config_json_says_the_same_only_where_the_ids_are_swapped_too(broken):
    swapped = broken.pop("special_ids_swapped:vocab.json-pad_token-bos_token")
    assert swapped[1] == {"pad_token_id": 1, "bos_token_id": 0}
    assert by_id(swapped[0])[:2] == ["<s>", "<pad>"]
    assert all(config == IDS for _, config in broken.values())
