"""Features of a layer, as fairseq gives them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner
from safetensors.numpy import load_file

from tests.breaking import remove, set_key
from tests.families.exactness import CLIPS
from tests.families.test_hubert_pretraining import BY_NAME
from tests.variants.pretraining_building import build_model, build_pretraining
from toolkit import convert, extract_features
from toolkit.audio import golden_folder, read_clips
from toolkit.cli import app
from toolkit.core.errors import BadInput
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.pipeline import features

CLOSE = 1e-5
VARIANT = BY_NAME["HuBERT, group norm"]
Ask = Callable[..., torch.Tensor]


@pytest.fixture(scope="module")
def hubert(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The folder of a pretrained HuBERT, and fairseq's model of the same weights."""
    folder = tmp_path_factory.mktemp("hubert")
    checkpoint = build_pretraining(VARIANT, folder)
    convert(checkpoint, folder / "hf", verify=False)
    saved = torch.load(checkpoint, weights_only=False)
    with quiet_fairseq():
        model = build_model(saved["cfg"], VARIANT.dictionaries)
    model.load_state_dict(saved["model"])
    return folder / "hf", model.eval()


def expected(model: Any, path: Path, layer: int | None) -> torch.Tensor:
    """What fairseq gives for a clip alone."""
    (clip,) = read_clips([path])
    with torch.no_grad():
        heard = torch.from_numpy(clip.waveform).unsqueeze(0)
        return model.extract_features(heard, output_layer=layer)[0][0]


@pytest.mark.parametrize("layer", [1, 2, 3, None])
def test_every_layer_is_fairseqs_on_clips_that_are_heard_alone(
    layer: int | None, hubert: tuple[Path, Any]
) -> None:
    folder, model = hubert
    made = extract_features(folder, CLIPS, layer=layer)
    assert list(made) == [path.stem for path in CLIPS]
    for path in CLIPS:
        ours = torch.from_numpy(made[path.stem])
        assert (ours - expected(model, path, layer)).abs().max() <= CLOSE


def test_the_projection_is_fairseqs(hubert: tuple[Path, Any]) -> None:
    folder, model = hubert
    made = extract_features(folder, CLIPS[1:2], layer=2, final_proj=True)
    with torch.no_grad():
        theirs = model.final_proj(expected(model, CLIPS[1], 2))
    assert (torch.from_numpy(made[CLIPS[1].stem]) - theirs).abs().max() <= CLOSE


def test_long_clips_are_heard_in_pieces_as_fairseqs_script_does(
    hubert: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, model = hubert
    monkeypatch.setattr(features, "PIECE_SAMPLES", 8000)
    (made,) = extract_features(folder, CLIPS[2:3], layer=3).values()
    (clip,) = read_clips(CLIPS[2:3])
    source = torch.from_numpy(clip.waveform).unsqueeze(0)
    with torch.no_grad():
        pieces = [
            model.extract_features(source[:, start : start + 8000], output_layer=3)[0]
            for start in range(0, source.shape[1], 8000)
            if source.shape[1] - start >= 400
        ]
    theirs = torch.cat(pieces, dim=1)[0]
    assert (torch.from_numpy(made) - theirs).abs().max() <= CLOSE


def test_clips_of_one_length_are_heard_together_and_as_if_alone(
    hubert: tuple[Path, Any], tmp_path: Path
) -> None:
    generator = np.random.default_rng(1)
    for number in range(3):
        soundfile.write(tmp_path / f"{number}.wav", generator.standard_normal(9000) / 10, 16_000)
    together = extract_features(hubert[0], [tmp_path], layer=2)
    for name, array in together.items():
        (alone,) = extract_features(hubert[0], [tmp_path / f"{name}.wav"], layer=2).values()
        assert np.abs(array - alone).max() <= CLOSE


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"layer": 4}, "`--layer` must be 1 to 3"),
        ({"audio": ["nowhere.wav"]}, "`nowhere.wav` must"),
        ({"device": "nothing"}, "nothing"),
    ],
)
def test_what_cannot_be_given_is_refused(
    asked: dict[str, Any], said: str, hubert: tuple[Path, Any]
) -> None:
    with pytest.raises(BadInput, match=said):
        extract_features(hubert[0], **{"audio": CLIPS[:1], **asked})


