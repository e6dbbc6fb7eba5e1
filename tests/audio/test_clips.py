import hashlib
import json
import os
import shutil

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.audio import SAMPLE_RATE_HZ, Clip, excerpt, read_clips
from toolkit.audio.clips import MANIFEST, MAX_CHANNELS, MAX_DURATION_S, MAX_FILE_BYTES
from toolkit.audio.outlines import outline_clips
from toolkit.core.errors import BadInput


def tone(duration_s, rate, channels=1, hz=440.0, gain=0.5):
    times = np.arange(round(duration_s * rate)) / rate
    wave = gain * np.sin(2 * np.pi * hz * times)
    return np.tile(wave[:, None], (1, channels)).astype(np.float32)


def write(path, samples, rate=SAMPLE_RATE_HZ, **options):
    soundfile.write(str(path), samples, rate, **options)
    return path


def write_manifest(folder, *entries):
    rows = []
    for entry in entries:
        rows.append("[[clip]]")
        rows += [f"{key} = {value!r}" for key, value in entry.items()]
    (folder / MANIFEST).write_text("\n".join(rows))
    return folder


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def wav(tmp_path):
    return write(tmp_path / "a.wav", tone(0.5, SAMPLE_RATE_HZ))


# Reading


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_becomes_16_khz_mono_of_the_same_duration(tmp_path, rate, channels):
    path = write(tmp_path / "a.wav", tone(0.75, rate, channels), rate)
    (clip,) = read_clips([path])
    assert clip.waveform.shape == (12_000,)
    assert clip.waveform.dtype == np.float32
    assert clip.waveform.flags.c_contiguous
    assert clip.duration_s == pytest.approx(0.75)


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_resampling_keeps_the_tone(tmp_path, rate):
    path = write(tmp_path / "a.wav", tone(1.0, rate), rate)
    (clip,) = read_clips([path])
    spectrum = np.abs(np.fft.rfft(clip.waveform))
    assert spectrum.argmax() == 440
    inner = slice(2_000, -2_000)
    expected = tone(1.0, SAMPLE_RATE_HZ)[:, 0]
    np.testing.assert_allclose(clip.waveform[inner], expected[inner], atol=1e-3)


def test_channels_are_averaged(tmp_path):
    samples = np.stack([np.full(100, 0.5), np.full(100, -0.25)], axis=1).astype(np.float32)
    (clip,) = read_clips([write(tmp_path / "a.wav", samples, subtype="FLOAT")])
    assert set(clip.waveform.tolist()) == {0.125}


@settings(max_examples=25)
@given(samples=st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1, max_size=50))
def test_samples_at_16_khz_are_read_bit_for_bit(tmp_path_factory, samples):
    path = tmp_path_factory.getbasetemp() / "bits.flac"
    write(path, np.array(samples, dtype=np.int16))
    (clip,) = read_clips([path])
    assert clip.waveform.tolist() == [sample / 2**15 for sample in samples]


def test_a_file_given_by_its_path_has_neither_transcript_nor_language(wav):
    (clip,) = read_clips([wav])
    assert (clip.name, clip.transcript, clip.lang, clip.kind) == ("a", None, None, "speech")


@pytest.mark.parametrize("suffix", [".flac", ".wav", ".ogg", ".WAV"])
def test_a_folder_gives_its_audio_files_in_order(tmp_path, suffix):
    for name in ("b", "a"):
        write(tmp_path / f"{name}{suffix}", tone(0.1, SAMPLE_RATE_HZ))
    (tmp_path / "notes.txt").touch()
    assert [clip.name for clip in read_clips([tmp_path])] == ["a", "b"]


def test_several_paths_are_read_in_their_order(tmp_path):
    paths = [write(tmp_path / f"{n}.wav", tone(0.1, SAMPLE_RATE_HZ)) for n in "cab"]
    assert [clip.name for clip in read_clips(paths)] == ["c", "a", "b"]


def test_a_manifest_says_what_a_clip_is(wav):
    entry = {"sha256": sha256(wav), "transcript": "Hm.", "lang": "de"}
    shutil.copy(wav, wav.with_name("b.wav"))
    probe, speech = {**entry, "file": "a.wav", "kind": "probe"}, {**entry, "file": "b.wav"}
    folder = write_manifest(wav.parent, probe, speech)
    first, second = read_clips([folder])
    assert (first.transcript, first.lang, first.kind) == ("Hm.", "de", "probe")
    assert second.kind == "speech"


