"""The reference audio is complete, whole and small."""

import hashlib
import sys

import numpy as np
import pytest
import soundfile

from toolkit.audio import golden_folder, read_clips
from toolkit.checkpoint import open_checkpoint
from toolkit.core.errors import BadInput

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROBES = {
    "clipped",
    "long",
    "odd_frames",
    "quiet",
    "rate_8k",
    "silence_middle",
    "stereo_44k",
    "tiny",
}
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def entries():
    return tomllib.loads((golden_folder() / "manifest.toml").read_text(encoding="utf-8"))["clip"]


def by_name(entries, kind=None):
    return {e["file"].rpartition(".")[0]: e for e in entries if kind in (None, e["kind"])}


def test_there_are_enough_speech_clips_in_enough_languages(entries):
    speech = by_name(entries, "speech").values()
    assert len(speech) >= 16
    assert len({entry["lang"] for entry in speech}) >= 5


def test_every_kind_of_probe_is_there(entries):
    assert by_name(entries).keys() >= PROBES
    assert {entry["kind"] for entry in entries} == {"speech", "probe"}


def test_every_clip_says_what_it_is_and_what_it_is_there_to_catch(entries):
    for entry in entries:
        for key in ("file", "sha256", "kind", "origin", "licence", "catches", "lang"):
            assert entry[key], (entry["file"], key)
        assert entry["kind"] == "probe" or entry["transcript"]


def test_every_clip_is_the_one_that_the_manifest_states(entries):
    for entry in entries:
        path = golden_folder() / entry["file"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
        info = soundfile.info(str(path))
        assert (info.samplerate, info.channels) == (entry["sample_rate_hz"], entry["channels"])
        assert info.duration == pytest.approx(entry["duration_s"], abs=1e-5)


def test_every_audio_file_of_the_folder_is_in_the_manifest(entries):
    audio = {f.name for f in golden_folder().iterdir() if f.suffix in (".flac", ".wav")}
    assert audio == {entry["file"] for entry in entries}
    assert len(entries) == len(audio)


def test_every_language_of_the_clips_has_a_tag_in_the_golden_dictionary(entries, prepared):
    assert {entry["lang"] for entry in entries} <= prepared.sidecars.languages.keys()


def test_the_golden_material_is_small(entries):
    clips = sum((golden_folder() / entry["file"]).stat().st_size for entry in entries)
    checkpoint = (golden_folder() / "checkpoint" / "model.pt").stat().st_size
    assert clips < 3 * MEGABYTE
    assert checkpoint < 4 * MEGABYTE


def test_the_golden_checkpoint_holds_no_optimizer_state(golden_checkpoint):
    assert not open_checkpoint(golden_checkpoint).has_optimizer_state


# Each probe is what its name says


def test_the_probes_of_another_rate_become_16_khz_mono(entries, clip):
    for name, rate, channels in (("rate_8k", 8_000, 1), ("stereo_44k", 44_100, 2)):
        entry = by_name(entries)[name]
        assert (entry["sample_rate_hz"], entry["channels"]) == (rate, channels)
        assert clip(name).waveform.ndim == 1
        assert clip(name).duration_s == pytest.approx(entry["duration_s"], abs=1e-3)


def test_the_quiet_probe_is_quiet_and_the_clipped_one_clipped(clip):
    assert 0 < np.abs(clip("quiet").waveform).max() < 0.01
    assert (np.abs(clip("clipped").waveform) >= 0.99).sum() > 100


def test_the_tiny_probe_is_the_shortest_and_the_long_one_the_longest(clips):
    ordered = sorted(clips, key=lambda clip: clip.duration_s)
    assert (ordered[0].name, ordered[-1].name) == ("tiny", "long")


def test_the_probe_of_silence_has_silence_in_its_middle(clip):
    waveform = clip("silence_middle").waveform
    silent = np.flatnonzero(waveform == 0)
    assert len(silent) > 0.1 * len(waveform)
    assert np.abs(waveform[: silent[0]]).max(initial=0) > 0 or silent[0] == 0


def test_the_clips_do_not_all_have_an_even_number_of_frames(clips, prepared):
    config = prepared.network.config

    def frames(samples):
        names = ("encoder.conv_kernel", "encoder.conv_stride")
        pairs = zip(*(config[name].value for name in names), strict=True)
        for kernel, stride in pairs:
            samples = (samples - kernel) // stride + 1
        return samples

    odd = {clip.name for clip in clips if frames(len(clip.waveform)) % 2}
    assert "odd_frames" in odd
    assert len(odd) < len(clips)


def test_a_package_without_the_golden_audio_says_so(monkeypatch):
    monkeypatch.setattr("toolkit.audio.clips.MANIFEST", "nowhere.toml")
    with pytest.raises(BadInput, match=r"`golden_audio/nowhere.toml` must come with the toolkit"):
        read_clips([])
