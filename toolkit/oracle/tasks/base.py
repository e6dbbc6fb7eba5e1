"""What all tasks of fairseq take: arguments by name, and models that its registries know."""

from __future__ import annotations

from typing import Any, Mapping

Settings = Mapping[str, Any]
"""Arguments of fairseq by name, plain data."""

PADDINGS = ("masked", "unmasked")
"""What an adaptor may do with padded frames."""

LANGUAGES = "languages.json"
"""The file of the languages: the name of each, and the rows of its dictionary."""


def register_models() -> None:
    """Imports the modules that enter their models and tasks into fairseq's registries."""
    import fairseq.models.hubert
    import fairseq.models.speech_to_text
    import fairseq.models.wav2vec
    import fairseq.tasks.audio_pretraining
    import fairseq.tasks.hubert_pretraining
    import fairseq.tasks.speech_to_text  # noqa: F401
