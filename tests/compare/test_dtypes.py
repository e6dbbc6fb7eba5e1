from dataclasses import replace

import pytest
import torch

from toolkit.compare.dtypes import loaded_dtype
from toolkit.compare.keys import config_differences
from toolkit.folder.view import view_folder


@pytest.fixture(scope="module")
def view(converted):
    return view_folder(converted)


def without_dtype(view, **said):
    config = {key: value for key, value in view.config.items() if key != "dtype"}
    return replace(view, config={**config, **said})


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"dtype": "float16"}, ("dtype", "float16")),
        ({"torch_dtype": "bfloat16"}, ("torch_dtype", "bfloat16")),
        ({"dtype": None, "torch_dtype": "float64"}, ("torch_dtype", "float64")),
        ({"dtype": "float16", "torch_dtype": "float32"}, ("dtype", "float16")),
        ({"dtype": "fast"}, ("dtype", "fast")),
        ({"dtype": 16}, ("dtype", 16)),
    ],
)
def test_another_dtype_changes_the_output_under_either_name(said, found, prepared, view):
    (difference,) = config_differences(prepared.task.contents, without_dtype(view, **said))
    assert (difference.key, difference.actual) == found
    assert (difference.expected, difference.consequence) == ("float32", "output")


@pytest.mark.parametrize(
    "said", [{}, {"torch_dtype": "float32"}, {"dtype": "float32", "torch_dtype": "float16"}]
)
def test_the_right_dtype_may_be_said_under_either_name_or_left_to_the_weights(said, prepared, view):
    assert config_differences(prepared.task.contents, without_dtype(view, **said)) == ()


def test_without_a_key_the_first_fraction_of_the_weights_decides(view):
    tensors = {"ids": torch.tensor([1]), "weight": torch.zeros(1, dtype=torch.bfloat16)}
    assert loaded_dtype(replace(without_dtype(view), tensors=tensors)) == ("dtype", "bfloat16")


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_a_half_checkpoint_may_be_held_with_more_room(half, prepared, view):
    contents = prepared.task.contents
    contents = replace(contents, config={**contents.config, "dtype": half})
    (difference,) = config_differences(contents, view)
    assert (difference.key, difference.consequence) == ("dtype", "none")
    wider = replace(view, config={**view.config, "dtype": "float64"})
    (difference,) = config_differences(contents, wider)
    assert difference.consequence == "output"


def test_a_part_has_no_say_in_the_dtype(prepared, view):
    encoder = {**view.config["encoder"], "dtype": "float16"}
    spoiled = replace(view, config={**view.config, "encoder": encoder})
    (difference,) = config_differences(prepared.task.contents, spoiled)
    assert (difference.key, difference.consequence) == ("encoder.dtype", "none")
