"""A spectrogram in, a waveform out: a vocoder, asked about the spectrograms of clips."""

from dataclasses import replace

from toolkit.examples.medium import AUDIO
from toolkit.tasks import vocoder
from toolkit.tasks.base import deferred
from toolkit.tasks.mel_vocoder.breakable import BREAKABLE
from toolkit.tasks.mel_vocoder.levels import LEVELS

_USAGE = """import torch
from transformers import AutoFeatureExtractor, SpeechT5HifiGan

vocoder = SpeechT5HifiGan.from_pretrained({name}).eval()
analyse = AutoFeatureExtractor.from_pretrained({name}, trust_remote_code=True)
rate = analyse.sampling_rate
spectrogram = analyse(waveform, sampling_rate=rate, return_tensors="pt").spectrogram
with torch.no_grad():
    spoken = vocoder(spectrogram)"""
_NOTES = """## Spectrograms

`spectrogram` has shape (clips, frames, bands): natural logarithms of mel bands of magnitudes, as
fairseq's `extract_logmel_spectrogram` makes them, not normalized. `normalize_before` is false, and
`mean` and `scale` are zeros and ones. A model that predicts spectrograms normalized by a corpus
(`global_cmvn` of fairseq's `config.yaml`) needs them as fairseq's generator gives them to its
vocoder: `spectrogram * std + mean`. Spectrograms of a batch must be of one length: what stands
behind the end of one is heard, on both sides.

`feature_extraction_log_mel.py` makes the spectrogram of a recording as fairseq does, in torch
alone; the vocoder itself is a stock class, and needs none of it. No feature extractor of
transformers makes these bands.

## The class

Name `SpeechT5HifiGan` as above: there is no auto class for vocoders. Weight norms are taken off:
fairseq computes the same weights at every call."""

TASK = replace(
    vocoder.TASK,
    name="mel_vocoder",
    levels=LEVELS,
    absent={
        **vocoder.ABSENT,
        "padding": "fairseq gives its vocoder spectrograms of one length",
    },
    words=replace(
        vocoder.TASK.words,
        summary=(
            "A vocoder that makes speech of spectrograms, trained with fairseq and converted to "
            "Hugging Face `transformers`."
        ),
        takes="log-mel spectrograms of speech",
        opens=vocoder.opened_by("HiFiGANVocoder"),
        usage=_USAGE,
        notes=_NOTES,
    ),
    target=deferred(f"{__name__}.target", "MelVocoderTarget"),
    run=deferred(f"{__name__}.clip", "run_clip"),
    breakable=BREAKABLE,
    medium=AUDIO,
)
