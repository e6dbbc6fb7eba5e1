"""Sets of tensors for languages beside those of a model, read as data."""

from __future__ import annotations

import pytest
import torch

from tests.checkpoint.samples import save
from toolkit.checkpoint import open_checkpoint
from toolkit.checkpoint.languages import speaking, with_rows
from toolkit.checkpoint.sets import language_set, maybe_language, name_in, without_language
from toolkit.core.errors import BadInput


def sets(**languages):
    return {
        language: {"model": {"head": torch.full((2, 3), float(number))}}
        for number, language in enumerate(languages or ("fra", "eng"))
    }


def test_each_language_has_tensors_under_names_of_its_own(tmp_path):
    checkpoint = open_checkpoint(save(tmp_path / "x.pt", adapter=sets()))
    assert list(checkpoint.tensors) == ["weight", "adapter[fra].head", "adapter[eng].head"]
    assert checkpoint.load("adapter[eng].head").eq(1).all()
    assert dict(checkpoint.symbols) == {"fra": (), "eng": ()}
    assert "adapter" not in checkpoint.extras


def test_names_are_told_apart_from_those_of_modules():
    assert maybe_language(name_in("fra", "a.b")) == "fra"
    assert without_language(name_in("fra", "a.b")) == "a.b"
    assert language_set(name_in("fra", "a.b")) == "adapter[fra]"
    assert maybe_language("adapter.layers.0.conv.weight") is None
    assert without_language("adapter.layers.0.conv.weight") == "adapter.layers.0.conv.weight"


@pytest.mark.parametrize("entry", [None, {"fra": 1}, [1], {"fra": {"weights": 1}}])
def test_an_entry_of_another_kind_is_an_extra_as_any(tmp_path, entry):
    checkpoint = open_checkpoint(save(tmp_path / "x.pt", adapter=entry))
    assert list(checkpoint.tensors) == ["weight"]
    assert "adapter" in checkpoint.extras


@pytest.mark.parametrize(
    "odd",
    [{"model": 1}, {"model": {"head": 1}}, {"model": {1: torch.zeros(1)}}, 5],
)
def test_a_set_of_something_else_is_refused(tmp_path, odd):
    path = save(tmp_path / "x.pt", adapter={**sets(), "deu": odd})
    with pytest.raises(BadInput, match=r"`adapter\[deu\]` is something else"):
        open_checkpoint(path)


@pytest.mark.parametrize("state", [{"target_dictionary": 1}, {"target_dictionary": ["a"]}])
def test_a_dictionary_that_is_none_is_refused(tmp_path, state):
    held = {"fra": {**sets()["fra"], "task_state": state}}
    with pytest.raises(BadInput, match="must have a dictionary of fairseq's with its symbols"):
        open_checkpoint(save(tmp_path / "x.pt", adapter=held))


def test_a_language_takes_the_place_of_the_models_tensors_and_that_is_said(tmp_path):
    model = {"head": torch.full((4, 3), 9.0), "trunk": torch.ones(2)}
    checkpoint = open_checkpoint(save(tmp_path / "x.pt", model, adapter=sets()))
    told = speaking(checkpoint, "eng")
    assert told.load("head").equal(checkpoint.load("adapter[eng].head"))
    assert told.tensors["head"].shape == (2, 3)
    assert told.mapped("trunk").equal(torch.ones(2))
    (reason,) = told.left_out
    assert reason.name == "head of `model`"


def test_rows_of_stacked_tensors_are_sets_without_a_copy(tmp_path):
    model = {"stack": torch.arange(12.0).reshape(2, 2, 3), "head": torch.ones(2)}
    checkpoint = open_checkpoint(save(tmp_path / "x.pt", model))
    told = with_rows(checkpoint, ("a", "b"), frozenset({"stack"}), frozenset({"head"}))
    assert told.load("adapter[b].stack").equal(model["stack"][1:2])
    assert told.mapped("adapter[b].stack").equal(model["stack"][1:2])
    assert told.location("adapter[a].head") == told.location("head")


def saved_dictionary(*symbols):
    from fairseq.data import Dictionary

    dictionary = Dictionary(add_special_symbols=False)
    for symbol in symbols:
        dictionary.add_symbol(symbol)
    return dictionary


def test_the_dictionary_that_the_task_saved_is_read_as_data(tmp_path):
    state = {"target_dictionary": saved_dictionary("ara", "cmn")}
    checkpoint = open_checkpoint(save(tmp_path / "x.pt", task_state=state))
    assert checkpoint.task_symbols == ("ara", "cmn")
    assert dict(checkpoint.symbols) == {}


@pytest.mark.parametrize(
    "state", [None, 1, {}, {"target_dictionary": None}, {"target_dictionary": {"symbols": ["a"]}}]
)
def test_a_task_that_saved_none_is_no_error(tmp_path, state):
    assert open_checkpoint(save(tmp_path / "x.pt", task_state=state)).task_symbols == ()
