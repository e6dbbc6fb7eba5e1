"""Audio clips as waveforms, and the manifest that describes the golden ones."""

from toolkit.audio.clips import SAMPLE_RATE_HZ, Clip, excerpt, golden_folder, read_clips
from toolkit.audio.outlines import Outline

__all__ = ["SAMPLE_RATE_HZ", "Clip", "Outline", "excerpt", "golden_folder", "read_clips"]
