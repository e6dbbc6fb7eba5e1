"""Makes `golden_audio/untrained` again: `python -m tests.variants.golden`.

A checkpoint of every family and kind that needs no training to be broken, built by fairseq itself.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.variants.adapter_kinds import ADAPTER_VARIANTS
from tests.variants.bare_kinds import (
    BARE_HUBERT_VARIANTS,
    BARE_VARIANTS,
    DATA2VEC_PRETRAINING_VARIANTS,
    UNISPEECH_VARIANTS,
)
from tests.variants.class_kinds import CLASS_VARIANTS
from tests.variants.ctc_building import build_ctc
from tests.variants.ctc_kinds import CTC_VARIANTS, CtcVariant
from tests.variants.hubert_kinds import HUBERT_VARIANTS
from tests.variants.hubert_pretraining_kinds import HUBERT_PRETRAINING_VARIANTS
from tests.variants.mel_kinds import MEL_VARIANTS, MelVariant
from tests.variants.pretraining_building import build_pretraining
from tests.variants.pretraining_kinds import PRETRAINING_VARIANTS, PretrainingVariant
from tests.variants.s2t_building import build_s2t
from tests.variants.s2t_kinds import CONFORMER_VARIANTS, S2TVariant
from tests.variants.seq2seq_kinds import SEQ2SEQ_VARIANTS
from tests.variants.text_building import build_text
from tests.variants.text_kinds import TEXT_VARIANTS, TextVariant
from tests.variants.vocoder_building import build_mel_vocoder, build_vocoder
from tests.variants.vocoder_kinds import VOCODER_VARIANTS, VocoderVariant
from toolkit.audio import golden_folder
from toolkit.pipeline.golden import UNTRAINED

CHOSEN = {
    "bart": "BART with sentencepiece",
    "code_hifigan": "several speakers, two layers",
    "data2vec_pretraining": "data2vec as pretrained",
    "hifigan": "16000 samples a second, two layers, 40 bands",
    "hubert_ctc": "HuBERT, layer norm",
    "hubert_encoder": "HuBERT's encoder, group norm",
    "hubert_pretraining": "HuBERT, group norm",
    "m2m_100": "M2M-100, one pair",
    "s2t_conformer": "ESPnet's attention, rel_pos",
    "unispeech": "UniSpeech, layer norm",
    "unispeech_sat": "UniSpeech-SAT, group norm",
    "wav2vec2_classification": "classifier, layer norm",
    "wav2vec2_ctc_conformer": "conformer, convolved positions, norm before the layers",
    "wav2vec2_ctc_languages": "MMS, a set of weights for each language",
    "wav2vec2_encoder": "encoder, layer norm",
    "wav2vec2_pretraining": "group norm",
    "wav2vec2_seq2seq": "letters, searches that end",
}
"""A variant for each family, and for each further kind, by name."""
_Built = PretrainingVariant | CtcVariant | S2TVariant | TextVariant | VocoderVariant | MelVariant
_VARIANTS: dict[str, tuple[_Built, ...]] = {
    "bart": TEXT_VARIANTS,
    "code_hifigan": VOCODER_VARIANTS,
    "m2m_100": TEXT_VARIANTS,
    "data2vec_pretraining": DATA2VEC_PRETRAINING_VARIANTS,
    "hifigan": MEL_VARIANTS,
    "hubert_ctc": HUBERT_VARIANTS,
    "hubert_encoder": BARE_HUBERT_VARIANTS,
    "hubert_pretraining": HUBERT_PRETRAINING_VARIANTS,
    "s2t_conformer": CONFORMER_VARIANTS,
    "unispeech": UNISPEECH_VARIANTS,
    "unispeech_sat": UNISPEECH_VARIANTS,
    "wav2vec2_classification": CLASS_VARIANTS,
    "wav2vec2_ctc_conformer": CTC_VARIANTS,
    "wav2vec2_ctc_languages": ADAPTER_VARIANTS,
    "wav2vec2_encoder": BARE_VARIANTS,
    "wav2vec2_pretraining": PRETRAINING_VARIANTS,
    "wav2vec2_seq2seq": SEQ2SEQ_VARIANTS,
}


def build(family: str, folder: Path) -> None:
    """Writes the checkpoint of a family or a kind, and what stands beside it."""
    (variant,) = (v for v in _VARIANTS[family] if v.name == CHOSEN[family])
    folder.mkdir(parents=True)
    if isinstance(variant, TextVariant):
        build_text(variant, folder)
    elif isinstance(variant, VocoderVariant):
        build_vocoder(variant, folder)
    elif isinstance(variant, MelVariant):
        build_mel_vocoder(variant, folder)
    elif isinstance(variant, CtcVariant):
        build_ctc(variant, folder)
    elif isinstance(variant, S2TVariant):
        build_s2t(variant, folder)
    else:
        build_pretraining(variant, folder)


def main() -> None:
    """Builds all of them in the place of those that are there."""
    place = golden_folder() / UNTRAINED
    shutil.rmtree(place, ignore_errors=True)
    for family in CHOSEN:
        build(family, place / family)
        print(f"{family}: {(place / family / 'model.pt').stat().st_size} bytes")


if __name__ == "__main__":
    main()
