"""What people hand over by mistake is named for what it is, in every place of every command."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from toolkit.blocks.known_tensors import CONVERTED
from toolkit.checkpoint import open_checkpoint
from toolkit.cli import app
from toolkit.core.errors import BadInput

ONE = {"w": torch.ones(2)}


def put_safetensors(path):
    save_file(ONE, path)


def put_tar(path):
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("a"), io.BytesIO())


def put(content):
    return lambda path: path.write_bytes(content)


def put_torch(content):
    return lambda path: torch.save(content, path)


def put_folder(**files):
    def make(path):
        path.mkdir()
        for name, content in files.items():
            (path / name.replace("__", ".")).write_text(content)

    return make


HF = {"config__json": '{"model_type": "speech-encoder-decoder"}', "model__safetensors": ""}

NO_CHECKPOINT = {
    "Git LFS pointer": (put(b"version https://git-lfs.github.com/spec/v1\noid"), "git lfs pull"),
    "web page": (put(b"<!DOCTYPE html><html>"), "web page"),
    "empty file": (put(b""), "an empty file"),
    "gzip": (put(gzip.compress(b"x")), "gzip archive"),
    "GGUF": (put(b"GGUF\3\0\0\0"), "GGUF"),
    "audio": (put(b"fLaC\0\0"), "`--audio`"),
    "JSON": (put(b'{"a": 1}'), "a JSON file"),
    "tar": (put_tar, "tar archive"),
    "safetensors": (put_safetensors, "a safetensors file"),
    "bare state dict": (put_torch(ONE), "a bare state dict"),
    "nested state dict": (put_torch({"state_dict": ONE}), "a bare state dict"),
    "transformers weights": (
        put_torch({"model.encoder.w": torch.ones(1), "lm_head.weight": torch.ones(1)}),
        "weights of a transformers model",
    ),
    "Whisper": (put_torch({"dims": {}, "model_state_dict": ONE}), "Whisper"),
    "Lightning": (put_torch({"pytorch-lightning_version": "2", "state_dict": ONE}), "Lightning"),
    "fairseq2": (put_torch({"model_name": "unity", "model": ONE}), "SeamlessM4T"),
    "Lightning, fairseq's names": (
        put_torch({"state_dict": {"model.w2v_encoder.proj.weight": torch.ones(1)}, "epoch": 1}),
        "a bare state dict",
    ),
    "s3prl": (
        put_torch({"task_cfg": {}, "model_cfg": {}, "model_weight": ONE}),
        "s3prl packed anew. Pack it as fairseq does",
    ),
    "LoRA": (
        put_torch({"cfg": {}, "model": {"layers.0.q_proj.lora_A": torch.ones(1)}}),
        "low-rank adapters beside its weights. Merge them first",
    ),
    "FSDP shard": (put_torch({"cfg": {}, "model": ONE, "shard_metadata": {}}), "FSDP"),
    "Hugging Face folder": (put_folder(**HF), "of type `speech-encoder-decoder`"),
    "adapter": (put_folder(adapter_config__json="{}"), "an adapter"),
    "folder with one checkpoint": (put_folder(checkpoint_best__pt=""), "checkpoint_best.pt`."),
    "folder with checkpoints": (put_folder(a__pt="", b__pt=""), "Name one of `a.pt`, `b.pt`"),
    "folder of weights alone": (put_folder(model__safetensors=""), "without `config.json`"),
    "empty folder": (put_folder(), "an empty folder"),
}


@pytest.fixture(params=NO_CHECKPOINT)
def given(request, tmp_path):
    """A path to something that is no checkpoint, and words that name it."""
    make, words = NO_CHECKPOINT[request.param]
    make(tmp_path / "given")
    return tmp_path / "given", words


def test_it_is_named_where_a_checkpoint_is_asked_for(given):
    path, words = given
    with pytest.raises(BadInput) as caught:
        open_checkpoint(path, converted=CONVERTED)
    assert words in str(caught.value)


def test_what_a_file_holds_is_not_listed_to_its_last_tensor(tmp_path):
    torch.save({f"layer.{i}": torch.ones(1) for i in range(300)}, tmp_path / "model.pt")
    with pytest.raises(BadInput, match="`layer.9`, and 290 more at the top"):
        open_checkpoint(tmp_path / "model.pt")


@pytest.mark.parametrize("command", ["convert", "verify", "diff", "record"])
def test_every_command_names_it(given, tmp_path, command):
    path, words = given
    folder = tmp_path / "hf"
    if command in ("verify", "diff"):
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        torch_free = {"w": torch.ones(1)}
        save_file(torch_free, folder / "model.safetensors")
    before = sorted(tmp_path.rglob("*"))
    outcome = CliRunner().invoke(app, [command, str(path), str(folder)])
    assert outcome.exit_code == 2
    assert words in outcome.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("command", ["convert", "verify", "diff", "record"])
def test_the_wrong_way_round_is_told_and_nothing_is_advised_to_be_removed(
    golden_checkpoint, converted, tmp_path, command
):
    for first in (tmp_path / "out", converted):
        outcome = CliRunner().invoke(app, [command, str(first), str(golden_checkpoint)])
        assert outcome.exit_code == 2
        assert "exchange the two" in outcome.stderr
        assert "emove" not in outcome.stderr
        assert "Nothing was changed" in outcome.stderr


@pytest.mark.parametrize("name", ["Git LFS pointer", "safetensors", "web page", "JSON"])
@pytest.mark.parametrize("command", ["convert", "verify", "diff"])
def test_a_file_in_the_place_of_a_folder_is_named(golden_checkpoint, tmp_path, command, name):
    make, words = NO_CHECKPOINT[name]
    make(tmp_path / "given")
    before = (tmp_path / "given").read_bytes()
    outcome = CliRunner().invoke(app, [command, str(golden_checkpoint), str(tmp_path / "given")])
    assert outcome.exit_code == 2
    assert words in outcome.stderr
    assert (tmp_path / "given").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://dl.fbaipublicfiles.com/model.pt", "Download it first"),
        ("s3://bucket/model.pt", "Download it first"),
        ("facebook/wav2vec2-xls-r-1b-21-to-en", "hf download facebook/wav2vec2-xls-r-1b-21-to-en"),
        ("nowhere.pt", "no such file"),
    ],
)
@pytest.mark.parametrize("place", ["CHECKPOINT", "HF_DIR"])
def test_what_is_not_on_this_machine_is_named(golden_checkpoint, text, words, place):
    paths = [text, "x"] if place == "CHECKPOINT" else [str(golden_checkpoint), text]
    command = "inspect" if place == "CHECKPOINT" else "verify"
    outcome = CliRunner().invoke(app, [command, *paths[: 1 if command == "inspect" else 2]])
    assert outcome.exit_code == 2
    assert words in outcome.stderr


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        ("transformer_lm_big", "convert_xglm"),
        ("transformer_wmt_en_de", "convert_fsmt"),
        ("mbart_large", "BART"),
        ("roberta_base", "RoBERTa"),
        ("something_new", "docs/adding-a-family.md"),
    ],
)
def test_other_families_of_fairseq_are_named_with_what_converts_them(tmp_path, architecture, words):
    torch.save(
        {"args": None, "cfg": {"model": {"_name": architecture}}, "model": ONE}, tmp_path / "m"
    )
    outcome = CliRunner().invoke(app, ["inspect", str(tmp_path / "m")])
    assert outcome.exit_code == 2
    assert architecture in outcome.stderr
    assert words in outcome.stderr


def test_a_hostile_config_is_not_quoted(tmp_path):
    folder = tmp_path / "hf"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "\u202eevil"}))
    with pytest.raises(BadInput, match="is a Hugging Face folder\\."):
        open_checkpoint(folder)
