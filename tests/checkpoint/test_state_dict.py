import pytest
import torch

from toolkit.checkpoint import open_state_dict
from toolkit.core.errors import BadInput


@pytest.mark.parametrize("legacy", [True, False])
def test_a_file_of_tensors_is_opened_without_its_values(legacy, tmp_path):
    held = torch.nn.Linear(3, 2).state_dict()  # with the metadata that modules leave there
    path = tmp_path / "pytorch_model.bin"
    torch.save(held, path, _use_new_zipfile_serialization=not legacy)
    opened = open_state_dict(path)
    assert {name: spec.shape for name, spec in opened.tensors.items()} == {
        name: tuple(tensor.shape) for name, tensor in held.items()
    }
    assert all(opened.load(name).equal(tensor) for name, tensor in held.items())
    assert (dict(opened.settings), dict(opened.extras)) == ({}, {})


@pytest.mark.parametrize(
    ("root", "words"),
    [
        ({"model": {}}, "holds `model`"),
        ({"a": torch.ones(1), "step": 3}, "holds `step`"),
        ([], "list"),
    ],
)
def test_what_holds_more_than_tensors_is_named(root, words, tmp_path):
    torch.save(root, tmp_path / "x.bin")
    with pytest.raises(BadInput, match=f"must hold tensors by name and nothing else.*{words}"):
        open_state_dict(tmp_path / "x.bin")
