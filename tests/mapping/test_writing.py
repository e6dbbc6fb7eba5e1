"""What is written can be read again, and says the same."""

from pathlib import Path

import pytest

from toolkit.checkpoint.recipes import Recipe
from toolkit.core.errors import BadInput
from toolkit.mapping.file import read_mapping
from toolkit.mapping.makes import Inferred
from toolkit.mapping.writing import Left, render, rows_of

INFERRED = Inferred(held="nothing", because="a: b # c", checkpoint="0" * 64, rows="1" * 64)
RECIPES = (
    *(Recipe(sources=(f"b.{n}.w",), targets=(f"layers.{n}.weight",)) for n in (0, 1)),
    Recipe(sources=("b.2.w",), targets=("layers.3.weight",)),
    Recipe(sources=("*&ключ: #", 'a"b'), targets=("x.0",), order=(1, 0)),
)
NAMES = ["b.0.w", "b.1.w", "b.2.w", "*&ключ: #", 'a"b', "c.0.w"]


def write(path: Path, recipes: tuple[Recipe, ...], names: list[str]) -> list[Recipe]:
    rows = rows_of(((recipe, "its shape\nand name") for recipe in recipes), names)
    left = [Left(source="c.0.w", because='nobody\'s: "x"')]
    path.write_text(render(rows, left, "arch: x", INFERRED, ["one\ntwo"]), encoding="utf-8")
    return list(read_mapping(path).recipes(names))


def test_what_is_written_says_the_same_when_it_is_read(tmp_path: Path) -> None:
    found = write(tmp_path / "m.yaml", RECIPES, NAMES)
    said = {(r.sources, r.targets, r.axes, r.order) for r in found}
    assert said == {(r.sources, r.targets, r.axes, r.order) for r in RECIPES}
    mapping = read_mapping(tmp_path / "m.yaml")
    assert mapping.inferred == INFERRED
    assert mapping.architecture == "arch: x"
    assert mapping.drops("c.0.w")


def test_layers_with_the_same_numbers_on_both_sides_are_one_row() -> None:
    names = ["b.0.w", "b.1.w", "c"]
    assert len(rows_of(((recipe, "e") for recipe in RECIPES[:2]), names)) == 1
    # A tensor that the row is not for would be taken by its pattern.
    assert len(rows_of(((recipe, "e") for recipe in RECIPES[:2]), [*names, "b.2.w"])) == 2


@pytest.mark.parametrize("name", ["a\nb", "a{i}", "", "a\x00"])
def test_a_name_that_no_row_can_hold_is_refused(name: str) -> None:
    recipe = Recipe(sources=(name,), targets=("x",))
    with pytest.raises(BadInput, match="must be a printable name without braces"):
        rows_of([(recipe, "e")], [name])
