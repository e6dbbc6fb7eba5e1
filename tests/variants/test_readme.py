"""README.md lists what tests convert, and how each conversion ends."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.variants.readme import README, TABLES, kinds, totals, write_tables
from toolkit.families import families


@dataclass(frozen=True)
class Kind:
    name: str
    ends: str


def test_the_readme_shows_every_kind_and_how_it_ends() -> None:
    text = README.read_text(encoding="utf-8")
    assert write_tables(text) == text


def test_every_family_has_a_table() -> None:
    told = {name for title in TABLES for name in title.split(", ")}
    assert {family.name for family in families()} <= told


def test_there_are_more_than_three_hundred_kinds() -> None:
    assert sum(map(len, TABLES.values())) > 300


def test_a_table_groups_kinds_by_their_ends_without_what_all_names_begin_with() -> None:
    found = kinds(
        [
            Kind("letters, plain", "native exact"),
            Kind("letters, tied", "native exact"),
            Kind("letters, odd", "refused: args.odd"),
        ]
    )
    assert found.splitlines()[2:] == [
        "| stock exact | 2 | plain; tied |",
        "| refused | 1 | odd (`args.odd`) |",
    ]


def test_the_totals_count_every_end_of_every_table() -> None:
    tables = {"one": [Kind("a", "native exact")], "two": [Kind("b", "refused: x")]}
    assert totals(tables).splitlines() == [
        "| family | stock exact | refused |",
        "|---|---|---|",
        "| one | 1 |  |",
        "| two |  | 1 |",
        "| all | 1 | 1 |",
    ]


def test_a_wrong_table_is_written_anew_and_a_missing_one_is_an_error() -> None:
    text = README.read_text(encoding="utf-8")
    assert write_tables(text.replace("| stock exact |", "| wrong |")) == text
    with pytest.raises(ValueError, match="must have the tables"):
        write_tables(text.replace("<!-- kinds: wavlm -->", ""))
