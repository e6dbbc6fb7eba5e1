import math

import pytest
import torch

from toolkit.compare.sound import MAX_COLUMNS, draw_envelope, draw_spectrogram, encode_sound
from toolkit.core.pictures import BANDS, LOUDEST

SECOND = 16_000


def tone(hz, seconds=1.0):
    return torch.sin(2 * math.pi * hz * torch.arange(int(seconds * SECOND)) / SECOND)


def columns_of(codes):
    return len(codes) // BANDS


def loudest_band(codes, column):
    columns = columns_of(codes)
    return max(range(BANDS), key=lambda band: codes[band * columns + column])


def test_a_higher_tone_is_in_a_higher_band():
    bands = [loudest_band(draw_spectrogram(tone(hz)), 50) for hz in (200, 1000, 3000, 7000)]
    assert bands == sorted(set(bands))
    assert bands[0] < 5
    assert bands[-1] > BANDS - 5


def test_a_tone_shows_when_it_sounds_and_silence_does_not():
    wave = torch.cat([torch.zeros(SECOND), tone(1000)])
    codes = draw_spectrogram(wave)
    columns = columns_of(codes)
    loud = [max(codes[band * columns + x] for band in range(BANDS)) for x in range(columns)]
    assert set(loud[: columns // 2 - 4]) == {0}
    assert set(loud[columns // 2 + 4 : -4]) == {LOUDEST}


@pytest.mark.parametrize("samples", [1, 30, 400, 16_000, 16_000 * 90])
def test_a_spectrogram_has_whole_bands_and_stays_small(samples):
    codes = draw_spectrogram(tone(440, samples / SECOND))
    assert len(codes) % BANDS == 0
    assert 1 <= columns_of(codes) <= MAX_COLUMNS


def test_silence_nothing_and_what_is_no_number_are_drawn():
    assert set(draw_spectrogram(torch.zeros(SECOND))) <= {0}
    assert draw_spectrogram(torch.zeros(0)) == draw_envelope(torch.zeros(0)) == b""
    assert draw_spectrogram(torch.full((SECOND,), math.nan))


def test_a_clip_is_carried_as_sound_and_a_long_one_is_not():
    sound = encode_sound(tone(440))
    assert sound[:3] == b"ID3" or sound[0] == 0xFF
    assert encode_sound(torch.zeros(SECOND * 13)) == b""
