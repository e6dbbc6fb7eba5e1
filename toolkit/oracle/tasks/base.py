"""What all tasks of fairseq take: arguments by name, and models that its registries know."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Mapping, Optional, Tuple

Settings = Mapping[str, Any]
"""Arguments of fairseq by name, plain data."""

PADDINGS = ("masked", "unmasked")
"""What an adaptor may do with padded frames."""

LANGUAGES = "languages.json"
"""The file of the languages: the name of each, and the rows of its dictionary."""

CLASSES = "dict.label.txt"
"""The file of the labels of classes, a row for each."""


def register_models() -> None:
    """Imports the modules that enter their models and tasks into fairseq's registries."""
    import fairseq.models.hubert
    import fairseq.models.speech_to_text
    import fairseq.models.wav2vec
    import fairseq.tasks.audio_pretraining
    import fairseq.tasks.hubert_pretraining
    import fairseq.tasks.speech_to_text  # noqa: F401


def register_units() -> None:
    """Imports what says units of speech too, which fairseq has since 0.12."""
    import fairseq.models.speech_to_speech
    import fairseq.tasks.speech_to_speech  # noqa: F401


def maybe_model(args: Namespace, known: Tuple[type, ...]) -> Optional[Any]:
    """The model that arguments name, a fork's too, if it is of a known kind; else None."""
    from fairseq.models import ARCH_MODEL_REGISTRY, MODEL_REGISTRY

    named = getattr(args, "arch", None) or getattr(args, "_name", None)
    found = ARCH_MODEL_REGISTRY.get(named) or MODEL_REGISTRY.get(named)
    return found if found is not None and issubclass(found, known) else None
