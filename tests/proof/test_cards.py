from dataclasses import replace

import pytest

from toolkit.core.errors import InternalError
from toolkit.proof.cards import Card, CardJob, CardLevel, seal_card, write_index
from toolkit.proof.schema import maybe_breach
from toolkit.proof.sealing import read_sealed

LEVEL = CardLevel(verdict="pass", where="clip", error=float("inf"), tolerance=1.0, clips=1)
JOB = CardJob(
    job="ab" * 32,
    kind="verify",
    status="verified",
    because=None,
    folder_sha256="cd" * 32,
    folder_seal=None,
    levels={"logits": LEVEL},
    deviations=("front_end",),
    environment={"torch": "2.9"},
    command="toolkit verify model.pt hf",
    date="2026-01-02T03:04:05+00:00",
)
CARD = Card(name="a/model.pt", sha256="ef" * 32, num_bytes=7, task="ctc", jobs=(JOB,))


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (("verified",), "verified"),
        (("unverified", "verified", "refused"), "verified"),
        (("verified", "deviating"), "deviating"),
        (("refused", "unverified"), "unverified"),
        (("refused",), "refused"),
    ],
)
def test_a_checkpoint_has_the_status_of_the_job_that_says_most(statuses, status):
    jobs = tuple(replace(JOB, status=one) for one in statuses)
    assert replace(CARD, jobs=jobs).status == status


def test_a_card_follows_its_schema_numbers_that_are_infinite_among_it():
    said = read_sealed(seal_card(CARD.to_dict()))
    assert said["jobs"][0]["levels"]["logits"]["error"] == "inf"
    assert maybe_breach("card", said) is None


@pytest.mark.parametrize(
    "wrong",
    [
        replace(CARD, sha256="x"),
        replace(CARD, jobs=(replace(JOB, levels={}),)),
        replace(CARD, jobs=(replace(JOB, date="today"),)),
    ],
)
def test_a_card_that_does_not_follow_it_is_never_written(wrong):
    with pytest.raises(InternalError, match="`card` must follow its schema"):
        seal_card(wrong.to_dict())


def test_the_index_lists_cards_by_name_with_their_seals_and_counts_them():
    cards = [read_sealed(seal_card(replace(CARD, name=n).to_dict())) for n in ("b", "a")]
    said = read_sealed(write_index(cards))
    assert [row["name"] for row in said["cards"]] == ["a", "b"]
    assert said["cards"][0]["seal"] == cards[1]["seal"]
    assert said["cards"][0]["date"] == "2026-01-02T03:04:05+00:00"
    assert said["counts"] == {"deviating": 0, "verified": 2, "unverified": 0, "refused": 0}


def test_a_catalogue_without_cards_has_an_index_too():
    assert read_sealed(write_index([]))["cards"] == []
