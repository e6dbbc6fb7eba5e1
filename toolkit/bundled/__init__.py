"""Code that a converted folder carries along, because no class of transformers does the same.

Each module is copied into the folder as it stands and runs there without the toolkit: it imports
torch and transformers only.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

GENERATION = Path(__file__).with_name("generation.py")
"""fairseq's beam search, for transformers' `custom_generate`."""
MODELLING = Path(__file__).with_name("modeling_xm_transformer.py")
"""Encoders and decoders with what fairseq's have and transformers' lack."""
FEATURES = Path(__file__).with_name("feature_extraction_fairseq.py")
"""A feature extractor with fairseq's epsilon."""
TOKENIZATION = Path(__file__).with_name("tokenization_fairseq.py")
"""A tokenizer whose dictionary lacks pieces of its sentencepiece model."""


def find_class(reference: str) -> Any:
    """The class that an entry of `auto_map` such as `module.Class` names, from this package."""
    module, name = reference.split(".")
    return getattr(import_module(f"{__name__}.{module}"), name)


def maybe_config_class(model_type: str) -> Any:
    """The configuration class of a carried module for a model type, or None."""
    module = import_module(f"{__name__}.{MODELLING.stem}")
    classes = (module.XMTransformerConfig, module.EncoderConfig, module.DecoderConfig)
    return next((found for found in classes if found.model_type == model_type), None)


def carries_own_code_only(folder: Path) -> bool:
    """Whether every Python file of a folder is one of this package, byte for byte.

    Other code, in the folder or in a repository that its files refer to, is somebody's, and is
    never run.
    """
    files = (GENERATION, MODELLING, FEATURES, TOKENIZATION)
    ours = [path.read_bytes() for path in files]
    here = all(file.read_bytes() in ours for file in folder.rglob("*.py"))
    return here and not any(map(_refers_elsewhere, folder.glob("*config.json")))


def _refers_elsewhere(file: Path) -> bool:
    # transformers writes `repository--module.Class` for code of another repository.
    text = file.read_text(encoding="utf-8", errors="replace")
    return '"auto_map"' in text and "--" in text
