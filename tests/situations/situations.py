"""Fifty bad situations that a user gets into: what is typed, and what is wrong on the disk."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch

from tests.variants.ctc_building import build_ctc
from tests.variants.ctc_kinds import CTC_VARIANTS
from toolkit.audio import golden_folder
from toolkit.pipeline import convert

LFS = f"version https://git-lfs.github.com/spec/v1\noid sha256:{64 * '0'}\nsize 9\n"
PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head></html>"
Make = Callable[[Path], object]


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A command that cannot be done."""

    title: str
    """What is wrong, as a heading."""
    words: str
    """What is typed after `toolkit`, in a folder as `furnish` makes it."""
    make: Make = lambda _: None
    """Brings about what is wrong."""
    names: str
    """What the message must name: the file, option or value that it is about."""


def furnish(place: Path) -> None:
    """A folder with a checkpoint, what belongs to it, its conversion, a clip and two notes."""
    shutil.copytree(golden_folder() / "checkpoint", place, dirs_exist_ok=True)
    convert(place / "model.pt", place / "hf", verify=False)
    shutil.copy(golden_folder() / "tiny.flac", place / "clip.flac")
    (place / "notes.txt").write_text("a thesis\n")


def _write(name: str, content: str | bytes) -> Make:
    def write(place: Path) -> None:
        data = content.encode() if isinstance(content, str) else content
        (place / name).write_bytes(data)

    return write


def _cut(name: str, share: float = 0.5) -> Make:
    def cut(place: Path) -> None:
        data = (place / name).read_bytes()
        (place / name).write_bytes(data[: int(len(data) * share)])

    return cut


def _save(name: str, content: object) -> Make:
    return lambda place: torch.save(content, place / name)


def _zip(place: Path) -> None:
    with zipfile.ZipFile(place / "models.zip", "w") as archive:
        archive.writestr("model.pt", "x")


def _unfinite(place: Path) -> None:
    state = torch.load(place / "model.pt", weights_only=False)
    state["model"]["decoder.output_projection.weight"][3, 5] = float("nan")
    torch.save(state, place / "model.pt")


def _short(place: Path) -> None:
    soundfile.write(place / "short.wav", np.zeros(100, np.float32), 16_000)


def _twins(place: Path) -> None:
    for folder in ("a", "b"):
        (place / folder).mkdir()
        shutil.copy(place / "clip.flac", place / folder / "clip.flac")


def _record_another(place: Path) -> None:
    from toolkit.pipeline.recording import record

    (place / "letters").mkdir()
    built = build_ctc(CTC_VARIANTS[0], place / "letters").path
    record(built, place / "recording", audio=[place / "clip.flac"])


def _two_runs(place: Path) -> None:
    (place / "a.json").write_text('{"verdict": "fine"}')
    (place / "b.json").write_text("{}")


WAV2VEC1 = {"args": None, "model": {"feature_aggregator.conv_layers.0.1.weight": torch.ones(2)}}
LINEAR = {"model": {"fc.weight": torch.ones(2, 2)}}

