"""Models of fairseq that another program converts, by the architecture that they name."""

from __future__ import annotations

import re

_SCRIPTS = "src/transformers/models"

# fmt: off
CONVERTERS: tuple[tuple[str, str, str], ...] = (
    # architecture                          what it is                        what converts it
    (r"wav2vec_ctc|wav2vec2_ctc",           "wav2vec 2.0 with a CTC head",    f"{_SCRIPTS}/wav2vec2/convert_wav2vec2_original_pytorch_checkpoint_to_pytorch.py"),
    (r"wav2vec2.*|wav2vec_(small|large).*", "a pretrained wav2vec 2.0",       f"{_SCRIPTS}/wav2vec2/convert_wav2vec2_original_pytorch_checkpoint_to_pytorch.py"),
    (r"hubert.*",                           "HuBERT",                         f"{_SCRIPTS}/hubert/convert_hubert_original_pytorch_checkpoint_to_pytorch.py"),
    (r"data2vec_audio.*",                   "data2vec for audio",             f"{_SCRIPTS}/data2vec/convert_data2vec_audio_original_pytorch_checkpoint_to_pytorch.py"),
    (r"s2t_transformer.*|s2t_conformer.*",  "fairseq's own speech-to-text",   f"{_SCRIPTS}/speech_to_text/convert_s2t_fairseq_to_tfms.py"),
    (r"(multitask_)?unity.*",               "UnitY, speech to speech",        f"{_SCRIPTS}/seamless_m4t/convert_fairseq2_to_hf.py, for SeamlessM4T's releases"),
    (r"roberta.*|xlmr.*",                   "RoBERTa, a model of text",       f"{_SCRIPTS}/roberta/convert_roberta_original_pytorch_checkpoint_to_pytorch.py"),
    (r"m?bart.*",                           "BART, a model of text",          f"{_SCRIPTS}/mbart/convert_mbart_original_checkpoint_to_pytorch.py"),
    (r"transformer_wmt.*|transformer|transformer_(iwslt|vaswani|big|base|large).*",
                                            "a model that translates text",   f"{_SCRIPTS}/fsmt/convert_fsmt_original_pytorch_checkpoint_to_pytorch.py, or {_SCRIPTS}/m2m_100/convert_m2m100_original_checkpoint_to_pytorch.py"),
    (r"transformer_lm.*",                   "a language model of text",       f"{_SCRIPTS}/xglm/convert_xglm_original_ckpt_to_trfms.py"),
)
# fmt: on


def describe_elsewhere(architecture: str) -> str | None:
    """What a model of that architecture is and what converts it, as a sentence."""
    for pattern, what, converter in CONVERTERS:
        if re.fullmatch(pattern, architecture):
            return f"It is {what}; transformers 4 has a script for it: {converter}."
    return None
