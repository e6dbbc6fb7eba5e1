"""What does not fit is refused before anything is written."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

import toolkit
from toolkit.core.errors import BadInput
from toolkit.pipeline.room import expect_room

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize("function", [toolkit.convert, toolkit.plan_conversion])
def test_a_conversion_that_does_not_fit_is_refused_and_nothing_is_written(
    function, golden_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2_000_000, 1_000_000, 1_000_000))
    with pytest.raises(BadInput, match=r"`.*out` must have room for 1.31 MB .*but 1 MB are free"):
        function(golden_checkpoint, tmp_path / "out", verify=False)
    assert list(tmp_path.iterdir()) == []


def test_where_the_system_does_not_say_a_conversion_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(shutil, "disk_usage")
    expect_room(tmp_path / "out", 1 << 60)


def test_what_fits_exactly_may_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10, 5, 5))
    expect_room(tmp_path / "out", 5)
    with pytest.raises(BadInput):
        expect_room(tmp_path / "out", 6)
