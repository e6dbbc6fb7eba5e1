"""How spectrograms are made is read off what stands beside a vocoder, or refused by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.variants.mel_kinds import CONFIG, FEATURES
from toolkit.core.errors import BadInput
from toolkit.families.log_mels import LogMels, read_log_mels
from toolkit.families.sidecars import Sidecars

YAML = Path("data") / "config.yaml"


def read(
    said: dict[str, Any] | None = None, features: dict[str, Any] | None = None, **fitting: int
) -> LogMels:
    sidecars = (
        Sidecars()
        if features is None
        else Sidecars(config_yaml=YAML, config={"features": features, "global_cmvn": {}})
    )
    fitting = {"bands": 80, "hop": 256, "rate_hz": 22050, **fitting}
    return read_log_mels(sidecars, said or {}, **fitting)


def test_the_data_configuration_counts_before_the_vocoder_s_own_and_that_before_fairseq_s_script():
    alone = read().features
    assert (alone["n_fft"], alone["win_length"], alone["f_min"], alone["f_max"]) == (
        *(1024, 1024),
        *(20.0, 8000.0),
    )
    own = read({**CONFIG, "fmin": 50, "win_size": 800}).features
    assert (own["f_min"], own["win_length"], own["eps"]) == (50, 800, 1e-5)
    both = read({**CONFIG, "fmin": 50}, {**FEATURES, "f_min": 0, "eps": 1e-6}).features
    assert (both["f_min"], both["eps"]) == (0, 1e-6)


def test_where_bands_end_is_half_of_the_rate_if_nothing_or_less_is_left():
    assert read({"fmax": None}).features["f_max"] == 11025.0
    assert read(rate_hz=8000).features["f_max"] == 4000.0


def test_frames_that_are_given_in_seconds_are_samples():
    seconds = {"sample_rate": 22050, "win_len_t": 1024 / 22050, "hop_len_t": 256 / 22050}
    found = read(features={**seconds, "n_fft": 1024})
    assert (found.features["win_length"], found.hop) == (1024, 256)
    with pytest.raises(BadInput, match="`features.hop_length` in `data/config.yaml` must be 256"):
        read(features={**seconds, "hop_len_t": 0.01})


def test_a_short_frame_has_a_window_as_long():
    assert read({"n_fft": 512}).features["win_length"] == 512


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"num_mels": 100}, "`num_mels` in the vocoder's `config.json` must be 80"),
        ({"hop_size": 300}, "`hop_size` in the vocoder's `config.json` must be 256"),
        ({"n_fft": 1 << 20}, "`n_fft` in the vocoder's"),
        ({"n_fft": 1023}, "`n_fft` in the vocoder's"),
        ({"n_fft": "1024"}, "`n_fft` in the vocoder's"),
        ({"win_size": 2000}, "`win_size` in the vocoder's"),
        ({"fmin": -1}, "`fmin` in the vocoder's"),
        ({"fmax": 12000}, "`fmax` in the vocoder's"),
        ({"fmax": float("nan")}, "`fmax` in the vocoder's"),
    ],
)
def test_what_a_folder_cannot_make_is_refused_by_name(said: dict[str, Any], name: str):
    with pytest.raises(BadInput, match=name):
        read(said)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_mels", 100),
        ("sample_rate", 16000),
        ("hop_length", 300),
        ("type", "mfcc"),
        ("window_fn", "kaiser"),
        ("window_fn", ["hann"]),
        ("eps", 0),
        ("eps", True),
        ("f_max", "high"),
        ("n_fft", 8192),
    ],
)
def test_what_the_data_configuration_has_otherwise_is_refused_by_name(name: str, value: object):
    with pytest.raises(BadInput, match=f"`features.{name}` in `data/config.yaml`"):
        read(CONFIG, {**FEATURES, name: value})


def test_a_configuration_without_features_says_nothing():
    assert read(CONFIG, {}) == read(CONFIG)


def test_silence_pads_a_batch():
    assert read().preprocessor["padding_value"] == pytest.approx(-11.5129, abs=1e-4)