SITUATIONS = (
    Situation(title="No such checkpoint", words="inspect nowhere.pt", names="nowhere.pt"),
    Situation(title="A folder for a checkpoint", words="inspect hf", names="hf"),
    Situation(
        title="An empty checkpoint",
        words="inspect model.pt",
        make=_write("model.pt", b""),
        names="model.pt",
    ),
    Situation(title="A text for a checkpoint", words="inspect notes.txt", names="notes.txt"),
    Situation(
        title="A checkpoint of which the end is missing",
        words="convert model.pt out",
        make=_cut("model.pt"),
        names="model.pt",
    ),
    Situation(
        title="A checkpoint of which only the beginning was downloaded",
        words="convert model.pt out",
        make=_cut("model.pt", 0.001),
        names="model.pt",
    ),
    Situation(
        title="A pointer of git-lfs for a checkpoint",
        words="convert model.pt out",
        make=_write("model.pt", LFS),
        names="model.pt",
    ),
    Situation(
        title="A web page for a checkpoint",
        words="convert model.pt out",
        make=_write("model.pt", PAGE),
        names="model.pt",
    ),
    Situation(
        title="A zip archive for a checkpoint",
        words="inspect models.zip",
        make=_zip,
        names="models.zip",
    ),
    Situation(
        title="Weights of transformers for a checkpoint",
        words="convert hf/model.safetensors out",
        names="hf/model.safetensors",
    ),
    Situation(
        title="A file of pickled code",
        words="inspect evil.pt",
        make=_write("evil.pt", b"\x80\x04cos\nsystem\n."),
        names="evil.pt",
    ),
    Situation(
        title="A model that is not fairseq's",
        words="convert other.pt out",
        make=_save("other.pt", LINEAR),
        names="other.pt",
    ),
    Situation(
        title="A kind of model that transformers does not have",
        words="convert old.pt out",
        make=_save("old.pt", WAV2VEC1),
        names="old.pt",
    ),
    Situation(
        title="Weights that are not numbers",
        words="convert model.pt out",
        make=_unfinite,
        names="decoder.output_projection.weight",
    ),
    Situation(
        title="Checkpoint and folder exchanged",
        words="verify hf model.pt",
        names="model.pt",
    ),
    Situation(
        title="No dictionary beside the checkpoint",
        words="convert model.pt out",
        make=lambda place: (place / "dict.txt").unlink(),
        names="dict.txt",
    ),
    Situation(
        title="The dictionary of another checkpoint",
        words="convert model.pt out",
        make=_write("dict.txt", "a 1\nb 1\n"),
        names="dict.txt",
    ),
    Situation(
        title="A sentencepiece model that is none",
        words="convert model.pt out --spm notes.txt",
        names="notes.txt",
    ),
    Situation(
        title="A broken config.yaml",
        words="convert model.pt out",
        make=_write("config.yaml", "a: [\n"),
        names="config.yaml",
    ),
    Situation(
        title="A dictionary that is not there",
        words="convert model.pt out --dict nowhere.txt",
        names="nowhere.txt",
    ),
    Situation(title="OUT exists", words="convert model.pt hf", names="hf"),
    Situation(
        title="OUT in a folder that is not there",
        words="convert model.pt new/deep/out",
        names="new/deep",
    ),
    Situation(
        title="A report over a text of one's own",
        words="convert model.pt out --html notes.txt",
        names="notes.txt",
    ),
    Situation(
        title="A report over the checkpoint",
        words="inspect model.pt --json model.pt",
        names="model.pt",
    ),
    Situation(
        title="A report in a folder that is not there",
        words="inspect model.pt --json new/result.json",
        names="new",
    ),
    Situation(title="No such folder to verify", words="verify model.pt nowhere", names="nowhere"),
    Situation(
        title="A folder without anything",
        words="verify model.pt empty",
        make=lambda place: (place / "empty").mkdir(),
        names="empty",
    ),
    Situation(
        title="Weights of a folder that were cut off",
        words="verify model.pt hf",
        make=_cut("hf/model.safetensors"),
        names="model.safetensors",
    ),
    Situation(
        title="No such clip",
        words="verify model.pt hf --audio nowhere.wav",
        names="nowhere.wav",
    ),
    Situation(
        title="A folder without clips",
        words="verify model.pt hf --audio hf",
        names="hf",
    ),
    Situation(
        title="A text for a clip",
        words="verify model.pt hf --audio notes.txt",
        names="notes.txt",
    ),
    Situation(
        title="A clip that is too short",
        words="verify model.pt hf --audio short.wav",
        make=_short,
        names="short",
    ),
    Situation(
        title="Two clips of one name",
        words="verify model.pt hf --audio a --audio b",
        make=_twins,
        names="clip",
    ),
    Situation(title="No such option", words="convert model.pt out --verfy", names="--verfy"),
    Situation(title="No such command", words="conver model.pt out", names="conver"),
    Situation(title="An argument is missing", words="convert model.pt", names="OUT"),
    Situation(
        title="A device that models cannot run on",
        words="verify model.pt hf --device meta",
        names="meta",
    ),
    Situation(
        title="A dtype that is none",
        words="convert model.pt out --dtype int8",
        names="int8",
    ),
    Situation(
        title="A language that the model does not speak",
        words="convert model.pt out --target-lang xx",
        names="xx",
    ),
    Situation(
        title="Values that are no JSON",
        words="convert model.pt out --encoder-config heads=4",
        names="--encoder-config",
    ),
    Situation(
        title="A value that transformers does not know",
        words="convert model.pt out --encoder-config '{\"heads\": 4}'",
        names="heads",
    ),
    Situation(
        title="A recording and clips",
        words="verify model.pt hf --recording recording --audio clip.flac",
        names="--recording",
    ),
    Situation(
        title="A recording that is none",
        words="verify model.pt hf --recording hf",
        names="hf",
    ),
    Situation(
        title="The recording of another checkpoint",
        words="verify model.pt hf --recording recording",
        make=_record_another,
        names="recording",
    ),
    Situation(
        title="A Python that is not there",
        words="verify model.pt hf --fairseq-python nowhere/python",
        names="nowhere/python",
    ),
    Situation(
        title="Code of a fork that is not there",
        words="verify model.pt hf --user-dir nowhere",
        names="nowhere",
    ),
    Situation(
        title="A mapping file that is none",
        words="convert model.pt out --mapping mapping.yaml",
        make=_write("mapping.yaml", "rules: 3\n"),
        names="mapping.yaml",
    ),
    Situation(
        title="Features of a model that is no encoder",
        words="features hf clip.flac --out features.npy",
        names="hf",
    ),
    Situation(
        title="Features in a file of no such kind",
        words="features hf clip.flac --out features.txt",
        names="features.txt",
    ),
    Situation(
        title="Two runs of which one is none",
        words="report a.json b.json",
        make=_two_runs,
        names="a.json",
    ),
    Situation(title="No such family", words="faults --family wav2vec9", names="wav2vec9"),
    Situation(
        title="A recorder over a file that is there",
        words="recorder model.pt --write notes.txt",
        names="notes.txt",
    ),
    Situation(
        title="A plan with a report",
        words="convert model.pt out --dry-run --html report.html",
        names="--html",
    ),
    Situation(
        title="Several files that are named and not there",
        words="record model.pt new --dict nowhere.txt --audio nowhere",
        names="nowhere.txt",
    ),
    Situation(
        title="A folder that is not there, for a checkpoint whose dictionary is not there either",
        words="diff model.pt nowhere",
        make=lambda place: (place / "dict.txt").unlink(),
        names="dict",
    ),
    Situation(
        title="An audit of a folder that says nothing of a proof",
        words="audit hf",
        make=lambda place: (place / "hf" / "verification.json").unlink(),
        names="hf",
    ),
    Situation(title="A seal that is none", words="audit hf --seal 3f0c", names="--seal"),
    Situation(
        title="An audit against what is no recording",
        words="audit hf --recording golden",
        make=lambda place: (place / "golden").mkdir(),
        names="golden",
    ),
    Situation(
        title="A runner with nothing to be held against",
        words="audit hf --runner mine.py:Mine",
        names="--runner",
    ),
    Situation(
        title="A runner that names no class",
        words="audit hf --recording recording --runner mine.py",
        names="mine.py",
    ),
    Situation(
        title="A batch of jobs that nobody wrote",
        words="batch nowhere.toml out",
        names="nowhere.toml",
    ),
    Situation(
        title="Cards of what is no batch",
        words="cards hf catalogue",
        names="hf",
    ),
    Situation(title="A folder pushed to no name", words="push hf a/b/c", names="a/b/c"),
    Situation(
        title="A fork of nothing that is known",
        words="infer model.pt --like wav2vec9",
        names="wav2vec9",
    ),
    Situation(
        title="A mapping file over a file that is there",
        words="infer model.pt --like xm_transformer --write clip.flac",
        names="clip.flac",
    ),
    Situation(
        title="A fork of which no code is where it is said to be",
        words="infer model.pt --like xm_transformer --user-dir nowhere",
        names="nowhere",
    ),
    Situation(
        title="An export into the folder itself",
        words="export hf hf/back.pt",
        names="hf/back.pt",
    ),
    Situation(
        title="An export over a file that is there", words="export hf notes.txt", names="notes.txt"
    ),
    Situation(
        title="An export of a folder that does not tell all",
        words="export hf back.pt",
        names="architectures",
    ),
    Situation(
        title="An export by a mapping file that joins tensors",
        words="export hf back.pt --like model.pt --mapping rows.yaml",
        make=_write("rows.yaml", "make: [{from: a.qkv, to: [a.q, a.k, a.v]}]"),
        names="rows.yaml",
    ),
)
