"""Checkpoints of whole sizes, by name: how each is written, and what it takes to hear with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.published import building, mms
from tests.published.settings import EXTRA_LARGE, PUBLISHED


@dataclass(frozen=True, kw_only=True)
class Full:
    """One checkpoint."""

    write: Callable[[Path], Path]
    """Writes it into a folder, with random weights; returns its path."""
    empty: Callable[[Path], Any]
    """Builds fairseq's model before it has its weights; a dictionary may go into the folder."""
    hear: str = "extract_features"
    """The method of that model which hears a clip."""
    beside: Mapping[str, Any] = field(default_factory=lambda: {"mask": False})
    """What it is told beside the sound."""


OF_MMS = {
    "mms_letters": (mms.letters(EXTRA_LARGE), {"corpus_key": [0]}),
    "mms_languages": (mms.classifier(EXTRA_LARGE), {}),
}
"""MMS, a billion parameters: letters of three languages, and what tells 126 languages apart."""
FULL = {
    **{
        one.name: Full(
            write=partial(building.build_full, one), empty=partial(building.build_empty, one)
        )
        for one in PUBLISHED
    },
    **{
        name: Full(
            write=partial(mms.build_full, variant),
            empty=partial(mms.build_empty, variant),
            hear="forward",
            beside=beside,
        )
        for name, (variant, beside) in OF_MMS.items()
    },
}
