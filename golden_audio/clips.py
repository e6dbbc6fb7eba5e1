"""The clips: what is spoken, how it is bent into a probe, and the manifest that lists it all.

espeak-ng speaks; nothing but the recipe needs it, because the clips themselves are kept.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

Samples = npt.NDArray[np.float64]
"""(L,) mono or (L, channels) sound, full scale at 1.0."""

SAMPLE_RATE_HZ = 16_000
PEAK = 0.7
"""Largest absolute value of an ordinary clip."""
LICENCE = "CC0-1.0"
CONV_LAYERS = ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2))
"""Kernel and stride of each layer of wav2vec2's feature extractor."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One file of the golden set, before it is made."""

    name: str
    lang: str
    """Language tag of the transcript, also the key of `VOICES`."""
    text: str
    """What espeak-ng says."""
    catches: str
    rate_wpm: int = 165
    kind: str = "speech"
    bend: Callable[[Samples], Samples] | None = None
    """What turns the spoken sound (16 kHz, or `sample_rate_hz`) into the probe."""
    sample_rate_hz: int = SAMPLE_RATE_HZ
    suffix: str = ".flac"
    transcript: str | None = None
    """The words left after `bend`, where they are not `text`."""

    @property
    def file(self) -> str:
        """Name of the file beside the manifest."""
        return self.name + self.suffix

    @property
    def words(self) -> str:
        """The transcript: empty where nothing intelligible is left."""
        return self.text if self.transcript is None else self.transcript


VOICES = {
    "de": "de",
    "en": "en-us",
    "es": "es",
    "fr": "fr-fr",
    "it": "it",
    "pt": "pt-br",
    "ru": "ru",
}
"""Language tag -> espeak-ng voice."""


def frame_count(n_samples: int) -> int:
    """Frames that wav2vec2's standard feature extractor makes of `n_samples` samples at 16 kHz."""
    for kernel, stride in CONV_LAYERS:
        n_samples = (n_samples - kernel) // stride + 1
    return n_samples


def _to_odd_frames(sound: Samples) -> Samples:
    n_samples = len(sound)
    while frame_count(n_samples) % 2 == 0:
        n_samples -= 1
    return sound[:n_samples]


def _to_quiet(sound: Samples) -> Samples:
    return sound * 10 ** (-60 / 20) / np.sqrt(np.mean(sound**2))


def _with_silence_in_the_middle(sound: Samples) -> Samples:
    half = len(sound) // 2
    return np.concatenate([sound[:half], np.zeros(SAMPLE_RATE_HZ), sound[half:]])


def _to_clipped(sound: Samples) -> Samples:
    return np.clip(sound * 8 / PEAK, -1.0, 1.0)


