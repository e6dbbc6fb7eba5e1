"""What any released transformers saves of a right folder is right, for verify and for diff."""

from __future__ import annotations

import pytest

from tests.judged.judging import complaints_about_right
from tests.released.saved import Saved, Workshop, all_saved

pytestmark = pytest.mark.released


@pytest.mark.parametrize("saved", list(all_saved()), ids=lambda saved: saved.name)
def test_a_folder_saved_again_matches_without_a_finding(saved: Saved, workshop: Workshop) -> None:
    said = workshop.judge(saved.base).judge(workshop.folder(saved))
    assert not complaints_about_right(said)