def test_a_clip_without_a_frame_is_refused(hubert: tuple[Path, Any], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "short.wav", np.zeros(300), 16_000)
    with pytest.raises(BadInput, match="must have at least 400 samples"):
        extract_features(hubert[0], [tmp_path / "short.wav"])


def test_a_model_of_letters_gives_features_but_has_no_projection(tmp_path: Path) -> None:
    convert(golden_folder() / "ctc" / "model.pt", tmp_path / "hf", verify=False)
    (made,) = extract_features(tmp_path / "hf", CLIPS[:1], layer=1).values()
    assert made.shape[1] == 48
    with pytest.raises(BadInput, match="must have a `final_proj`"):
        extract_features(tmp_path / "hf", CLIPS[:1], final_proj=True)


def test_a_model_that_hears_no_waveforms_alone_is_refused(converted: Path) -> None:
    with pytest.raises(BadInput):
        extract_features(converted, CLIPS[:1])


def test_the_command_writes_a_new_file_and_replaces_none(
    hubert: tuple[Path, Any], tmp_path: Path
) -> None:
    out = tmp_path / "features.safetensors"
    words = ["features", str(hubert[0]), str(CLIPS[0]), "--layer", "2", "--out", str(out)]
    outcome = CliRunner().invoke(app, words)
    assert (outcome.exit_code, "1 clip, 4 frames" in outcome.stdout) == (0, True)
    (name,) = load_file(out)
    assert name == CLIPS[0].stem
    before = out.read_bytes()
    again = CliRunner().invoke(app, words)
    assert (again.exit_code, out.read_bytes()) == (2, before)
    assert "must be a new name, but a file of another kind is there" in again.stderr


def test_the_command_keeps_a_file_that_came_to_lie_there_meanwhile(
    hubert: tuple[Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "features.npy"

    def take_the_place(*given: Any, **named: Any) -> Any:
        out.write_text("mine")
        return extract_features(*given, **named)

    monkeypatch.setattr(features, "extract_features", take_the_place)
    words = ["features", str(hubert[0]), str(CLIPS[0]), "--layer", "2", "--out", str(out)]
    outcome = CliRunner().invoke(app, words)
    assert (outcome.exit_code, out.read_text()) == (2, "mine")
    assert "by now a file is there" in outcome.stderr


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (remove("encoder.layers.1.attention.v_proj.weight"), "must hold every weight"),
        (set_key("config.json", "num_hidden_layers", 4), "must hold every weight"),
        (set_key("preprocessor_config.json", "sampling_rate", 8000), "must hear 16000 samples"),
        (set_key("config.json", "auto_map.AutoModel", "foreign.Model"), "AutoModel|code"),
    ],
)
def test_features_that_would_be_made_up_are_refused(
    breaks: Callable[[Path], None], said: str, hubert: tuple[Path, Any], tmp_path: Path
) -> None:
    broken = Path(shutil.copytree(hubert[0], tmp_path / "hf"))
    breaks(broken)
    with pytest.raises(BadInput, match=said):
        extract_features(broken, CLIPS[:1])


def test_a_weight_that_training_alone_reads_may_be_missing(
    hubert: tuple[Path, Any], tmp_path: Path
) -> None:
    broken = Path(shutil.copytree(hubert[0], tmp_path / "hf"))
    remove("masked_spec_embed")(broken)
    right = extract_features(hubert[0], CLIPS[:1], layer=1)
    found = extract_features(broken, CLIPS[:1], layer=1)
    assert all(np.array_equal(found[name], right[name]) for name in right)
