"""What a model is and how it is used: all that its card says beyond the proof."""

from __future__ import annotations

from dataclasses import dataclass

LANGUAGE_TOKEN = "<lang:{code}>"
"""How fairseq's vocabularies write a target language."""


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """What a model card says beyond the result of the verification."""

    model_name: str
    """What a user passes to `pipeline(model=...)`: a hub name or a folder."""
    architecture: str
    """Class name of the Hugging Face model."""
    pipeline: str
    """What the hub calls what the model is for."""
    tags: tuple[str, ...]
    """Of the hub, beside `fairseq`."""
    summary: str
    """What such a model is, as one sentence."""
    units: str
    """What the vocabulary counts: tokens, letters."""
    usage: str
    """The example; see `toolkit.tasks.Words`."""
    caller: str
    """What the example calls the pipeline: a verb."""
    notes: str
    """What a user must know beyond the example, in Markdown; empty if nothing. `{name}` stands for
    the model's, as a string."""
    languages: tuple[str, ...]
    """Target language codes as the vocabulary has them; empty if there is nothing to choose."""
    default_language: str | None
    sample_rate_hz: int
    """0 of a model that hears nothing."""
    converter_version: str
    vocabulary_size: int
    parameters: int
    language_token: str = LANGUAGE_TOKEN
    input: str = "text"
    """What a model is given that hears nothing."""
    """How the vocabulary writes a target language; empty where it is chosen in another way."""
    needs_remote_code: bool = False
    """The folder brings its own classes and loads with `trust_remote_code=True` only."""
