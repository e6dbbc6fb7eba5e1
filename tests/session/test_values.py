"""Values that are written as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.core.errors import BadInput
from toolkit.session.values import read_json_object


def test_an_object_is_text_or_the_file_of_it(tmp_path: Path) -> None:
    (tmp_path / "values.json").write_text('{"a": 1}')
    assert read_json_object("--encoder-config", ' {"a": 1}') == {"a": 1}
    assert read_json_object("--encoder-config", str(tmp_path / "values.json")) == {"a": 1}


@pytest.mark.parametrize("text", ['{"a": ', "nowhere.json"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="`--decoder-config` must be a JSON object or a file of one"):
        read_json_object("--decoder-config", text)


def test_what_is_no_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "values.json").write_text("[1]")
    with pytest.raises(BadInput, match="must be a JSON object, but is list"):
        read_json_object("--encoder-config", str(tmp_path / "values.json"))
