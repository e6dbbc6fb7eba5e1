"""The recipe for voice conversion gives fairseq's numbers where neither fairseq nor toolkit is."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.bundled.elsewhere import Elsewhere, make_elsewhere
from tests.docs.pages import DOCS, read_blocks
from tests.variants.ctc_kinds import Groups, State
from tests.variants.hubert_pretraining_kinds import HUBERT_PRETRAINING_VARIANTS
from tests.variants.pretraining_building import build_pretraining
from tests.variants.pretraining_kinds import as_trained
from toolkit import convert
from toolkit.audio import golden_folder
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.reference import pad, standardized

CLOSE = 2e-6
"""Of the largest value, in float32."""
BASE, LARGE = "HuBERT, group norm", "HuBERT, layer norm"
CLIPS = tuple(
    str(path)
    for path in sorted(golden_folder().glob("*.flac"))
    if (soundfile.info(path).samplerate, soundfile.info(path).channels) == (16_000, 1)
)
FILES = {
    str(block.title): block.text
    for block in read_blocks(DOCS / "voice-conversion.md")
    if block.title is not None
}
CHANGED = "import content_model as checkpoint_utils  # was: "
"""What a tool's line of old becomes, before itself."""
EACH = """
import json, runpy, sys
for words in json.loads(sys.argv[1]):
    sys.argv = words
    runpy.run_path(words[0])
"""
"""Runs scripts with their arguments one after the other."""
FRAMES = """
import content_model, numpy, sys, torch
(model,), _, _ = content_model.load_model_ensemble_and_task(sys.argv[1:2])
source, mask = torch.ones(2, 9000), torch.arange(9000) >= torch.tensor([[9000], [5000]])
with torch.no_grad():
    _, frames = model.extract_features(source, mask)
    features, unmasked = model.extract_features(source)
assert unmasked is None
numpy.savez(sys.argv[2], frames=frames, features=features)
"""
both = pytest.mark.parametrize("name", [BASE, LARGE])
pytestmark = pytest.mark.wide
Content = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Voice:
    """A model of twelve layers on both sides."""

    checkpoint: Path
    folder: Path
    model: Any
    """As fairseq's own loader opens the checkpoint."""
    normalize: bool


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Voice]:
    @cache
    def make(name: str) -> Voice:
        place = tmp_path_factory.mktemp("voice")
        (variant,) = (v for v in HUBERT_PRETRAINING_VARIANTS if v.name == name)
        deep = replace(variant, model={"encoder_layers": 12}, save=saved_in(place))
        checkpoint = build_pretraining(deep, place)
        convert(checkpoint, place / "hf", verify=False)
        with quiet_fairseq():
            from fairseq.checkpoint_utils import load_model_ensemble_and_task

            (model,), config, _ = load_model_ensemble_and_task([str(checkpoint)])
        return Voice(
            checkpoint=checkpoint,
            folder=place / "hf",
            model=model.eval(),
            normalize=config.task.normalize,
        )

    return make


