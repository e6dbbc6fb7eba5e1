"""Layouts are read off shapes, off values where shapes leave them open, and never guessed."""

from __future__ import annotations

import pytest
import torch
from einops import rearrange

from toolkit.modules.layouts import Axes, Reading, read_axes, settle

GENERATOR = torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ("shape", "pattern", "sizes"),
    [
        ((3, 5, 7), "b t d -> b t d", {}),
        ((3, 5, 7), "b t d -> t b d", {}),
        ((1, 5, 7), "b t d -> t b d", {}),
        ((1, 5, 7), "1 t d -> t d", {}),
        ((3, 5, 7), "b t d -> (t b) d", {}),
        ((15, 7), "(t b) d -> b t d", {"b": 3}),
        ((4, 4, 4), "b t d -> d b t", {}),
        ((2, 3, 6), "b t d -> (b t) d", {}),
        ((2, 3, 4, 5), "b h t d -> b t h d", {}),
    ],
)
def test_one_tensor_in_two_layouts_is_read_as_itself(shape, pattern, sizes):
    given = torch.randn(shape, generator=GENERATOR)
    held = rearrange(given, pattern, **sizes)
    reading = read_axes(given, held)
    assert reading.how in ("shapes", "values")
    assert any(way.place(given).equal(held) for way in reading.ways)
    assert reading.how == "shapes" or reading.ways[0].place(given).equal(held)


def test_shapes_that_do_not_go_together_have_no_way():
    assert read_axes(torch.ones(3, 5), torch.ones(3, 4)).ways == ()


def test_a_layout_that_neither_shapes_nor_values_tell_is_open():
    left, right = (torch.randn(4, 4, generator=GENERATOR) for _ in range(2))
    reading = read_axes(left, right)
    assert (reading.how, len(reading.ways)) == ("open", 2)


def test_an_open_layout_is_settled_by_others_alone_and_stays_open_without_them():
    straight, turned = Axes(source="B D", target="B D"), Axes(source="D B", target="B D")
    unclear = Reading(ways=(straight, turned), how="open")
    other = Reading(ways=(turned,), how="values")
    assert settle(unclear, [other]).ways == (turned,)
    assert settle(unclear, [other]).how == "others"
    assert settle(unclear, [unclear]) == unclear
    assert settle(other, [unclear]) == other
