"""Audio files and manifests become 16 kHz mono waveforms."""

from __future__ import annotations

import hashlib
import stat
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from toolkit.checkpoint.plain_files import read_small
from toolkit.core.errors import BadInput, reason_of
from toolkit.core.json import JsonObject

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
MAX_DURATION_S = 600.0
"""Longer clips are refused: attention grows with the square of the length."""
EXCERPT_SAMPLES = SAMPLE_RATE_HZ
"""What is heard of a clip that is too long to compare modules on."""
LANGUAGE_SAMPLES = SAMPLE_RATE_HZ // 2
"""What is heard of a clip in each language that no clip is in."""
MAX_CHANNELS = 16
MAX_SAMPLES = 60_000_000
"""Of all channels together, at the file's own rate: ten minutes of 48 kHz stereo. A file of silence
may claim thousands of times what it holds, at any rate."""
MAX_FILE_BYTES = 1 << 29
MAX_MANIFEST_BYTES = 1 << 18
MAX_NAME_CHARS = 200
MANIFEST = "manifest.toml"
AUDIO_SUFFIXES = (".flac", ".wav", ".ogg", ".mp3")
_TEXTS = ("file", "sha256", "transcript", "lang", "kind")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class ClipFacts:
    """What is told of a clip beside its sound."""

    name: str
    transcript: str | None = None
    """What the clip says; None where nobody wrote it down."""
    lang: str | None = None
    """Language tag to decode with; None for the checkpoint's default."""
    kind: str = "speech"
    """`speech` where a trained model must return the transcript, `probe` where it need not."""


@dataclass(frozen=True, kw_only=True)
class Clip(ClipFacts):
    """One clip, ready for both models; other examples take its form, see `toolkit.examples`."""

    samples_a_second: ClassVar[int] = SAMPLE_RATE_HZ
    """0 of what has no duration."""
    waveform: NDArray[np.float32]
    """Shape (L,), 16 kHz mono, full scale is 1.0."""

    @property
    def num_samples(self) -> int:
        """Its length."""
        return len(self.waveform)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return lasting(len(self.waveform), self.samples_a_second)

    @property
    def sha256(self) -> str:
        """Of its samples as little-endian float32, as recordings name it."""
        return hashlib.sha256(self.waveform.astype("<f4").tobytes()).hexdigest()

    def excerpt(self, samples: int) -> Clip:
        """The loudest part of it as a clip of its own; see `excerpt`."""
        return excerpt(self, samples)


@dataclass(frozen=True, kw_only=True)
class ClipFile(ClipFacts):
    """A file that holds a clip, not read yet."""

    path: Path
    sha256: str | None = None
    """What its manifest says of it."""

    def read(self) -> Clip:
        """The clip.

        Raises:
            BadInput: it is unreadable, too long, or not the file that its manifest means.
        """
        if self.sha256 is not None:
            _expect_file(self.path)
            _check_hash(self.path, self.sha256)
        told = {field.name: getattr(self, field.name) for field in fields(ClipFacts)}
        return Clip(**told, waveform=_read_waveform(self.path))


class Measured(Protocol):
    """What has a name and a length."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def num_samples(self) -> int:
        """At 16 kHz."""


def golden_folder() -> Path:
    """The folder of reference audio: beside the package in a checkout, inside it in a wheel.

    Raises:
        BadInput: neither is there.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "golden_audio", package.parent / "golden_audio"):
        if (folder / MANIFEST).is_file():
            return folder
    raise BadInput(
        f"`golden_audio/{MANIFEST}` must come with the toolkit, but does not. "
        "Name clips of your own with `--audio`."
    )


def lasting(samples: int, samples_a_second: int) -> float:
    """Seconds of so many samples; 0 of what has no duration."""
    return samples / samples_a_second if samples_a_second else 0.0


