"""What inspect calls exact converts, and what does not convert is said by inspect."""

from __future__ import annotations

import shutil

import pytest
import torch

import toolkit
from toolkit.core.errors import ToolkitError


def without(folder, *names):
    for name in names:
        (folder / name).unlink()


def with_model(change):
    def spoil(folder):
        state = torch.load(folder / "model.pt", weights_only=False)
        change(state)
        torch.save(state, folder / "model.pt")

    return spoil


def add_tensor(state):
    state["model"]["decoder.extra.weight"] = torch.ones(2)


def drop_tensor(state):
    del state["model"]["decoder.layers.0.fc1.bias"]


def put_nan(state):
    state["model"]["decoder.layers.0.fc1.bias"][:3] = torch.nan


def put_nan_in_a_counter(state):
    state["model"]["decoder.version"].fill_(torch.nan)


def longer_dictionary(folder):
    with (folder / "dict.txt").open("a", encoding="utf-8") as file:
        file.write("extra 1\n")


SPOILED = {
    "not": (lambda _: None, "native", ""),
    "an unclaimed tensor": (with_model(add_tensor), "refused", "decoder.extra.weight"),
    "a missing tensor": (with_model(drop_tensor), "refused", "decoder.layers.0.fc1.bias"),
    "a weight that is no number": (
        with_model(put_nan),
        "refused",
        "decoder.layers.0.fc1.bias: 3",
    ),
    "a number that counts formats": (with_model(put_nan_in_a_counter), "native", ""),
    "no dictionary": (lambda f: without(f, "dict.txt"), "incomplete", "--dict"),
    "no companions": (
        lambda f: without(f, "dict.txt", "spm.model", "config.yaml"),
        "incomplete",
        "--spm",
    ),
    "another dictionary": (longer_dictionary, "incomplete", "190"),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_inspect_and_convert_agree(golden_checkpoint, tmp_path, kind):
    spoil, conversion, words = SPOILED[kind]
    folder = shutil.copytree(golden_checkpoint.parent, tmp_path / "material")
    spoil(folder)
    said = toolkit.inspect(folder / "model.pt")
    assert said.conversion == conversion
    reasons = [f"{r.name}: {r.because}" for r in (*said.unknown, *said.refusals)]
    reasons += [f"{tensor.name}: {tensor.nan}" for tensor in said.not_finite]
    if conversion == "native":
        assert reasons == []
        toolkit.convert(folder / "model.pt", tmp_path / "out", verify=False)
        return
    assert any(words in reason for reason in reasons), reasons
    with pytest.raises(ToolkitError):
        toolkit.convert(folder / "model.pt", tmp_path / "out", verify=False)
    assert not (tmp_path / "out").exists()
