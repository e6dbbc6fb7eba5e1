import hashlib

import pytest
import torch

from toolkit.checkpoint import Checkpoint, open_checkpoint
from toolkit.checkpoint.renamed import Rename, rename_tensors
from toolkit.core.errors import BadInput

from .samples import save

SHARED = torch.arange(6.0).reshape(2, 3)
MODEL = {
    "encoder.speech.a": torch.ones(2),
    "encoder.speech.b": torch.zeros(3),
    "encoder.speechless": torch.ones(1),
    "embed": SHARED,
    "out": SHARED,
}


def rename(source, target):
    return Rename(source=source, target=target, origin=f"{source} -> {target}")


RENAMES = (rename("encoder.speech.", "encoder.w2v."), rename("out", "output.weight"))
NAMES = ["encoder.w2v.a", "encoder.w2v.b", "encoder.speechless", "embed", "output.weight"]


@pytest.fixture
def checkpoint(tmp_path):
    return open_checkpoint(save(tmp_path / "model.pt", MODEL, args={"arch": "x"}, cfg=None))


@pytest.fixture
def renamed(checkpoint):
    return rename_tensors(checkpoint, RENAMES)


def problems(checkpoint, *renames):
    with pytest.raises(BadInput) as caught:
        rename_tensors(checkpoint, renames)
    return str(caught.value).splitlines()


def test_every_tensor_is_found_under_its_new_name_in_the_same_order(renamed):
    assert list(renamed.tensors) == NAMES
    assert [spec.name for spec in renamed.tensors.values()] == NAMES


def test_values_and_places_are_those_of_the_file(checkpoint, renamed):
    state = renamed.state_dict()
    assert list(state) == NAMES
    for name, original in zip(NAMES, MODEL, strict=True):
        assert renamed.original_name(name) == original
        assert torch.equal(renamed.load(name), MODEL[original])
        assert torch.equal(state[name], MODEL[original])
        assert renamed.location(name) == checkpoint.location(original)


def test_tied_tensors_stay_tied_under_their_new_names(renamed):
    assert renamed.aliases() == (("embed", "output.weight"),)
    state = renamed.state_dict()
    assert state["embed"].data_ptr() == state["output.weight"].data_ptr()


def test_all_but_the_names_is_that_of_the_checkpoint(checkpoint, renamed):
    assert isinstance(renamed, Checkpoint)
    for name in ("path", "format", "settings", "extras", "non_tensors", "has_optimizer_state"):
        assert getattr(renamed, name) == getattr(checkpoint, name)
    assert renamed.sha256() == hashlib.sha256(checkpoint.path.read_bytes()).hexdigest()


def test_the_checkpoint_itself_keeps_its_names(checkpoint, renamed):
    assert list(checkpoint.tensors) == list(MODEL)
    assert list(renamed.tensors) == NAMES


def test_an_old_name_is_no_name_any_more(renamed):
    for ask in (renamed.load, renamed.location, renamed.original_name):
        with pytest.raises(BadInput, match=r"`out` must be a tensor of"):
            ask("out")


def test_a_file_that_changed_is_refused(renamed):
    save(renamed.path, {"other": torch.ones(100)})
    with pytest.raises(BadInput, match="changed since"):
        renamed.load("embed")


def test_without_renames_all_names_stay(checkpoint):
    same = rename_tensors(checkpoint, ())
    assert list(same.tensors) == list(MODEL)
    assert same.original_name("out") == "out"


def test_renames_do_not_build_on_each_other(checkpoint):
    swapped = rename_tensors(checkpoint, (rename("embed", "out"), rename("out", "embed")))
    assert swapped.original_name("out") == "embed"
    assert swapped.original_name("embed") == "out"


def test_a_second_renaming_still_knows_the_names_of_the_file(renamed):
    again = rename_tensors(renamed, (rename("encoder.w2v.", ""),))
    assert again.original_name("a") == "encoder.speech.a"


def test_a_prefix_can_be_taken_away(checkpoint):
    assert "speech.a" in rename_tensors(checkpoint, (rename("encoder.", ""),)).tensors


@pytest.mark.parametrize(
    ("source", "words"),
    [("decoder.", "begins with"), ("speech.", "begins with"), ("encoder.speech", "is called")],
)
def test_a_rename_that_matches_nothing_is_named(checkpoint, source, words):
    (problem,) = problems(checkpoint, rename(source, "x" + source))
    assert problem.startswith(f"`{source} -> x{source}` must rename at least one tensor")
    assert f"none {words} `{source}`" in problem


def test_a_tensor_under_two_renames_is_named_with_both(checkpoint):
    found = problems(checkpoint, rename("embed", "x"), rename("embed", "y"))
    assert found[0].startswith("`embed` must fall under one rename at most, but falls under 2:")
    assert "embed -> x; embed -> y" in found[0]


def test_two_tensors_of_one_new_name_are_named(checkpoint):
    (problem,) = problems(checkpoint, rename("out", "embed"))
    assert problem.startswith("`embed` must be the name of one tensor, but `embed` and `out`")


def test_all_that_is_wrong_stands_in_one_error(checkpoint):
    found = problems(
        checkpoint,
        rename("absent", "x"),
        rename("gone.", "x."),
        rename("out", "embed"),
        rename("encoder.speech.b", "encoder.speech.a"),
    )
    assert len(found) == 4
