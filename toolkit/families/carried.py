"""What a folder of several parts carries to be run, and what its files say of that."""

from __future__ import annotations

from pathlib import Path

from toolkit.bundled import FEATURES, GENERATION, MODELLING, STACK, TOKENIZATION

CLASSES = {
    "AutoConfig": f"{MODELLING.stem}.XMTransformerConfig",
    "AutoModelForSpeechSeq2Seq": f"{MODELLING.stem}.SpeechEncoderDecoderModel",
    "AutoFeatureExtractor": f"{FEATURES.stem}.FairseqFeatureExtractor",
}
"""The carried class for each of transformers' that loads one."""
CONFIG = {
    # An own type: without `trust_remote_code` the folder must not load as something else.
    "model_type": "xm_transformer",
    "auto_map": {name: CLASSES[name] for name in ("AutoConfig", "AutoModelForSpeechSeq2Seq")},
}
"""What `config.json` says of carried classes."""
PREPROCESSOR = {
    "auto_map": {name: CLASSES[name] for name in ("AutoFeatureExtractor",)},
}
"""What `preprocessor_config.json` says of theirs."""


def carried_files(*, classes: bool, tokenizer: bool) -> dict[str, Path]:
    """The files of the search and of what else is carried, by their path in the folder.

    Args:
        classes: Whether those of the model are, with its feature extractor.
        tokenizer: Whether the tokenizer's class is.
    """
    of_model = (MODELLING, STACK, FEATURES) if classes else ()
    of_tokenizer = (TOKENIZATION,) if tokenizer else ()
    named = {file.name: file for file in (*of_model, *of_tokenizer)}
    return {"custom_generate/generate.py": GENERATION, **named}