def saved_in(place: Path) -> Callable[[Groups, State], dict[str, Any]]:
    """As a run leaves it whose dictionary of classes lies where the file says."""

    def save(groups: Groups, state: State) -> dict[str, Any]:
        (place / "dict.km.txt").write_text("".join(f"{number} 1\n" for number in range(26)))
        here = {**groups, "task": {**groups["task"], "label_dir": str(place)}}
        ended = {"num_updates": 400_000, "best_loss": 1.0, "criterion_name": "HubertCriterion"}
        return {**as_trained(here, state), "optimizer_history": [ended]}

    return save


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    made = make_elsewhere(tmp_path_factory.mktemp("elsewhere"))
    wrong = (
        FILES["content.py"].replace("layers[9]", "layers[8]").replace("layers[12]", "layers[11]")
    )
    for name, text in {**FILES, "wrong.py": wrong, "frames.py": FRAMES}.items():
        (made.home / name).write_text(text, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def said(voice: Callable[[str], Voice], elsewhere: Elsewhere) -> Callable[[str], Path]:
    """Where the page's scripts wrote what they make of clips, in one process."""

    @cache
    def ask(name: str) -> Path:
        place = Path(mkdtemp(dir=elsewhere.home))
        folder = str(voice(name).folder)
        alone = [["content.py", folder, f"{place / Path(clip).stem}.npz", clip] for clip in CLIPS]
        others = [
            ["content.py", folder, f"{place / 'together'}.npz", *CLIPS],
            ["wrong.py", folder, f"{place / 'wrong'}.npz", CLIPS[0]],
            ["tool.py", folder, CLIPS[0], f"{place / 'tool'}.npz"],
            ["frames.py", folder, f"{place / 'frames'}.npz"],
        ]
        elsewhere.say("-c", EACH, json.dumps([*alone, *others]))
        return place

    return ask


def expected(voice: Voice, clips: Sequence[str]) -> tuple[dict[str, Tensor], Tensor]:
    """fairseq's content of a batch of clips, and true for padded frames."""
    waveforms = [torch.from_numpy(soundfile.read(clip, dtype="float32")[0]) for clip in clips]
    heard = [standardized(waveform) if voice.normalize else waveform for waveform in waveforms]
    batch, lengths = pad(heard, 0.0)
    beyond = torch.arange(batch.shape[1]) >= lengths.unsqueeze(1)
    with torch.no_grad():
        ninth, mask = voice.model.extract_features(batch, beyond, output_layer=9)
        twelfth, _ = voice.model.extract_features(batch, beyond, output_layer=12)
        made = {"layer_9": voice.model.final_proj(ninth), "layer_12": twelfth}
    return made, torch.zeros(ninth.shape[:2], dtype=torch.bool) if mask is None else mask


def error(voice: Voice, found: Content, clips: Sequence[str]) -> float:
    """How far both contents are from fairseq's, in parts of the largest value."""
    made, padded = expected(voice, clips)
    assert set(found) == set(made)
    return max(
        float(np.abs(found[name] - theirs.numpy())[~padded.numpy()].max() / theirs.abs().max())
        for name, theirs in made.items()
    )


@pytest.mark.parametrize("absent", ["fairseq", "toolkit"])
def test_where_the_recipe_runs_there_is_nothing_but_transformers(
    elsewhere: Elsewhere, absent: str
) -> None:
    with pytest.raises(AssertionError, match=f"No module named '{absent}'"):
        elsewhere.say("-c", f"import {absent}")


@both
def test_every_golden_clip_alone_has_fairseqs_content(
    name: str, voice: Callable[[str], Voice], said: Callable[[str], Path]
) -> None:
    assert len(CLIPS) >= 20
    for clip in CLIPS:
        found = np.load(said(name) / f"{Path(clip).stem}.npz")
        assert error(voice(name), found, [clip]) <= CLOSE


@both
def test_a_padded_batch_has_fairseqs_content(
    name: str, voice: Callable[[str], Voice], said: Callable[[str], Path]
) -> None:
    assert error(voice(name), np.load(said(name) / "together.npz"), CLIPS) <= CLOSE


@both
def test_content_of_another_layer_would_be_noticed(
    name: str, voice: Callable[[str], Voice], said: Callable[[str], Path]
) -> None:
    right = np.load(said(name) / f"{Path(CLIPS[0]).stem}.npz")
    wrong = np.load(said(name) / "wrong.npz")
    for layer in wrong:
        assert error(voice(name), {**right, layer: wrong[layer]}, CLIPS[:1]) > 0.01


@both
def test_a_tool_says_what_it_said_once_one_line_names_a_folder_in_fairseqs_place(
    name: str,
    voice: Callable[[str], Voice],
    said: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = FILES["tool.py"].replace(CHANGED, "")
    assert before.startswith("from fairseq import checkpoint_utils\n")
    (tmp_path / "tool.py").write_text(before, encoding="utf-8")
    words = ["tool.py", str(voice(name).checkpoint), CLIPS[0], str(tmp_path / "before.npz")]
    monkeypatch.setattr(sys, "argv", words)
    with quiet_fairseq():
        runpy.run_path(str(tmp_path / "tool.py"))
    then, now = np.load(tmp_path / "before.npz"), np.load(said(name) / "tool.npz")
    assert set(now) == set(then) == {"layer_9", "layer_12"}
    for key in then:
        assert np.abs(now[key] - then[key]).max() <= CLOSE * np.abs(then[key]).max()


@both
def test_what_stands_in_fairseqs_place_gives_fairseqs_frames_and_features(
    name: str, voice: Callable[[str], Voice], said: Callable[[str], Path]
) -> None:
    found = np.load(said(name) / "frames.npz")
    source, mask = torch.ones(2, 9000), torch.arange(9000) >= torch.tensor([[9000], [5000]])
    with torch.no_grad():
        _, frames = voice(name).model.extract_features(source, mask)
        features, unmasked = voice(name).model.extract_features(source)
    assert unmasked is None
    assert np.array_equal(found["frames"], frames.numpy())
    assert np.abs(found["features"] - features.numpy()).max() <= CLOSE * float(features.abs().max())
