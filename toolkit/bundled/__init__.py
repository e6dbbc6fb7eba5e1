"""Code that a converted folder carries along, because no class of transformers does the same.

Each module is copied into the folder as it stands and runs there without the toolkit: it imports
torch and transformers only, or one that is copied with it. Configurations stay beside their models:
transformers imports a file that two entries of `auto_map` reach twice, as two sets of classes.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

GENERATION = Path(__file__).with_name("generation.py")
"""fairseq's beam search, for transformers' `custom_generate`."""
MODELLING = Path(__file__).with_name("modeling_xm_transformer.py")
"""Models that `PARTS` makes up, with a decoder of pieces."""
SEQ2SEQ = Path(__file__).with_name("modeling_fairseq_seq2seq.py")
"""The same with a decoder of letters."""
S2T = Path(__file__).with_name("modeling_fairseq_s2t.py")
"""Encoders of filter banks with the decoders of `PARTS`."""
PARTS = Path(__file__).with_name("speech_encoder_decoder.py")
"""Encoders and decoders with what fairseq's have and transformers' lack."""
STACK = Path(__file__).with_name("conformer_stack.py")
"""Conformer layers, which `PARTS` and `CONFORMER` import."""
CONFORMER = Path(__file__).with_name("modeling_fairseq_conformer.py")
"""Conformer encoders with a positional convolution, or with their layer norm before the layers."""
HUBERT = Path(__file__).with_name("modeling_fairseq_hubert.py")
"""HuBERT that counts frames of padded batches as fairseq does."""
CLASSIFIER = Path(__file__).with_name("modeling_fairseq_classifier.py")
"""Encoders with a head for a whole clip, and an activation in it that no stock class has."""
FEATURES = Path(__file__).with_name("feature_extraction_fairseq.py")
"""A feature extractor with fairseq's epsilon."""
FILTER_BANKS = Path(__file__).with_name("feature_extraction_filter_banks.py")
"""A feature extractor that makes fairseq's filter banks."""
LOG_MEL = Path(__file__).with_name("feature_extraction_log_mel.py")
"""A feature extractor that makes fairseq's log-mel spectrograms."""
TOKENIZATION = Path(__file__).with_name("tokenization_fairseq.py")
"""A tokenizer whose dictionary lacks pieces of its sentencepiece model."""
CARRIED = (
    *(GENERATION, MODELLING, SEQ2SEQ, S2T, PARTS, STACK, CONFORMER, HUBERT, CLASSIFIER),
    *(FEATURES, FILTER_BANKS, LOG_MEL, TOKENIZATION),
)
PEFT = "adapter_config.json"
"""By which transformers knows a folder with an adapter of some model."""
STOCK_FEATURES = "Wav2Vec2FeatureExtractor"
"""The class of transformers that the carried feature extractor of waveforms stands in for."""
OF_SPECTRA = (
    *("FairseqFilterBankExtractor", "Speech2TextFeatureExtractor"),
    "FairseqLogMelExtractor",
)
"""The class of `FILTER_BANKS`, that of transformers that it derives from, and that of `LOG_MEL`."""
STOCK_MODULES = (
    "models.bart.modeling_bart",
    "models.mbart.modeling_mbart",
    "models.speech_to_text.modeling_speech_to_text",
    "models.wav2vec2.modeling_wav2vec2",
    "models.wav2vec2_conformer.modeling_wav2vec2_conformer",
)
"""Modules of transformers from whose classes those of `PARTS` and `S2T` derive."""
CONFIGS = {
    MODELLING: ("XMTransformerConfig", "EncoderConfig", "DecoderConfig"),
    SEQ2SEQ: ("FairseqSeq2SeqConfig", "EncoderConfig", "DecoderConfig"),
    S2T: ("FairseqS2TConfig", "EncoderConfig", "DecoderConfig"),
    HUBERT: ("FairseqHubertConfig", "FairseqHubertWithFinalProjConfig"),
    CLASSIFIER: ("FairseqClassifierConfig", "FairseqData2VecClassifierConfig"),
    CONFORMER: ("FairseqConformerConfig",),
}
"""The configuration classes of each carried module that has any."""
DERIVED = {
    "fairseq_hubert": ((HUBERT,), "hubert"),
    "fairseq_hubert_with_final_proj": ((HUBERT,), "hubert"),
    "fairseq_classifier": ((CLASSIFIER,), "wav2vec2"),
    "fairseq_data2vec_classifier": ((CLASSIFIER,), "data2vec-audio"),
    "fairseq_conformer": ((CONFORMER, STACK), "wav2vec2-conformer"),
}
"""By model type, the modules of a class that changes one of transformers, and the type of that."""

SWITCHES = {
    "num_adapter_layers": "add_adapter",
    "adapter_kernel_size": "add_adapter",
    "adapter_stride": "add_adapter",
}
"""Keys that classes read only where another key is true; those of `PARTS` always do."""


def find_class(reference: str) -> Any:
    """The class that an entry of `auto_map` such as `module.Class` names, from this package."""
    module, name = reference.split(".")
    return getattr(import_module(f"{__name__}.{module}"), name)


def maybe_config_class(model_type: str) -> Any:
    """The configuration class of a carried module for a model type, or None."""
    classes = (find_class(f"{file.stem}.{name}") for file in CONFIGS for name in CONFIGS[file])
    return next((found for found in classes if found.model_type == model_type), None)


def maybe_switch(name: str, model_type: str) -> str | None:
    """The key that must be true for a class to read another one; None where nothing must.

    Args:
        name: The other one.
        model_type: That of the class.
    """
    own = model_type not in DERIVED and maybe_config_class(model_type) is not None
    return None if own else SWITCHES.get(name)
