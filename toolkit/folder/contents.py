"""What a Hugging Face folder must hold beside the weights, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.checkpoint.dictionary import Dictionary


@dataclass(frozen=True, kw_only=True)
class FolderContents:
    """Every file of the folder but the weights and the model card."""

    config: Mapping[str, Any]
    """`config.json`; only what the checkpoint says, no default of anybody's."""
    generation: Mapping[str, Any]
    """`generation_config.json`."""
    preprocessor: Mapping[str, Any]
    """`preprocessor_config.json`."""
    dictionary: Dictionary
    spm_path: Path | None
    """None where symbols stand in a text as they are, with spaces between them."""
    language_tags: Mapping[str, int]
    """Token ids of the language tags, by language code."""
    prefix_tag: str | None
    """The tag that a target text begins with; None where the task prepends none."""
    max_positions: int
    """Longest target, in tokens."""
    code: Mapping[str, Path] = field(default_factory=dict)
    """Python files that the folder carries, by their path in it; copied as they stand."""
