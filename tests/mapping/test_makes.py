"""Rows of a mapping file that make the family's tensors of a fork's."""

from pathlib import Path

import pytest

from toolkit.core.errors import BadInput
from toolkit.mapping.file import read_mapping

WHOLE = """\
architecture:
  - is: wav2vec_ctc
make:
  - from: "blocks.{i}.qkv.{weight|bias}"
    to: ["layers.{i}.q.{weight|bias}", "layers.{i}.k.{weight|bias}"]
    order: [1, 0]
  - {from: [up, down], to: both, axes: [0, 1]}
inferred:
  - {held: code, because: it ran, checkpoint: abc, rows: "def"}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "mapping.yaml").write_text(WHOLE)
    return tmp_path / "mapping.yaml"


def test_a_row_is_for_every_layer(path: Path) -> None:
    mapping = read_mapping(path)
    names = ["blocks.0.qkv.weight", "blocks.11.qkv.bias", "up", "down", "other"]
    cut, other, joined = mapping.recipes(names)
    assert cut.sources == ("blocks.0.qkv.weight",)
    assert cut.targets == ("layers.0.q.weight", "layers.0.k.weight")
    assert other.targets == ("layers.11.q.bias", "layers.11.k.bias")
    assert cut.order == (1, 0)
    assert (joined.sources, joined.targets, joined.axes) == (("up", "down"), ("both",), (0, 1))
    assert mapping.architecture == "wav2vec_ctc"
    assert mapping.inferred is not None
    assert mapping.inferred.held == "code"


def test_a_row_for_nothing_is_refused_with_its_line(path: Path) -> None:
    with pytest.raises(BadInput, match=r"`mapping.yaml, line 7: .*must take at least one tensor"):
        read_mapping(path).recipes(["blocks.0.qkv.weight"])


def test_the_seal_is_of_what_the_rows_say_and_not_of_their_order(path: Path) -> None:
    before = read_mapping(path).seal
    text = path.read_text()
    row = "  - {from: [up, down], to: both, axes: [0, 1]}\n"
    path.write_text(text.replace(row, "").replace("make:\n", f"make:\n{row}"))
    assert read_mapping(path).seal == before
    for old, new in (("[1, 0]", "[0, 1]"), ("[up, down]", "[down, up]"), ("_ctc", "_x")):
        path.write_text(text.replace(old, new))
        assert read_mapping(path).seal != before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[1, 0]", "[1, 1]", "`order` must have each number from 0 to 1 once"),
        ("[1, 0]", "[1, x]", "`order` must be a list of 2 to 4096 numbers"),
        ("[1, 0]", "[1, -0]", "`order` must have decimal numbers"),
        ('"layers.{i}.k.{weight|bias}"', "k", "must have the same slots in the same order"),
        ("held: code", "held: me", "`held` cannot be `me`"),
        ("  - is: wav2vec_ctc", "  - is: a\n  - is: b", "`architecture` must have one entry"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused(path: Path, old: str, new: str, said: str) -> None:
    path.write_text(WHOLE.replace(old, new))
    with pytest.raises(BadInput, match=said):
        read_mapping(path)
