"""What any released transformers saves of a right folder is right, for verify and for diff."""

from __future__ import annotations

import pytest

from tests.judged.judging import complaints_about_right
from tests.released.saved import SEARCHED_OTHERWISE, Saved, Workshop, all_saved

pytestmark = pytest.mark.released


RIGHT = [saved for saved in all_saved() if saved != SEARCHED_OTHERWISE]


@pytest.mark.parametrize("saved", RIGHT, ids=lambda saved: saved.name)
def test_a_folder_saved_again_matches_without_a_finding(saved: Saved, workshop: Workshop) -> None:
    said = workshop.judge(saved.base).judge(workshop.folder(saved))
    assert not complaints_about_right(said)


def test_an_end_that_became_a_list_is_named(workshop: Workshop) -> None:
    saved = SEARCHED_OTHERWISE
    said = workshop.judge(saved.base).judge(workshop.folder(saved))
    assert {one.verdict for one in said.values()} == {"mismatch"}
    assert all("eos_token_id" in finding for one in said.values() for finding in one.findings)