def excerpt(clip: Clip, samples: int) -> Clip:
    """The loudest part of a clip as one of its own, of which nobody knows what it says.

    Args:
        clip: The whole; a shorter one is taken as it is.
        samples: How long the part is.
    """
    import numpy as np

    length = min(samples, len(clip.waveform))
    energy = np.concatenate([[0.0], np.cumsum(np.square(clip.waveform, dtype=np.float64))])
    start = int(np.argmax(energy[length:] - energy[: len(energy) - length]))
    return Clip(
        name=f"{clip.name}/{start / SAMPLE_RATE_HZ:.1f}s",  # as no file can be called
        waveform=clip.waveform[start : start + length],
        lang=clip.lang,
        kind="probe",
    )


def read_clips(paths: Sequence[Path], *, min_samples: int = 1) -> tuple[Clip, ...]:
    """The clips in files, in folders of files, or in folders with a manifest.

    Args:
        paths: Files or folders; none means the golden audio.
        min_samples: Fewest samples at 16 kHz that the model can take.

    Raises:
        BadInput: a path holds no audio, or a clip is unreadable, too short or too long.
    """
    clips = tuple(file.read() for file in find_clips(paths))
    expect_usable(clips, min_samples)
    return clips


def find_clips(paths: Sequence[Path]) -> Iterator[ClipFile]:
    """The files that `read_clips` reads, one by one.

    Args:
        paths: Files or folders; none means the golden audio.

    Raises:
        BadInput: a folder holds no audio, or a manifest is none.
    """
    for path in paths or [golden_folder()]:
        if path.is_dir() and (path / MANIFEST).is_file():
            yield from _in_manifest(path)
        elif path.is_dir():
            yield from _in_folder(path)
        else:
            yield ClipFile(name=path.stem, path=path)


def expect_usable(clips: Sequence[Measured], min_samples: int) -> None:
    """Makes sure that clips can be told apart, and are long enough.

    Raises:
        BadInput: they are not.
    """
    _refuse_odd_names(clips)
    _refuse_duplicates(clips)
    short = [clip for clip in clips if clip.num_samples < min_samples]
    if short:
        names = ", ".join(f"`{c.name}` ({c.num_samples} samples)" for c in short)
        raise BadInput(
            f"{names} must have at least {min_samples} samples at {SAMPLE_RATE_HZ} Hz for one "
            "encoder frame, but has fewer. Leave it out, or name longer clips with `--audio`."
        )


def _refuse_odd_names(clips: Sequence[Measured]) -> None:
    odd = [c.name for c in clips if not c.name.isprintable() or len(c.name) > MAX_NAME_CHARS]
    if odd:
        names = ", ".join(f"`{ascii(name)[1:-1]:.60}`" for name in odd[:10])
        raise BadInput(
            f"{names} must be named by at most {MAX_NAME_CHARS} printable characters, as reports "
            "show the names of clips, but is not. Rename the file."
        )


def _refuse_duplicates(clips: Sequence[Measured]) -> None:
    counts = Counter(clip.name for clip in clips)
    twice = [f"`{name}`" for name, count in counts.items() if count > 1]
    if twice:
        raise BadInput(
            f"{', '.join(twice)} must name one clip each, as reports tell clips by name, but name "
            "several. Rename the files."
        )


def _in_folder(folder: Path) -> Iterator[ClipFile]:
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in AUDIO_SUFFIXES)
    if not files:
        raise BadInput(
            f"`{folder}` must hold audio files ({', '.join(AUDIO_SUFFIXES)}) or a `{MANIFEST}`, "
            "but holds neither. Name audio with `--audio`."
        )
    yield from (ClipFile(name=file.stem, path=file) for file in files)


def _in_manifest(folder: Path) -> Iterator[ClipFile]:
    for entry in _read_entries(folder / MANIFEST):
        file = folder / entry["file"]
        yield ClipFile(
            name=file.stem,
            path=file,
            sha256=entry["sha256"],
            transcript=entry.get("transcript"),
            lang=entry.get("lang"),
            kind=entry.get("kind", "speech"),
        )


