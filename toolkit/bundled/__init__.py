"""Code that a converted folder carries along, because no class of transformers does the same.

Each module is copied into the folder as it stands and runs there without the toolkit: it imports
torch and transformers only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
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
CARRIED = (GENERATION, MODELLING, FEATURES, TOKENIZATION)
PEFT = "adapter_config.json"


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

    Other code, in the folder or wherever its files refer to, is somebody's, and is never run.
    """
    ours = [path.read_bytes() for path in CARRIED]
    found = list(folder.rglob("*"))
    # `rglob` does not look behind links, and transformers does; peft's file names another model.
    if any(path.is_symlink() and path.is_dir() for path in found) or (folder / PEFT).exists():
        return False
    here = all(path.read_bytes() in ours for path in found if path.suffix == ".py")
    return here and not any(map(_refers_elsewhere, folder.glob("*config.json")))


def _refers_elsewhere(file: Path) -> bool:
    """Whether an `auto_map` names code that is not one of this package's modules.

    transformers takes `repository--module.Class` and paths as well.
    """
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False  # transformers cannot read it either
    modules = [path.stem for path in CARRIED]
    return any(reference.rpartition(".")[0] not in modules for reference in _references(values))


def _references(values: Any) -> Iterator[str]:
    """Every text inside an `auto_map`, however deep."""
    waiting = [(values, False)]
    while waiting:
        value, inside = waiting.pop()
        if isinstance(value, dict):
            waiting += [(item, inside or key == "auto_map") for key, item in value.items()]
        elif isinstance(value, list):
            waiting += [(item, inside) for item in value]
        elif isinstance(value, str) and inside:
            yield value
