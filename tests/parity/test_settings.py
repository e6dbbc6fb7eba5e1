"""A pair's settings are the fields of a request, as TOML or as the texts of pytest.ini."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolkit.core.errors import BadInput
from toolkit.parity.settings import KEYS, PairSettings, _make_pair
from toolkit.session.options import items_of
from toolkit.session.requests.verify import Pair

BOTH = {"checkpoint": "m.pt", "target": "hf"}


def make(folder: Path, **table: Any) -> PairSettings:
    return _make_pair({**BOTH, **table}, folder, folder / "reports")


def test_the_settings_are_the_fields_of_the_request_and_a_few_of_their_own() -> None:
    fields = {item.name for item in items_of(Pair)}
    assert set(KEYS) == fields - {"hf_dir"} | {"target", "name", "tolerances", "report"}


def test_paths_are_relative_to_the_settings_own_file(tmp_path: Path) -> None:
    pair = make(tmp_path, audio=["a", "b"], dict="d.txt", user_dir="fork", report="elsewhere")
    assert (pair.checkpoint, pair.hf_dir) == (tmp_path / "m.pt", tmp_path / "hf")
    assert pair.audio == (tmp_path / "a", tmp_path / "b")
    assert (pair.dict, pair.user_dir) == (tmp_path / "d.txt", tmp_path / "fork")
    assert (pair.report, pair.name) == (tmp_path / "elsewhere", "hf")
    assert make(tmp_path).report == tmp_path / "reports"


def test_texts_are_read_as_what_they_stand_for(tmp_path: Path) -> None:
    pair = make(tmp_path, exact_padding="true", encoder_config='{"a": 1}', audio="clips", name=1)
    assert pair.exact_padding is True
    assert pair.encoder_config == {"a": 1}
    assert pair.audio == (tmp_path / "clips",)
    assert pair.name == "1"
    assert make(tmp_path, exact_padding="false").exact_padding is False


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"dtype": "int8"}, "`--dtype` must be one of"),
        ({"encoder_config": "["}, "`encoder_config` must be a JSON object"),
        ({"max_shard_bytes": 7}, "`max_shard_bytes` is no setting of a parity pair"),
        ({"audio": "a", "recording": "r"}, "but has both"),
    ],
)
def test_a_wrong_value_is_refused_when_it_is_read(
    tmp_path: Path, table: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said.replace("[", r"\[")):
        make(tmp_path, **table)
