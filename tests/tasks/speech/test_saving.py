"""What is saved holds what transformers would have written, whoever's file it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.breaking import WEIGHTS, edit_json
from toolkit.folder.view import view_folder
from toolkit.tasks.speech import saving
from toolkit.tasks.speech.saving import save
from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget

EMBEDDING = "decoder.model.decoder.embed_tokens.weight"
NORM = "decoder.model.decoder.layer_norm.bias"


@pytest.fixture
def loaded(broken):
    return Seq2SeqTarget(broken)


def saved(target: Seq2SeqTarget, folder: Path) -> Path:
    folder.mkdir()
    save(target, folder)
    return folder / WEIGHTS


def written(target: Seq2SeqTarget, folder: Path) -> Path:
    """What transformers writes by itself."""
    target.model.save_pretrained(folder)
    return folder / WEIGHTS


def content(file: Path) -> tuple[dict[str, str], dict[str, bytes]]:
    with safe_open(file, framework="pt") as opened:
        metadata = opened.metadata()
    return metadata, {name: t.numpy().tobytes() for name, t in load_file(file).items()}


def test_weights_that_the_folder_has_are_not_written_again(loaded, broken, tmp_path):
    file = saved(loaded, tmp_path / "saved")
    assert file.resolve() == (broken / WEIGHTS).resolve()
    assert content(file) == content(written(loaded, tmp_path / "written"))


def test_all_other_files_are_those_that_transformers_writes(loaded, tmp_path):
    saved(loaded, tmp_path / "saved")
    written(loaded, tmp_path / "written")
    for part in loaded.saved_beside:
        part.save_pretrained(tmp_path / "written")
    files = [{p.name: p for p in (tmp_path / name).iterdir()} for name in ("saved", "written")]
    assert files[0].keys() == files[1].keys()
    for name in files[0].keys() - {WEIGHTS}:
        assert files[0][name].read_bytes() == files[1][name].read_bytes()


def test_weights_that_were_changed_since_are_written(loaded, broken, tmp_path):
    before = content(broken / WEIGHTS)
    with torch.no_grad():
        loaded.model.get_parameter(NORM)[-1] += 1e-3
    file = saved(loaded, tmp_path / "saved")
    assert not file.is_symlink()
    assert load_file(file)[NORM].equal(loaded.model.get_parameter(NORM))
    assert content(broken / WEIGHTS) == before


def test_the_other_zero_is_written(loaded, tmp_path):
    with torch.no_grad():
        loaded.model.get_parameter(NORM).zero_()
    loaded.model.save_pretrained(loaded.view.path)
    again = Seq2SeqTarget(loaded.view.path)
    with torch.no_grad():
        again.model.get_parameter(NORM).neg_()
    file = saved(again, tmp_path / "saved")
    assert not file.is_symlink()
    assert load_file(file)[NORM].signbit().all()


@pytest.mark.parametrize(
    "edit",
    [
        lambda state: state.pop(NORM),
        lambda state: state.update({NORM: state[NORM].half()}),
        lambda state: state.update({NORM: state[NORM][:-1]}),
        lambda state: state.update(more=state[NORM].clone()),
        lambda state: state.update(renamed=state.pop(NORM)),
    ],
    ids=["left out", "narrowed", "cut", "added", "renamed"],
)
def test_what_transformers_would_write_otherwise_is_written(loaded, tmp_path, monkeypatch, edit):
    save_all = loaded.model.save_pretrained

    def lossy(folder, **options):
        state = {n: t.clone() for n, t in loaded.model.state_dict().items() if "lm_head" not in n}
        edit(state)
        save_all(folder, state_dict=state, **options)

    monkeypatch.setattr(loaded.model, "save_pretrained", lossy)
    file = saved(loaded, tmp_path / "saved")
    assert not file.is_symlink()
    assert content(file) == content(written(loaded, tmp_path / "written"))


def test_a_file_that_says_something_else_of_itself_is_written(broken, tmp_path):
    tensors = load_file(broken / WEIGHTS)
    save_file(tensors, broken / WEIGHTS, metadata={"format": "pt", "by": "hand"})
    assert not saved(Seq2SeqTarget(broken), tmp_path / "saved").is_symlink()


def test_weights_that_lie_in_several_files_are_written(broken, tmp_path):
    Seq2SeqTarget(broken).model.save_pretrained(tmp_path / "shards", max_shard_size="500KB")
    (broken / WEIGHTS).unlink()
    for path in (tmp_path / "shards").glob("model*"):
        path.rename(broken / path.name)
    assert not saved(Seq2SeqTarget(broken), tmp_path / "saved").is_symlink()


def test_weights_in_half_precision_are_written_as_they_are_computed_with(broken, tmp_path):
    tensors = {name: tensor.half() for name, tensor in load_file(broken / WEIGHTS).items()}
    save_file(tensors, broken / WEIGHTS, metadata={"format": "pt"})
    for key in ("dtype", "encoder.dtype", "decoder.dtype"):
        edit_json(broken, "config.json", key, lambda _: "float16")
    file = saved(Seq2SeqTarget(broken), tmp_path / "saved")
    assert not file.is_symlink()


def test_a_transformers_that_writes_by_another_function_writes(loaded, tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "WRITER", "save_by_another_name")
    assert not saved(loaded, tmp_path / "saved").is_symlink()


def test_transformers_writes_as_before_whatever_came_of_it(loaded, tmp_path, monkeypatch):
    from transformers import modeling_utils

    before = modeling_utils.safe_save_file

    def refuse(name, **_):
        raise RuntimeError(name)

    saved(loaded, tmp_path / "saved")
    monkeypatch.setattr(loaded.model, "save_pretrained", refuse)
    with pytest.raises(RuntimeError):
        saved(loaded, tmp_path / "refused")
    assert modeling_utils.safe_save_file is before


def test_a_folder_whose_weights_are_a_link_reloads_from_it(loaded, tmp_path):
    folder = saved(loaded, tmp_path / "saved").parent
    again = loaded.reopened(folder)
    assert again.loading.missing == again.loading.unexpected == ()
    assert [*view_folder(folder, vetted=True).tensors] == [*loaded.view.tensors]
