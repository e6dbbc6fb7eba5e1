"""Units of speech are examples, one sequence a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit import BadInput
from toolkit.examples import UNITS, Units


def write(folder: Path, text: str) -> Path:
    path = folder / "some.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_line_is_a_sequence_and_empty_ones_are_none(tmp_path: Path) -> None:
    first, second = UNITS.read([write(tmp_path, "7 0 99\r\n\n12\n")])
    assert isinstance(first, Units)
    assert (first.name, second.name) == ("some:1", "some:3")
    assert first.waveform.tolist() == [7, 0, 99]
    assert second.waveform.tolist() == [12]
    assert (first.duration_s, first.num_samples) == (0, 3)


def test_the_golden_ones_are_taken_where_none_is_named() -> None:
    golden = UNITS.read([])
    assert len(golden) == 6
    assert min(clip.num_samples for clip in golden) == 1
    assert {clip.waveform.max() < 50 for clip in golden} == {True}
    assert [outline.num_samples for outline in UNITS.outline([])] == [
        clip.num_samples for clip in golden
    ]


def test_an_excerpt_is_its_first_units(tmp_path: Path) -> None:
    (clip,) = UNITS.read([write(tmp_path, "1 2 3 4")])
    assert clip.excerpt(2).waveform.tolist() == [1, 2]


@pytest.mark.parametrize("text", ["1 2 x", "-1", "1.5", "1,2", "1234567", "\u0661"])
def test_what_is_no_unit_is_named_with_its_line(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Line 2 of .* must be units"):
        UNITS.read([write(tmp_path, f"1\n{text}\n")])


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xfe"])
def test_a_file_without_units_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "some.txt").write_bytes(content)
    with pytest.raises(BadInput, match="units"):
        UNITS.read([tmp_path / "some.txt"])
