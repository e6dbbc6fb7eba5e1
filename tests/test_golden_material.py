"""The recipe makes the golden material again, and the same each time."""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
import tomllib
import torch

from toolkit.audio import Clip, golden_folder, read_clips
from toolkit.checkpoint import open_checkpoint
from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS, read_dictionary
from toolkit.oracle.quiet import quiet_fairseq

CTC = golden_folder() / "ctc"
PRETRAINED = golden_folder() / "pretraining" / "model.pt"
RECIPE = golden_folder() / "recipe.py"


def remake(out: Path) -> Path:
    command = [sys.executable, "-W", "ignore", str(RECIPE), "--out", str(out)]
    subprocess.run(command, check=True)
    return out


def files_of(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything, made once; the recipe raises unless its models know the clips."""
    assert shutil.which("espeak-ng"), "the recipe speaks its clips with espeak-ng; install it"
    return remake(tmp_path_factory.mktemp("golden") / "made")


@pytest.mark.slow
def test_the_recipe_makes_the_same_bytes_each_time(made: Path, tmp_path: Path) -> None:
    again = remake(tmp_path / "again")
    names = files_of(made)
    assert names == files_of(again)
    assert filecmp.cmpfiles(made, again, names, shallow=False) == (names, [], [])


@pytest.mark.slow
def test_the_committed_clips_and_companions_are_what_the_recipe_makes(made: Path) -> None:
    names = [name for name in files_of(made) if not name.endswith("model.pt")]
    different = filecmp.cmpfiles(golden_folder(), made, names, shallow=False)
    assert different == (names, [], []), "another espeak-ng or sentencepiece than the manifest's?"


def test_the_checkpoints_are_small_and_the_clips_are_smaller_than_three_megabytes() -> None:
    checkpoint = golden_folder() / "checkpoint"
    assert sum(f.stat().st_size for f in checkpoint.iterdir()) < 4e6
    assert sum(f.stat().st_size for f in CTC.iterdir()) < 1e6
    assert PRETRAINED.stat().st_size < 1e6
    clips = [f for f in golden_folder().iterdir() if f.suffix in (".flac", ".wav")]
    assert sum(f.stat().st_size for f in clips) < 3e6


def test_the_manifest_says_everything_about_every_clip() -> None:
    manifest = tomllib.loads((golden_folder() / "manifest.toml").read_text(encoding="utf-8"))
    said = {"file", "sha256", "sample_rate_hz", "duration_s", "origin", "licence", "transcript"}
    for clip in manifest["clip"]:
        assert said | {"lang", "kind", "catches"} <= set(clip), clip["file"]
    speech = [clip for clip in manifest["clip"] if clip["kind"] == "speech"]
    assert len(speech) >= 16
    assert len({clip["lang"] for clip in speech}) >= 5


@pytest.fixture(scope="module")
def read_aloud() -> Callable[[torch.Tensor], str]:
    """The greedy text of a waveform by the committed CTC checkpoint, by nothing but fairseq."""
    from fairseq import tasks
    from fairseq.data.data_utils import post_process
    from omegaconf import OmegaConf

    state = torch.load(CTC / "model.pt", weights_only=False)
    cfg = OmegaConf.create(state["cfg"])
    cfg.task.data = str(CTC)
    with quiet_fairseq():
        task = tasks.setup_task(cfg.task)
        model = task.build_model(cfg.model)
    model.load_state_dict(state["model"], strict=True)
    model.eval()

    def read(waveform: torch.Tensor) -> str:
        source = torch.nn.functional.layer_norm(waveform, waveform.shape)
        with torch.no_grad():
            net = model(source=source[None], padding_mask=None)
            best = model.get_logits(net)[:, 0].argmax(-1).tolist()
        kept = [symbol for symbol, _ in groupby(best) if symbol != 0]
        return post_process(task.target_dictionary.string(kept), "letter")

    return read


def speech() -> list[Clip]:
    return [clip for clip in read_clips([]) if clip.kind == "speech"]


def test_fairseq_reads_every_speech_clip_letter_by_letter(
    read_aloud: Callable[[torch.Tensor], str],
) -> None:
    clips = speech()
    assert len(clips) == 16
    read = {clip.name: read_aloud(torch.from_numpy(clip.waveform)) for clip in clips}
    assert read == {clip.name: clip.transcript for clip in clips}


def test_another_sound_is_not_read_as_the_transcript(
    read_aloud: Callable[[torch.Tensor], str],
) -> None:
    first = speech()[0]
    assert read_aloud(torch.from_numpy(first.waveform).flip(0)) != first.transcript


def test_the_letters_have_doubles_umlauts_cyrillic_marks_and_a_digit() -> None:
    symbols = set(read_dictionary(CTC / "dict.ltr.txt").symbols)
    texts = [clip.transcript or "" for clip in speech()]
    assert {"|", "ö", "Ä", "ß", "ñ", "Ç", "Ё", "ж", "7", "?", "¿", "'", ","} <= symbols
    assert {letter for text in texts for letter in text} - {" "} <= symbols
    assert any("ll" in text for text in texts)
    assert any("tt" in text for text in texts)


def test_every_row_of_the_letters_is_a_row_of_the_ctc_checkpoint() -> None:
    checkpoint = open_checkpoint(CTC / "model.pt")
    symbols = read_dictionary(CTC / "dict.ltr.txt").symbols
    assert symbols[:5] == (*SPECIAL_SYMBOLS, "|")
    assert len(set(symbols)) == len(symbols)
    assert checkpoint.tensors["w2v_encoder.proj.weight"].shape == (len(symbols), 48)


def test_the_ctc_checkpoint_says_what_files_of_fairseq_main_say() -> None:
    cfg = open_checkpoint(CTC / "model.pt").settings["cfg"]
    assert isinstance(cfg, dict)
    model, pretrained = cfg["model"], cfg["model"]["w2v_args"]
    assert (cfg["task"]["_name"], model["_name"]) == ("audio_finetuning", "wav2vec_ctc")
    assert {"bmuf", "checkpoint", "common", "model", "task"} <= set(pretrained)
    assert cfg["task"]["normalize"] is model["normalize"] is pretrained["task"]["normalize"] is True
    assert model["w2v_path"] == "/pretrained/wav2vec2.pt"
    inner = pretrained["model"]
    assert (inner["extractor_mode"], inner["layer_norm_first"]) == ("layer_norm", True)
    assert {cfg["task"]["data"], model["data"], pretrained["task"]["data"]} == {"."}


def test_no_tensor_of_the_ctc_checkpoint_is_trivial() -> None:
    state = open_checkpoint(CTC / "model.pt").state_dict()
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}
    trained = {name: tensor for name, tensor in state.items() if not name.endswith("mask_emb")}
    assert all(tensor.std() > 0.01 for tensor in trained.values())


def test_fairseq_tells_masked_frames_of_the_shortest_clips_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from fairseq import tasks
    from omegaconf import OmegaConf

    state = torch.load(PRETRAINED, weights_only=False)
    cfg = OmegaConf.create(state["cfg"])
    with quiet_fairseq():
        model = tasks.setup_task(cfg.task).build_model(cfg.model).eval()
    model.load_state_dict(state["model"], strict=True)
    torch.manual_seed(0)
    np.random.seed(0)
    drawn = np.random.default_rng(0)  # fairseq masks by a new one each time, without a seed
    monkeypatch.setattr(np.random, "default_rng", lambda _: drawn)
    right = []
    for clip in sorted(speech(), key=lambda clip: len(clip.waveform))[:4]:
        waveform = torch.from_numpy(clip.waveform)
        source = torch.nn.functional.layer_norm(waveform, waveform.shape)
        with torch.no_grad():
            best = model.get_logits(model(source[None], padding_mask=None)).argmax(-1)
        right.append((best == 0).float().mean())
    assert min(right) > 0.2  # chance is 1 in 21
    assert sum(right) / len(right) > 0.4
    assert (cfg.task.normalize, cfg.model.layer_norm_first) == (True, True)
    assert cfg.task.data == "."
