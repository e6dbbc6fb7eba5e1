"""NaN and infinities of a checkpoint are said before anything runs, and no command goes on."""

from __future__ import annotations

import shutil

import pytest
import torch
from click.testing import CliRunner

from toolkit.cli import app

NAN = "encoder.w2v_encoder.w2v_model.encoder.layers.0.fc1.weight"
INF = "decoder.layers.0.fc1.bias"


@pytest.fixture(scope="module")
def diverged(golden_checkpoint, tmp_path_factory):
    """The golden checkpoint after a training that diverged."""
    folder = tmp_path_factory.mktemp("diverged") / "checkpoint"
    shutil.copytree(golden_checkpoint.parent, folder)
    state = torch.load(folder / "model.pt", weights_only=False)
    state["model"][NAN][1, 2] = torch.nan
    state["model"][INF][:2] = -torch.inf
    torch.save(state, folder / "model.pt")
    return folder / "model.pt"


@pytest.mark.parametrize(
    "words",
    [
        ["convert", "CHECKPOINT", "NEW"],
        ["convert", "CHECKPOINT", "NEW", "--no-verify"],
        ["verify", "CHECKPOINT", "FOLDER"],
        ["diff", "CHECKPOINT", "FOLDER"],
        ["record", "CHECKPOINT", "NEW"],
    ],
    ids=" ".join,
)
def test_the_command_ends_with_2_and_names_all_tensors(
    words, diverged, converted, tmp_path, monkeypatch
):
    def never(*_, **__):
        raise AssertionError("fairseq was asked")

    monkeypatch.setattr("toolkit.pipeline.reference.open_reference", never)
    monkeypatch.setattr("toolkit.pipeline.origin.Origin.ask", never)
    places = {"CHECKPOINT": diverged, "FOLDER": converted, "NEW": tmp_path / "new"}
    ran = CliRunner().invoke(app, [str(places.get(word, word)) for word in words])
    assert ran.exit_code == 2, ran.output
    said = " ".join(ran.stderr.split())
    assert f"`{INF}` (0 NaN, 2 infinite)" in said
    assert f"`{NAN}` (1 NaN, 0 infinite)" in said
    assert not (tmp_path / "new").exists()