def _read_entries(path: Path) -> list[JsonObject]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        content = read_small(path, max_bytes=MAX_MANIFEST_BYTES)
        entries = tomllib.loads(content.decode("utf-8"))["clip"]
    except (OSError, ValueError, KeyError, RecursionError) as error:
        raise BadInput(
            f"`{path}` must be TOML with `[[clip]]` tables, but {error}. Correct the manifest."
        ) from error
    if not isinstance(entries, list) or not entries or not all(map(_is_entry, entries)):
        raise BadInput(
            f"`{path}` must have `[[clip]]` tables, each with the texts `file`, a name in the same "
            "folder, and `sha256`, and with texts for everything else, but has none or others. "
            "Correct the manifest."
        )
    return entries


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or not {"file", "sha256"} <= entry.keys():
        return False
    texts = [entry[key] for key in _TEXTS if key in entry]
    return all(isinstance(text, str) for text in texts) and _is_plain(entry["file"])


def _is_plain(name: str) -> bool:
    # A manifest may come from anywhere; it names files beside it and nothing else.
    return name not in ("", ".", "..") and name.isprintable() and not set(name) & set("/\\:")


def _expect_file(path: Path) -> None:
    """Refuses what is no file before opening it: a pipe would wait for its other end."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise BadInput(
            f"`{path}` must be readable audio, but {reason_of(error)}. Check the path."
        ) from error
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
        raise BadInput(
            f"`{path}` must be an audio file of at most {MAX_FILE_BYTES} bytes, but is no file, or "
            "a larger one. Check the path."
        )


def _check_hash(file: Path, expected: str) -> None:
    try:
        digest = hashlib.sha256()
        with file.open("rb") as opened:
            while chunk := opened.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise BadInput(
            f"`{file}` must be readable audio, but {reason_of(error)}. Check the path."
        ) from error
    found = digest.hexdigest()
    if found != expected:
        raise BadInput(
            f"`{file}` must have the sha256 {expected} that its manifest states, but has {found}. "
            "Restore the file, or make the material again."
        )


def _read_waveform(path: Path) -> NDArray[np.float32]:
    import numpy as np
    import soundfile

    _expect_file(path)
    try:
        info = soundfile.info(str(path))
        _check_limits(path, info.duration, info.channels)
        _check_samples(path, info.frames * info.channels)
        samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError, TypeError) as error:
        raise BadInput(
            f"`{path}` must be an audio file that libsndfile reads, but {error} "
            "Convert it to FLAC or WAV."
        ) from error
    if not np.isfinite(samples).all():
        raise BadInput(
            f"`{path}` must hold finite samples, but holds NaN or infinity. Write it again."
        )
    return _to_mono_16k(samples, rate)


def _check_limits(path: Path, duration_s: float, channels: int) -> None:
    if duration_s > MAX_DURATION_S or channels > MAX_CHANNELS:
        raise BadInput(
            f"`{path}` must last at most {MAX_DURATION_S:g} s with at most {MAX_CHANNELS} "
            f"channels, but lasts {duration_s:.1f} s with {channels}. Cut it."
        )


def _check_samples(path: Path, num_samples: int) -> None:
    if num_samples > MAX_SAMPLES:
        raise BadInput(
            f"`{path}` must have at most {MAX_SAMPLES} samples in all channels together, but has "
            f"{num_samples}. Write it at a lower rate; {SAMPLE_RATE_HZ} Hz are used."
        )


def _to_mono_16k(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    import numpy as np
    import soxr

    mono = samples.mean(axis=1)
    resampled = mono if rate == SAMPLE_RATE_HZ else soxr.resample(mono, rate, SAMPLE_RATE_HZ)
    return np.ascontiguousarray(resampled, dtype=np.float32)