def test_no_path_means_the_golden_audio(clips):
    assert {clip.name for clip in clips} >= {"en_1", "quiet", "rate_8k"}


# Refusing


def test_a_clip_that_its_manifest_does_not_know_is_refused(wav):
    folder = write_manifest(wav.parent, {"file": "a.wav", "sha256": sha256(wav)})
    with wav.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(BadInput, match=r"must have the sha256 [0-9a-f]{64} .*but has [0-9a-f]{64}"):
        read_clips([folder])


def test_a_clip_that_its_manifest_misses_is_refused(tmp_path):
    folder = write_manifest(tmp_path, {"file": "gone.wav", "sha256": "0" * 64})
    with pytest.raises(BadInput, match=r"`.*gone.wav` must be .* but there is no such file"):
        read_clips([folder])


@pytest.mark.parametrize(
    "content", [b"", b"x = 1", b"[[clip]", b"\xff\xfe", b"clip = ", b"[clips]\nfile = 'a.wav'"]
)
def test_a_broken_manifest_is_refused(tmp_path, content):
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(BadInput, match=r"must be TOML with `\[\[clip\]\]` tables"):
        read_clips([tmp_path])


@pytest.mark.parametrize("content", [b"", b"not audio at all", b"RIFF\0\0\0\0WAVE"])
def test_an_unreadable_file_is_refused(tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(BadInput, match=r"must be an audio file that libsndfile reads.*Convert it"):
        read_clips([tmp_path / "a.wav"])


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"a.wav` must be readable audio"):
        read_clips([tmp_path / "a.wav"])


def test_a_folder_without_audio_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(BadInput, match=r"must hold audio files \(.flac, .wav, .ogg, .mp3\) or"):
        read_clips([tmp_path])


def test_all_clips_that_are_too_short_stand_in_one_error(tmp_path):
    for name, samples in (("a", 399), ("b", 400), ("c", 1)):
        write(tmp_path / f"{name}.wav", np.zeros(samples, dtype=np.float32))
    with pytest.raises(BadInput, match=r"^`a` \(399 samples\), `c` \(1 samples\) must have at le"):
        read_clips([tmp_path], min_samples=400)


def test_a_clip_without_samples_is_refused(tmp_path):
    write(tmp_path / "a.wav", np.zeros(0, dtype=np.float32))
    with pytest.raises(BadInput, match=r"`a` \(0 samples\) must have at least 1 samples"):
        read_clips([tmp_path / "a.wav"])


def test_the_length_counts_after_resampling(tmp_path):
    path = write(tmp_path / "a.wav", np.zeros(300, dtype=np.float32), 8_000)
    assert len(read_clips([path], min_samples=600)[0].waveform) == 600
    with pytest.raises(BadInput, match="600 samples"):
        read_clips([path], min_samples=601)


