"""Tables of positions in a folder, which today's classes compute."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from toolkit.diagnosis import Truth, take_inventory, take_notes
from toolkit.diagnosis.tables import computed_tables
from toolkit.folder.view import FolderView, view_folder
from toolkit.mapping import Sinusoids

NAME = "decoder.model.decoder.computed.weights"


@pytest.fixture
def view(converted: Path) -> FolderView:
    return view_folder(converted)


def holding(view: FolderView, table: torch.Tensor) -> FolderView:
    return replace(view, tensors={**view.tensors, NAME: table})


def test_a_table_that_is_computed_is_a_note_and_no_finding(truth: Truth, view: FolderView) -> None:
    held = holding(view, Sinusoids().make((66, 16)))
    assert take_inventory(truth, held) == ()
    assert NAME in {note.key for note in take_notes(truth, held)}


@pytest.mark.parametrize("factor", [0.5, -1.0])
def test_another_table_is_a_finding(truth: Truth, view: FolderView, factor: float) -> None:
    (finding,) = take_inventory(truth, holding(view, factor * Sinusoids().make((66, 16))))
    assert finding.target_parameters == (NAME,)


def test_half_precision_is_near_enough_and_other_shapes_are_no_tables(view: FolderView) -> None:
    assert computed_tables(holding(view, Sinusoids().make((66, 16)).half()), view.tensors) == (
        NAME,
    )
    for shape in ((16,), (1, 16), (66, 2)):
        assert computed_tables(holding(view, torch.zeros(shape)), view.tensors) == ()
