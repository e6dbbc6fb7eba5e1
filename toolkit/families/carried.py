"""What a folder carries to be run, and what its files say of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolkit.blocks.evidence import Derived
from toolkit.bundled import (
    CONFORMER,
    FEATURES,
    GENERATION,
    HUBERT,
    PARTS,
    STACK,
    TOKENIZATION,
)
from toolkit.core.json import JsonDict, JsonObject
from toolkit.families.waveforms import preprocessor_config

PREPROCESSOR = {"auto_map": {"AutoFeatureExtractor": f"{FEATURES.stem}.FairseqFeatureExtractor"}}
"""What `preprocessor_config.json` says where classes of a model are carried."""


@dataclass(frozen=True, kw_only=True)
class CarriedPair:
    """A model of an encoder and a decoder that a folder carries under its family's own name."""

    model_type: str
    """An own type: without `trust_remote_code` the folder must not load as something else."""
    file: Path
    """The module that `config.json` names."""
    config_class: str

    @property
    def encoder(self) -> str:
        """Model type of its encoder."""
        return f"{self.model_type}_encoder"

    @property
    def decoder(self) -> str:
        """Model type of its decoder."""
        return f"{self.model_type}_decoder"

    @property
    def config(self) -> JsonDict:
        """What `config.json` says of it."""
        stem = self.file.stem
        return {
            "model_type": self.model_type,
            "auto_map": {
                "AutoConfig": f"{stem}.{self.config_class}",
                "AutoModelForSpeechSeq2Seq": f"{stem}.SpeechEncoderDecoderModel",
            },
        }


def carried_preprocessor(normalize: Derived, *, carries_code: bool) -> JsonDict:
    """What `preprocessor_config.json` says, of a carried class where those of a model are."""
    return {**preprocessor_config(normalize), **(PREPROCESSOR if carries_code else {})}


@dataclass(frozen=True, kw_only=True)
class Carried:
    """A class that a folder carries, for members that no stock class computes exactly."""

    model_type: str
    config: JsonObject
    """What `config.json` says of it."""
    files: Mapping[str, Path]
    """By their path in the folder."""
    because: str
    """What fairseq computes, and stock classes not."""
    prefix: str = ""
    """Where it has the encoder."""


def carried_hubert(auto: str, name: str, prefix: str = "") -> Carried:
    """HuBERT with fairseq's frames of padded batches.

    Args:
        auto: The class of transformers that loads it.
        name: The carried class.
        prefix: Where it has the encoder.
    """
    return Carried(
        model_type="fairseq_hubert",
        config={
            "architectures": [name],
            "auto_map": {
                "AutoConfig": f"{HUBERT.stem}.FairseqHubertConfig",
                auto: f"{HUBERT.stem}.{name}",
            },
        },
        files={file.name: file for file in (HUBERT, FEATURES)},
        because="it keeps every frame with a sample of the clip, stock classes those alone that "
        "their convolutions make of the clip",
        prefix=prefix,
    )


def carried_conformer(prefix: str = "", **classes: str) -> Carried:
    """A conformer encoder that applies its convolution, or its norm before the layers.

    Args:
        prefix: Where the class has the encoder.
        classes: The carried class for each of transformers' that loads one, its own first.
    """
    stem = CONFORMER.stem
    return Carried(
        model_type="fairseq_conformer",
        config={
            "architectures": [next(iter(classes.values()))],
            "auto_map": {
                "AutoConfig": f"{stem}.FairseqConformerConfig",
                **{auto: f"{stem}.{name}" for auto, name in classes.items()},
            },
        },
        files={file.name: file for file in (CONFORMER, STACK, FEATURES)},
        because="it applies its positional convolution, or a norm before its first layer",
        prefix=prefix,
    )


def carried_files(model: CarriedPair | None = None, *, tokenizer: bool = False) -> dict[str, Path]:
    """The files of the search and of what else is carried, by their path in the folder.

    Args:
        model: Whose classes are, with their feature extractor; None where stock ones will do.
        tokenizer: Whether the tokenizer's class is.
    """
    of_model = () if model is None else (model.file, PARTS, STACK, FEATURES)
    of_tokenizer = (TOKENIZATION,) if tokenizer else ()
    named = {file.name: file for file in (*of_model, *of_tokenizer)}
    return {"custom_generate/generate.py": GENERATION, **named}