def test_a_clip_that_is_too_long_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "a.flac"
    write(path, np.zeros(round((MAX_DURATION_S + 1) * 1_000), dtype=np.int16), 1_000)
    monkeypatch.setattr("soundfile.read", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(BadInput, match=r"must last at most 600 s .*but lasts 601.0 s"):
        read_clips([path])


def test_a_clip_with_too_many_channels_is_refused(tmp_path):
    write(tmp_path / "a.wav", tone(0.1, SAMPLE_RATE_HZ, MAX_CHANNELS))
    read_clips([tmp_path / "a.wav"])
    write(tmp_path / "b.wav", tone(0.1, SAMPLE_RATE_HZ, MAX_CHANNELS + 1))
    with pytest.raises(BadInput, match=f"at most {MAX_CHANNELS} channels, .* with 17"):
        read_clips([tmp_path / "b.wav"])


# Files nobody trusts


def test_a_small_file_that_claims_gigabytes_of_silence_is_refused_unread(tmp_path, monkeypatch):
    path = write(tmp_path / "a.flac", np.zeros((61_000_000 // 8, 8), dtype=np.int16), 655_350)
    assert path.stat().st_size < 1_000_000
    monkeypatch.setattr("soundfile.read", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(BadInput, match="at most 60000000 samples in all channels together"):
        read_clips([path])


def test_an_outsized_file_is_refused_unread(tmp_path, monkeypatch):
    path = write(tmp_path / "a.wav", tone(0.1, SAMPLE_RATE_HZ))
    os.truncate(path, MAX_FILE_BYTES)
    read_clips([path])
    os.truncate(path, MAX_FILE_BYTES + 1)
    monkeypatch.setattr("soundfile.info", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(BadInput, match=f"at most {MAX_FILE_BYTES} bytes"):
        read_clips([path])


@pytest.mark.parametrize("num_bytes", [0x7FFFFFFF, 0xFFFFFFFF])
def test_a_header_that_claims_more_than_the_file_has_gives_what_is_there(tmp_path, num_bytes):
    path = write(tmp_path / "a.wav", tone(0.1, SAMPLE_RATE_HZ))
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = num_bytes.to_bytes(4, "little")
    path.write_bytes(content)
    (clip,) = read_clips([path])
    assert len(clip.waveform) == 1600


def test_a_clip_of_the_longest_duration_is_read(tmp_path):
    path = tmp_path / "a.flac"
    write(path, np.zeros(round(MAX_DURATION_S * 1_000), dtype=np.int16), 1_000)
    assert read_clips([path])[0].duration_s == MAX_DURATION_S


@pytest.mark.parametrize("target", ["/dev/zero", "/dev/full"])
def test_what_is_no_audio_file_is_refused_without_reading_it(tmp_path, target):
    (tmp_path / "a.wav").symlink_to(target)
    with pytest.raises(BadInput, match=r"a.wav` must be an audio file"):
        read_clips([tmp_path])


def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    with pytest.raises(BadInput, match="is no file"):
        read_clips([tmp_path])
    os.mkfifo(tmp_path / MANIFEST)
    with pytest.raises(BadInput):
        read_clips([tmp_path])


@pytest.mark.parametrize(
    "file", ["../a.wav", "/etc/passwd", "b/../../a.wav", "..", "", "a\\b", "a\n"]
)
def test_a_manifest_names_files_beside_it_only(tmp_path, file):
    row = f"[[clip]]\nfile = {json.dumps(file)}\nsha256 = 'x'\n"
    (tmp_path / MANIFEST).write_text(row)
    with pytest.raises(BadInput, match="a name in the same folder"):
        read_clips([tmp_path])


@pytest.mark.parametrize("key", ["transcript", "lang", "kind"])
def test_a_manifest_holds_texts_only(wav, key):
    folder = write_manifest(wav.parent, {"file": "a.wav", "sha256": sha256(wav), key: 3})
    with pytest.raises(BadInput, match="with texts for everything else"):
        read_clips([folder])


@pytest.mark.parametrize(
    "content", [b"a = " + b"[" * 5000, b"#" * (1 << 19), b"a = " + b"9" * 5000]
)
def test_an_outsized_manifest_is_refused(tmp_path, content):
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(BadInput, match="must be TOML"):
        read_clips([tmp_path])


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2Jb", "a\u202eb", "a" * 201])
def test_a_clip_with_an_odd_name_is_refused(wav, name):
    path = wav.rename(wav.with_name(f"{name}.wav"))
    with pytest.raises(BadInput, match="printable characters") as caught:
        read_clips([path])
    assert str(caught.value).isprintable()


def test_an_excerpt_is_where_a_clip_is_loudest():
    quiet = np.zeros(10 * 16_000, np.float32)
    quiet[5 * 16_000 : 6 * 16_000] = 0.5
    part = excerpt(Clip(name="a.wav", waveform=quiet, transcript="no", lang="de"), 16_000)
    assert (part.name, part.transcript, part.lang, part.kind) == (
        "a.wav/5.0s",
        None,
        "de",
        "probe",
    )
    assert np.all(part.waveform == 0.5)
    assert len(part.waveform) == 16_000


@pytest.mark.parametrize("length", [100, 500])
def test_an_excerpt_of_a_short_clip_is_the_whole(length):
    whole = np.ones(length, np.float32)
    assert np.array_equal(excerpt(Clip(name="a", waveform=whole), 500).waveform, whole)


def test_a_part_of_a_part_is_read_again_as_itself(wav):
    (outline,) = outline_clips([wav])
    once = outline.excerpt(outline.num_samples * 2 // 3)
    twice = once.excerpt(outline.num_samples // 3)
    assert np.array_equal(twice.read().waveform, once.read().excerpt(twice.num_samples).waveform)
    assert twice.num_samples == outline.num_samples // 3
