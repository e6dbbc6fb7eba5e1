"""How fairseq makes the log-mel spectrograms that a vocoder was trained on.

Source: `examples/speech_synthesis/preprocessing/get_feature_manifest.py`, which writes `features`
into `config.yaml`; the vocoder's own file says the same by other names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from toolkit.blocks.hifigan import SAID
from toolkit.bundled import LOG_MEL
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict, JsonObject
from toolkit.families.sidecars import Sidecars

FEATURES = "features"
KIND = "spectrogram+melscale+log"
WINDOWS = ("hann", "hamming", "blackman", "bartlett")
MAX_RATE_HZ, MAX_FRAME, MAX_BANDS = 192_000, 2048, 1024
"""fairseq's own are 22050, 1024 and 80; a frame's table of waves grows with its square."""
OWN = {
    "n_fft": "n_fft",
    "win_length": "win_size",
    "hop_length": "hop_size",
    "n_mels": "num_mels",
    "f_min": "fmin",
    "f_max": "fmax",
}
"""What the vocoder's own file calls them."""
DEFAULTS: Mapping[str, object] = {
    "n_fft": 1024,
    "f_min": 20.0,
    "eps": 1e-5,
    "window_fn": "hann",
    "type": KIND,
}
"""Those of fairseq's script, which need not be said."""
HIGHEST_HZ = 8000.0
"""Where its bands end; where the vocoder's own file says null, they reach half of the rate."""


@dataclass(frozen=True, kw_only=True)
class LogMels:
    """How the log-mel spectrogram of a waveform is made."""

    features: JsonObject
    """By the names of `config.yaml`."""

    @property
    def rate_hz(self) -> int:
        """Samples a second."""
        return int(self.features["sample_rate"])

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return int(self.features["hop_length"])

    @property
    def preprocessor(self) -> JsonDict:
        """What `preprocessor_config.json` must hold for the same spectrogram."""
        said = self.features
        return {
            "feature_extractor_type": "FairseqLogMelExtractor",
            "auto_map": {"AutoFeatureExtractor": f"{LOG_MEL.stem}.FairseqLogMelExtractor"},
            "feature_size": said["n_mels"],
            "sampling_rate": said["sample_rate"],
            "padding_side": "right",
            # As silence sounds.
            "padding_value": math.log(said["eps"]),
            "return_attention_mask": False,
            "n_fft": said["n_fft"],
            "win_length": said["win_length"],
            "hop_length": said["hop_length"],
            "window_function": said["window_fn"],
            "f_min": said["f_min"],
            "f_max": said["f_max"],
            "floor": said["eps"],
        }


def read_log_mels(
    sidecars: Sidecars, said: JsonObject, *, bands: int, hop: int, rate_hz: int
) -> LogMels:
    """How spectrograms are made: as `config.yaml` says, the vocoder's own file, or fairseq's script.

    Args:
        sidecars: The `config.yaml` of the model that predicts them, if there is one.
        said: What the vocoder's own file says.
        bands: Of the vocoder's input.
        hop: Samples that it makes of a frame.
        rate_hz: Its samples a second.

    Raises:
        BadInput: they are made in another way than a folder makes them, or do not fit the vocoder.
    """
    told = _features(sidecars)
    fitting = {"n_mels": bands, "hop_length": hop, "sample_rate": rate_hz}
    found = {**DEFAULTS, **fitting, **_own(said, rate_hz), **told}
    found.setdefault("win_length", found["n_fft"])
    for name, expected in fitting.items():
        if found[name] != expected:
            raise _unfit(name, found[name], expected, sidecars if name in told else None)
    for name, fits in _LIMITS.items():
        if not fits(found):
            raise _unusable(name, found[name], sidecars if name in told else None)
    return LogMels(features={name: found[name] for name in _LIMITS})


def _own(said: JsonObject, rate_hz: int) -> JsonDict:
    """What the vocoder's own file says of them, and how high bands reach where it does not."""
    reach = rate_hz / 2 if OWN["f_max"] in said else min(HIGHEST_HZ, rate_hz / 2)
    return {"f_max": reach, **{n: said[key] for n, key in OWN.items() if said.get(key) is not None}}


def _features(sidecars: Sidecars) -> JsonDict:
    """What `config.yaml` says of them, durations of frames in samples."""
    found = sidecars.config.get(FEATURES)
    said = dict(found) if isinstance(found, Mapping) else {}
    rate = said.get("sample_rate", sidecars.config.get("sample_rate"))
    for name, seconds in (("win_length", "win_len_t"), ("hop_length", "hop_len_t")):
        if _is_number(said.get(seconds)) and _is_number(rate):
            said.setdefault(name, round(said[seconds] * rate))
    known = {**said, "sample_rate": rate} if said else {}
    return {name: known[name] for name in _LIMITS if known.get(name) is not None}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _whole(name: str, most: int) -> Callable[[JsonObject], bool]:
    return lambda said: type(said[name]) is int and 0 < said[name] <= most


_LIMITS: Mapping[str, Callable[[JsonObject], bool]] = {
    "type": lambda said: said["type"] == KIND,
    "window_fn": lambda said: said["window_fn"] in WINDOWS,
    "sample_rate": _whole("sample_rate", MAX_RATE_HZ),
    "n_mels": _whole("n_mels", MAX_BANDS),
    "n_fft": lambda said: _whole("n_fft", MAX_FRAME)(said) and said["n_fft"] % 2 == 0,
    "win_length": lambda said: _whole("win_length", said["n_fft"])(said),
    "hop_length": _whole("hop_length", MAX_RATE_HZ),
    "f_min": lambda said: _is_number(said["f_min"]) and said["f_min"] >= 0,
    "f_max": lambda said: (
        _is_number(said["f_max"]) and said["f_min"] < said["f_max"] <= said["sample_rate"] / 2
    ),
    "eps": lambda said: _is_number(said["eps"]) and 0 < said["eps"] < 1,
}
"""What a folder's feature extractor, and fairseq, can work with."""


def _unfit(name: str, found: object, expected: int, by: Sidecars | None) -> BadInput:
    return BadInput(
        f"{_place(name, by)} must be {expected}, as the vocoder has it, but is {found!r:.40}: a "
        "spectrogram so made is not the one that it was trained on. Name the file that belongs to "
        f"the vocoder{' with `--config-yaml`' if by else ''}, or correct it."
    )


def _unusable(name: str, found: object, by: Sidecars | None) -> BadInput:
    return BadInput(
        f"{_place(name, by)} must be what fairseq makes log-mel spectrograms with, and a folder "
        f"carries: of type {KIND}, a window of {', '.join(WINDOWS)} no longer than an even frame of "
        f"at most {MAX_FRAME} samples, and bands up to half of the rate; but is {found!r:.40}. "
        "Correct it."
    )


def _place(name: str, by: Sidecars | None) -> str:
    if by is not None:
        return f"`{FEATURES}.{name}` in `{by.config_yaml}`"
    return f"`{OWN.get(name, name)}` in the vocoder's `{SAID}`"
