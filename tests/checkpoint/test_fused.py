"""Weight norms are taken off as fairseq takes them off when it loads a vocoder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from toolkit import BadInput
from toolkit.audio import golden_folder
from toolkit.checkpoint import open_checkpoint
from toolkit.checkpoint.fused import take_off_weight_norms
from toolkit.checkpoint.recipes import Recipe
from toolkit.checkpoint.remade import RemadeCheckpoint, as_loaded, remake_tensors, taken_apart

GOLDEN = golden_folder() / "untrained" / "code_hifigan" / "model.pt"


def write(folder: Path, tensors: dict[str, torch.Tensor]) -> Path:
    torch.save({"generator": tensors}, folder / "model.pt")
    return folder / "model.pt"


def test_a_vocoder_s_file_has_the_entry_of_its_training() -> None:
    checkpoint = open_checkpoint(GOLDEN)
    assert "conv_pre.weight_g" in checkpoint.tensors
    assert checkpoint.settings == {}
    assert checkpoint.extras == {}


@pytest.mark.parametrize("kind", [torch.nn.Conv1d, torch.nn.ConvTranspose1d])
def test_the_weight_is_torch_s_own_to_the_last_bit(kind: type, tmp_path: Path) -> None:
    layer = torch.nn.utils.weight_norm(kind(6, 4, 3))
    with torch.no_grad():
        layer.weight_g.mul_(torch.rand_like(layer.weight_g) + 0.5)
    given = {f"layer.{name}": tensor.clone() for name, tensor in layer.state_dict().items()}
    made = take_off_weight_norms(open_checkpoint(write(tmp_path, given))).state_dict()
    torch.nn.utils.remove_weight_norm(layer)
    assert list(made) == ["layer.bias", "layer.weight"]
    assert made["layer.weight"].equal(layer.weight)
    assert made["layer.bias"].equal(layer.bias)


def test_what_was_made_can_be_taken_apart_again(tmp_path: Path) -> None:
    given = {"a.weight_g": torch.rand(40, 1, 1), "a.weight_v": torch.randn(40, 20, 7)}
    given["a.weight_g"][3] = 0
    made = take_off_weight_norms(open_checkpoint(write(tmp_path, given)))
    assert isinstance(made, RemadeCheckpoint)
    recipe = made.makings["a.weight"].recipe
    weight = made.load("a.weight")
    gain, direction = recipe.undo([weight], [])
    assert gain.shape == (40, 1, 1)
    (again,) = recipe.make([gain, direction])
    assert again.equal(weight)
    assert not weight[3].any()
    assert taken_apart(made) == {"a.weight_g": (recipe, 0), "a.weight_v": (recipe, 1)}


def test_what_was_saved_in_half_precision_is_computed_in_float32_as_fairseq_does(
    tmp_path: Path,
) -> None:
    given = {"a.weight_g": torch.rand(4, 1, 1).half(), "a.weight_v": torch.randn(4, 2, 3).half()}
    made = take_off_weight_norms(open_checkpoint(write(tmp_path, given)))
    expected = torch._weight_norm(given["a.weight_v"].float(), given["a.weight_g"].float(), 0)
    assert made.load("a.weight").equal(expected)
    assert made.tensors["a.weight"].dtype == "float32"


def test_what_lies_in_the_file_is_what_fairseq_loads(tmp_path: Path) -> None:
    given = {"a.weight_g": torch.rand(4, 1, 1), "a.weight_v": torch.randn(4, 2, 3)}
    opened = open_checkpoint(write(tmp_path, given))
    assert set(as_loaded(take_off_weight_norms(opened)).tensors) == set(given)
    assert as_loaded(opened) is opened
    joined = remake_tensors(opened, [Recipe(sources=("a.weight_v",), targets=("b", "c"))])
    assert as_loaded(joined) is joined
    assert taken_apart(joined) == taken_apart(opened) == {}


def test_a_file_without_weight_norms_is_left_alone(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(write(tmp_path, {"a.weight": torch.ones(2)}))
    assert take_off_weight_norms(checkpoint) is checkpoint


def test_a_gain_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    given = {"a.weight_g": torch.rand(3, 1, 1), "a.weight_v": torch.randn(4, 2, 3)}
    shapes = re.escape("the gain has shape (3, 1, 1), and the direction (4, 2, 3)")
    with pytest.raises(BadInput, match=shapes):
        take_off_weight_norms(open_checkpoint(write(tmp_path, given)))
