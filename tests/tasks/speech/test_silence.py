"""A task without words has no texts and no tokenizer, and says so if asked for words."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from toolkit.core.errors import InternalError
from toolkit.tasks.features import TASK


def test_nothing_is_written_and_nothing_expected(tmp_path: Path) -> None:
    nothing: Any = None
    TASK.write_tokenizer(nothing, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert TASK.expect_vocabulary(nothing, nothing, ()) is None
    assert TASK.probe_texts(nothing) == TASK.texts(()) == ()


def test_who_asks_what_was_said_made_a_mistake() -> None:
    with pytest.raises(InternalError, match="one.*no words"):
        TASK.tokens(Namespace(clip=Namespace(name="one")))
