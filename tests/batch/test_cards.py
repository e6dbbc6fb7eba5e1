"""Cards say what a batch found out, the same bytes each time, and overwrite nothing of others."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.batch.conftest import CONVERT, Write
from toolkit import audit
from toolkit.batch.cards import cards
from toolkit.batch.database import opened
from toolkit.batch.running import batch
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict
from toolkit.proof.cards import read_document


def contents(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        file.relative_to(folder).as_posix(): (
            file.stat().st_ino,
            file.stat().st_mtime_ns,
            file.read_bytes(),
        )
        for file in folder.rglob("*.json")
    }


def said_in(catalogue: Path) -> dict[str, JsonDict]:
    """All cards by the names of their checkpoints; each is held against its schema and seal."""
    index = read_document(catalogue / "index.json", "index")
    found = {row["name"]: read_document(catalogue / row["file"], "card") for row in index["cards"]}
    assert {row["name"]: row["seal"] for row in index["cards"]} == {
        name: card["seal"] for name, card in found.items()
    }
    return found


def test_each_checkpoint_has_a_card_with_what_was_found_out(results: Path, tmp_path: Path) -> None:
    made = cards(results, tmp_path / "catalogue")
    assert made.counts == {"deviating": 1, "verified": 1, "unverified": 0, "refused": 0}
    assert (made.new, made.changed, made.unreadable) == (2, 0, ("broken/model.pt",))
    said = said_in(tmp_path / "catalogue")
    assert {name: card["status"] for name, card in said.items()} == {
        "hubert_ctc/model.pt": "verified",
        "hubert_encoder/model.pt": "deviating",
    }
    (job,) = said["hubert_encoder/model.pt"]["jobs"]
    assert job["levels"]["logits"] == {
        "verdict": "fail", "where": "clip", "error": 2.0, "tolerance": 1e-3, "clips": 1
    }  # fmt: skip
    assert job["because"]
    assert job["date"]


def test_what_did_not_change_keeps_its_bytes_and_its_file(results: Path, tmp_path: Path) -> None:
    cards(results, tmp_path / "catalogue")
    before = contents(tmp_path / "catalogue")
    again = cards(results, tmp_path / "catalogue")
    assert (again.new, again.changed) == (0, 0)
    assert contents(tmp_path / "catalogue") == before
    cards(results, tmp_path / "another")
    assert {name: held[2] for name, held in contents(tmp_path / "another").items()} == {
        name: held[2] for name, held in before.items()
    }


def test_only_the_card_that_changed_is_written(results: Path, tmp_path: Path) -> None:
    cards(results, tmp_path / "catalogue")
    before = contents(tmp_path / "catalogue")
    with opened(results) as connection:
        connection.execute("UPDATE jobs SET because = 'For a reason.' WHERE verdict = 'mismatch'")
    again = cards(results, tmp_path / "catalogue")
    assert (again.new, again.changed) == (0, 1)
    after = contents(tmp_path / "catalogue")
    assert sum(before[name] != after[name] for name in before) == 2  # it and the index


def test_cards_of_other_batches_stay(results: Path, tmp_path: Path) -> None:
    cards(results, tmp_path / "catalogue")
    with opened(results) as connection:
        connection.execute(
            "DELETE FROM places WHERE job IN (SELECT id FROM jobs WHERE verdict = 'match')"
        )
    assert sum(cards(results, tmp_path / "catalogue").counts.values()) == 2


def test_no_card_says_where_on_this_machine_anything_lies(results: Path, tmp_path: Path) -> None:
    because = f"`{tmp_path / 'models' / 'hubert_ctc' / 'model.pt'}` is wrong."
    with opened(results) as connection:
        connection.execute("UPDATE jobs SET because = ? WHERE verdict = 'match'", (because,))
        connection.execute(
            "UPDATE jobs SET result = json_set(result, '$.reproduce', ?)",
            (f"toolkit verify {tmp_path}/m.pt hf --audio '{tmp_path}/my clips'",),
        )
    cards(results, tmp_path / "catalogue")
    assert all(str(tmp_path).encode() not in held[2] for held in contents(tmp_path).values())
    (job,) = said_in(tmp_path / "catalogue")["hubert_ctc/model.pt"]["jobs"]
    assert job["command"] == "toolkit verify m.pt hf --audio 'my clips'"
    assert job["because"] == "`model.pt` is wrong."


def edit(path: Path) -> None:
    said = json.loads(path.read_text())
    said["status" if "status" in said else "counts"] = "fine"
    path.write_text(json.dumps(said, indent=1))


@pytest.mark.parametrize("name", ["index.json", "cards/*.json"])
def test_what_somebody_edited_is_named_and_not_written_over(
    name: str, results: Path, tmp_path: Path
) -> None:
    cards(results, tmp_path / "catalogue")
    path = next((tmp_path / "catalogue").glob(name))
    edit(path)
    before = contents(tmp_path / "catalogue")
    with pytest.raises(BadInput, match="must be as `toolkit cards` wrote it, but its seal is"):
        cards(results, tmp_path / "catalogue")
    assert contents(tmp_path / "catalogue") == before


def test_a_card_under_the_name_of_another_is_no_card(results: Path, tmp_path: Path) -> None:
    cards(results, tmp_path / "catalogue")
    first, second = sorted((tmp_path / "catalogue" / "cards").iterdir())
    shutil.copy(first, second)
    with pytest.raises(BadInput, match="must have the name of its checkpoint's sha256"):
        cards(results, tmp_path / "catalogue")


@pytest.mark.parametrize("name", ["somebody's", "file"])
def test_a_place_that_is_no_catalogue_is_left_alone(
    name: str, results: Path, tmp_path: Path
) -> None:
    (tmp_path / "somebody's").mkdir()
    (tmp_path / "somebody's" / "thesis.txt").write_text("x")
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match="must be a new folder or one that `toolkit cards` wrote"):
        cards(results, tmp_path / name)
    assert os.listdir(tmp_path / "somebody's") == ["thesis.txt"]


def test_a_folder_that_is_at_hand_can_be_audited_by_its_card(
    shelf: Path, write: Write, tmp_path: Path
) -> None:
    batch(write(CONVERT), shelf / "r", workers=1)
    made = cards(shelf / "r", tmp_path / "catalogue")
    assert made.counts == {"deviating": 0, "verified": 0, "unverified": 2, "refused": 1}
    (job,) = said_in(tmp_path / "catalogue")["hubert_ctc/model.pt"]["jobs"]
    assert audit(shelf / "hf" / "hubert_ctc", seal=job["folder_seal"]).is_sealed
    (shelf / "hf" / "hubert_ctc" / "verification.json").write_text("{}")
    assert cards(shelf / "r", tmp_path / "catalogue").changed == 1


@pytest.mark.parametrize("name", ["cards", "index.json"])
def test_a_link_in_a_catalogue_is_neither_followed_nor_replaced(
    name: str, results: Path, tmp_path: Path
) -> None:
    cards(results, tmp_path / "catalogue")
    (tmp_path / "catalogue" / name).rename(tmp_path / "elsewhere")
    (tmp_path / "catalogue" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match=f"{name}` must be as .* wrote it, but is a link"):
        cards(results, tmp_path / "catalogue")


def test_what_judges_nothing_has_no_card(results: Path, tmp_path: Path) -> None:
    with opened(results) as connection:
        connection.execute("UPDATE jobs SET verdict = 'recorded' WHERE verdict = 'match'")
    assert sum(cards(results, tmp_path / "catalogue").counts.values()) == 1
