from dataclasses import FrozenInstanceError

import pytest


def test_contents_cannot_be_changed_behind_ones_back(prepared):
    with pytest.raises(FrozenInstanceError):
        prepared.task.contents.prefix_tag = "<lang:de>"