def _to_tiny(sound: Samples) -> Samples:
    start = int(np.argmax(np.abs(sound)))
    return sound[start : start + SAMPLE_RATE_HZ // 10]


def _to_stereo(sound: Samples) -> Samples:
    late = np.concatenate([np.zeros(220), sound[:-220]])  # 5 ms at 44.1 kHz
    return np.stack([sound, 0.3 * late], axis=1)


SPEECH = (
    Clip(name="en_1", lang="en", text="The golden bell rings at noon.", catches="plain ASCII text"),
    Clip(name="en_2", lang="en", text="Seven birds sat on my roof!", catches="an exclamation mark"),
    Clip(
        name="en_3",
        lang="en",
        text="The red bus, I think, is late.",
        catches="commas, and a start shared with en_1: only the sound tells the two apart",
    ),
    Clip(name="de_1", lang="de", text="Schöne Grüße aus Köln!", catches="the letters ö, ü and ß"),
    Clip(
        name="de_2",
        lang="de",
        text="Die Straße führt zum Fluß.",
        catches="ß at the end of a word, and capitals inside the sentence",
    ),
    Clip(
        name="de_3",
        lang="de",
        text="Ärger hilft nicht, Übung schon.",
        catches="a capital umlaut at the very start of the text",
    ),
    Clip(name="fr_1", lang="fr", text="Ça va très bien, merci.", catches="a capital Ç and a grave"),
    Clip(
        name="fr_2",
        lang="fr",
        text="Où est la forêt, s'il te plaît ?",
        catches="a space before a question mark, which a detokenizer likes to remove",
    ),
    Clip(name="es_1", lang="es", text="El niño come una piña.", catches="the letter ñ twice"),
    Clip(
        name="es_2",
        lang="es",
        text="¿Dónde vive el señor Núñez?",
        catches="an inverted question mark as the first character",
    ),
    Clip(
        name="it_1",
        lang="it",
        text="La città è già sveglia.",
        catches="a word of a single accented letter",
    ),
    Clip(
        name="it_2",
        lang="it",
        text="Perché l'amico non c'è più?",
        catches="apostrophes inside words",
    ),
    Clip(name="pt_1", lang="pt", text="A maçã caiu do avião.", catches="ç and ã side by side"),
    Clip(
        name="pt_2",
        lang="pt",
        text="Meu coração bate às 7 horas.",
        catches="a digit, spoken as a word",
    ),
    Clip(
        name="ru_1",
        lang="ru",
        text="Мама вчера мыла белую раму.",
        catches="text outside the Latin script",
    ),
    Clip(
        name="ru_2",
        lang="ru",
        text="Ёжик ест яблоко.",
        catches="Ё, which Unicode decomposition turns into two characters",
    ),
)
"""The clips whose transcripts the golden checkpoint has learnt."""

PROBES = (
    Clip(
        name="odd_frames",
        kind="probe",
        lang="en",
        text="An odd number of frames.",
        bend=_to_odd_frames,
        catches="an odd frame count: fairseq pads it to an even one and takes the frame off again",
    ),
    Clip(
        name="quiet",
        kind="probe",
        lang="de",
        text="Leise Töne zählen auch.",
        bend=_to_quiet,
        catches="speech at -60 dBFS RMS: the epsilon of the audio normalization (1e-5 in fairseq, "
        "1e-7 in Hugging Face) becomes visible",
    ),
    Clip(
        name="silence_middle",
        kind="probe",
        lang="fr",
        text="Un silence, puis la suite.",
        bend=_with_silence_in_the_middle,
        catches="one second of digital silence between two halves: divisions by a zero deviation, "
        "and anything that trims silence",
    ),
    Clip(
        name="clipped",
        kind="probe",
        lang="es",
        text="¡El volumen está muy alto!",
        bend=_to_clipped,
        catches="hard clipping at full scale: integer overflow and wrong scaling when reading PCM",
    ),
    Clip(
        name="tiny",
        kind="probe",
        lang="en",
        text="Ah!",
        transcript="",
        bend=_to_tiny,
        catches="0.1 s, four frames, one after the adaptor: off-by-one errors in lengths",
    ),
    Clip(
        name="long",
        kind="probe",
        lang="it",
        text="Il treno parte alle nove. Fuori piove, ma la stazione è piena di gente. Un bambino "
        "ride, una donna legge il giornale. Poi il fischio, le porte si chiudono, e la città "
        "resta indietro.",
        catches="about 12 s in several sentences: position limits, long generation, and the "
        "padding of everything that shares a batch with it",
    ),
    Clip(
        name="rate_8k",
        kind="probe",
        lang="pt",
        text="O telefone toca de manhã.",
        sample_rate_hz=8_000,
        suffix=".wav",
        catches="a file at 8 kHz: reading it without resampling doubles the speed",
    ),
    Clip(
        name="stereo_44k",
        kind="probe",
        lang="ru",
        text="Звук слева и справа.",
        bend=_to_stereo,
        sample_rate_hz=44_100,
        catches="two different channels at 44.1 kHz: taking one channel for the mean of both, and "
        "channels mistaken for a batch",
    ),
)
"""The clips that exist to catch a fault."""

CLIPS = SPEECH + PROBES


def write_clips(out: Path) -> None:
    """Speaks, bends and writes every clip, and then `manifest.toml`.

    Args:
        out: The folder to write to.

    Raises:
        ValueError: The speech clips are not of both an odd and an even frame count.
    """
    out.mkdir(parents=True, exist_ok=True)
    for clip in CLIPS:
        soundfile.write(out / clip.file, _make_sound(clip), clip.sample_rate_hz, subtype="PCM_16")
    _check_frame_counts(out)
    (out / "manifest.toml").write_text(_format_manifest(out), encoding="utf-8")


def read_mono_16k(path: Path) -> npt.NDArray[np.float32]:
    """A sound file as (L,) float32 at 16 kHz, its channels averaged."""
    sound, sample_rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    mono = sound.mean(axis=1)  # (L, channels) -> (L,)
    if sample_rate_hz == SAMPLE_RATE_HZ:
        return mono
    return soxr.resample(mono, sample_rate_hz, SAMPLE_RATE_HZ)


def _make_sound(clip: Clip) -> Samples:
    sound = _speak(clip)
    return sound if clip.bend is None else clip.bend(sound)


def _speak(clip: Clip) -> Samples:
    """`clip.text` by espeak-ng, without the silence at both ends, peak at `PEAK`."""
    command = ["espeak-ng", "-v", VOICES[clip.lang], "-s", str(clip.rate_wpm), "--stdout"]
    spoken = subprocess.run(
        command, input=clip.text.encode(), stdout=subprocess.PIPE, check=True
    ).stdout
    sound, spoken_rate_hz = soundfile.read(io.BytesIO(spoken))
    audible = np.flatnonzero(np.abs(sound) > 1e-3)
    sound = soxr.resample(sound[audible[0] : audible[-1] + 1], spoken_rate_hz, clip.sample_rate_hz)
    return sound * (PEAK / np.abs(sound).max())


def _check_frame_counts(out: Path) -> None:
    parities = {frame_count(soundfile.info(out / clip.file).frames) % 2 for clip in SPEECH}
    if parities != {0, 1}:
        raise ValueError(
            f"The speech clips must have odd and even frame counts, but all are {parities} modulo "
            "2. Change the `rate_wpm` of one of them."
        )


def _format_manifest(out: Path) -> str:
    version = _espeak_version()
    header = {
        "generator": "golden_audio/recipe.py",
        "espeak_ng_version": version,
        "licence": LICENCE,
    }
    tables = [_format_table("[golden_audio]", header)]
    tables += [_format_table("[[clip]]", _describe(clip, out, version)) for clip in CLIPS]
    return "\n".join(tables)


def _describe(clip: Clip, out: Path, espeak_version: str) -> dict[str, str | int | float]:
    path = out / clip.file
    info = soundfile.info(path)
    return {
        "file": clip.file,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "sample_rate_hz": info.samplerate,
        "channels": info.channels,
        "duration_s": round(info.frames / info.samplerate, 6),
        "kind": clip.kind,
        "origin": f"espeak-ng {espeak_version}, voice {VOICES[clip.lang]}, {clip.rate_wpm} wpm",
        "licence": LICENCE,
        "transcript": clip.words,
        "lang": clip.lang,
        "catches": clip.catches,
    }


def _format_table(title: str, values: dict[str, str | int | float]) -> str:
    # A JSON string is a TOML basic string, and JSON numbers are TOML numbers.
    rows = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join([title, *rows, ""])


def _espeak_version() -> str:
    said = subprocess.run(["espeak-ng", "--version"], capture_output=True, text=True, check=True)
    return said.stdout.split(":")[1].split()[0]
