"""What is saved as a checkpoint opens here, in torch's safe mode, and in fairseq."""

from __future__ import annotations

import errno
import io
from argparse import Namespace
from pathlib import Path

import pytest
import torch

from toolkit.checkpoint import open_checkpoint
from toolkit.checkpoint.nested import read_nested
from toolkit.checkpoint.saving import LanguageSet, Written, save_checkpoint

GROUPS = {"model": {"_name": "wav2vec_ctc", "w2v_args": {"model": {"arch": "wav2vec2"}}}}
TENSORS = {"b": torch.arange(3.0), "a": torch.ones(2, 2, dtype=torch.float16)}


def test_groups_of_settings_open_without_any_code(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    save_checkpoint(path, Written(settings={"args": None, "cfg": GROUPS}, tensors=TENSORS))
    state = torch.load(path, weights_only=True)
    assert state["cfg"] == GROUPS
    assert state["args"] is None
    opened = open_checkpoint(path)
    assert list(opened.tensors) == ["b", "a"]
    assert opened.load("a").equal(TENSORS["a"])
    assert opened.settings["cfg"] == GROUPS


def test_what_the_released_fairseq_refuses_is_left_out_where_it_says_what_holds_anyway(
    tmp_path: Path,
) -> None:
    task = {
        "_name": "audio_finetuning",
        "seed": 1,
        "subsample": 1,
        "eval_wer_config": {"beam_mt": 0},
    }
    other = {"multi_corpus_keys": "eng,fra", "eval_wer_config": {"beam_mt": 2, "beam": 5}}
    groups = {
        "common": {"seed": 7},
        "task": {**task, "multi_corpus_keys": None},
        "model": {"w2v_args": {"task": {**task, **other}}},
    }
    save_checkpoint(tmp_path / "model.pt", Written(settings={"cfg": groups}, tensors=TENSORS))
    assert torch.load(tmp_path / "model.pt", weights_only=True)["cfg"] == {
        "common": {"seed": 7},
        "task": {"_name": "audio_finetuning", "eval_wer_config": {}},
        "model": {"w2v_args": {"task": {"_name": "audio_finetuning", **other}}},
    }


def test_one_namespace_stays_one_and_so_do_those_of_other_models_in_it(tmp_path: Path) -> None:
    args = {
        "arch": "wav2vec_ctc",
        "w2v_args": {"arch": "wav2vec2", "normalize": True},
        "eval_wer_config": {"beam": 5},
    }
    save_checkpoint(tmp_path / "model.pt", Written(settings={"args": args}, tensors=TENSORS))
    state = torch.load(tmp_path / "model.pt", weights_only=False)
    inner = Namespace(arch="wav2vec2", normalize=True)
    assert state["args"] == Namespace(
        arch="wav2vec_ctc", w2v_args=inner, eval_wer_config={"beam": 5}
    )
    assert open_checkpoint(tmp_path / "model.pt").settings["args"] == args


def test_odd_names_of_arguments_are_kept(tmp_path: Path) -> None:
    args = {"self": 1, "arch": "x", 5: "five"}
    save_checkpoint(tmp_path / "model.pt", Written(settings={"args": args}, tensors=TENSORS))
    saved = torch.load(tmp_path / "model.pt", weights_only=False)["args"]
    assert vars(saved) == {"self": 1, "arch": "x", "5": "five"}


def test_groups_inside_a_namespace_stay_groups(tmp_path: Path) -> None:
    args = {"arch": "wav2vec_ctc", "w2v_args": {"arch": "x", "model": {"arch": "wav2vec2"}}}
    save_checkpoint(tmp_path / "model.pt", Written(settings={"args": args}, tensors=TENSORS))
    state = torch.load(tmp_path / "model.pt", weights_only=False)
    assert state["args"] == Namespace(**args)


def test_fairseq_takes_its_bookkeeping(tmp_path: Path) -> None:
    from fairseq import checkpoint_utils

    path = tmp_path / "model.pt"
    save_checkpoint(path, Written(settings={"args": None, "cfg": GROUPS}, tensors=TENSORS))
    state = checkpoint_utils.load_checkpoint_to_cpu(str(path))
    assert state["cfg"].model._name == "wav2vec_ctc"
    assert state["optimizer_history"][-1]["num_updates"] == 0


def test_no_file_is_ever_replaced(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        save_checkpoint(tmp_path / "model.pt", Written(settings={}, tensors=TENSORS))
    assert (tmp_path / "model.pt").read_bytes() == b"mine"


class Full(io.BytesIO):
    """A file on a disk that fills."""

    def write(self, values):
        if self.tell() + len(values) > 10_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(values)


def test_a_full_disk_is_told_as_the_system_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "open", lambda *_: Full())
    large = Written(settings={}, tensors={"large": torch.zeros(100_000)})
    with pytest.raises(OSError, match="No space left on device"):
        save_checkpoint(tmp_path / "model.pt", large)


def test_a_tensor_takes_the_room_of_its_values_alone_and_twins_that_of_one(tmp_path: Path) -> None:
    whole = torch.randn(100, 1000)
    rows = {"row": whole[3], "turned": whole[:2].T, "twin": whole[3]}
    written = Written(settings={}, tensors=rows, twins={"twin": "row"})
    save_checkpoint(tmp_path / "model.pt", written)
    assert (tmp_path / "model.pt").stat().st_size < 4 * (1000 + 2000) + 4000
    opened = open_checkpoint(tmp_path / "model.pt")
    assert opened.aliases() == (("row", "twin"),)
    assert opened.load("turned").equal(whole[:2].T)


def test_states_inside_the_state_and_those_of_languages_are_read_again(tmp_path: Path) -> None:
    symbols = ("<s>", "<pad>", "</s>", "<unk>", "a", "b")
    held = LanguageSet(tensors={"head": torch.ones(6, 2)}, symbols=symbols)
    written = Written(
        settings={},
        tensors=TENSORS,
        nested={"_ema": {"layer": torch.arange(4.0)}},
        sets={"eng": held, "deu": LanguageSet(tensors={"head": torch.zeros(6, 2)}, symbols=())},
    )
    save_checkpoint(tmp_path / "model.pt", written)
    opened = open_checkpoint(tmp_path / "model.pt")
    assert opened.non_tensors == ("_ema",)
    assert read_nested(opened)["_ema"]["layer"].equal(torch.arange(4.0))
    assert opened.symbols == {"eng": symbols, "deu": ()}
    assert opened.load("adapter[eng].head").equal(torch.ones(6, 2))
