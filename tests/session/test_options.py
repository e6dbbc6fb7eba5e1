"""What stands beside a field is read as it is meant, or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest

from toolkit.core.errors import BadInput
from toolkit.session.options import Argument, Item, Named, Option, items_of, one_of, typed_items


def item_of(kind: Any, named: Named) -> Item:
    (item,) = items_of(make_dataclass("Asked", [("a_value", Annotated[kind, named], None)]))
    return item


@pytest.mark.parametrize(
    ("kind", "read", "is_optional"),
    [
        (Path, Path, False),
        (Path | None, Path, True),
        (bool | None, bool, True),
        (Sequence[Path], Sequence, False),
        (Mapping[str, Any] | None, Mapping, True),
    ],
)
def test_a_type_is_read_without_what_it_holds(kind: Any, read: Any, is_optional: bool) -> None:
    item = item_of(kind, Named("Something."))
    assert (item.type, item.is_optional) == (read, is_optional)


def test_an_option_is_typed_by_its_name_and_an_argument_by_its_word() -> None:
    assert item_of(int, Option("Something.")).typed == "--a-value"
    assert item_of(int, Option("Something.", flag="--other")).typed == "--other"
    assert item_of(int, Argument("Something.", metavar="WORD")).typed == "WORD"


def test_what_python_is_told_may_differ_from_the_help() -> None:
    assert item_of(int, Named("Help.")).meaning == "Help."
    assert item_of(int, Named("Help.", python="More.")).meaning == "More."


def test_what_is_named_in_python_alone_is_not_typed() -> None:
    kind = make_dataclass("Asked", [("told", Annotated[int, Named("Who hears.")]), ("plain", int)])
    assert [item.name for item in items_of(kind)] == ["told"]
    assert typed_items(kind) == ()


def test_one_of_a_few_says_all_of_them() -> None:
    check = one_of(("left", "right"), "straight on")
    check("--way", "left")
    with pytest.raises(BadInput) as caught:
        check("--way", "up")
    assert str(caught.value) == (
        "`--way` must be one of left, right, but is 'up'. Leave it out for straight on."
    )


def test_a_field_that_would_be_overlooked_is_an_error() -> None:
    @dataclass(frozen=True)
    class Postponed:  # this file's annotations are texts
        way: Annotated[str, Option("Where to.")] = "left"

    with pytest.raises(TypeError, match="must be an object, but is a text"):
        items_of(Postponed)
