"""What the scripts of an earlier wheel make of checkpoints: otherwise in some, alike in others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.released.encoder_cases import EXPECTED
from tests.released.encoder_causes import (
    NO_ADAPTER,
    NO_LANGUAGE,
    ONE_VOCABULARY,
    UNSPOKEN,
    Cause,
    key,
)
from tests.released.expected import Expected

EARLIER = "4.24.0"
"""Before transformers had adapters of languages, and an option for classifiers."""
KNOWN = {expected.case.name: expected for expected in EXPECTED}
SETS = "wav2vec2 CTC, MMS, a set of weights for each language, large"


def _otherwise(name: str, *causes: Cause, **more: Any) -> Expected:
    return replace(KNOWN[name], causes=causes, **{"gives_up": "", **more})


OTHERWISE = (
    _otherwise(
        SETS,
        key("adapter_attn_dim", 8),
        UNSPOKEN,
        NO_LANGUAGE,
        ONE_VOCABULARY,
    ),
    _otherwise(f"{SETS}, `adapter_attn_dim` 8", NO_ADAPTER, UNSPOKEN, ONE_VOCABULARY),
    _otherwise("wav2vec2 classifier, nothing behind the mean, large", gives_up="SystemExit: 2"),
)
ALIKE = tuple(
    KNOWN[name]
    for name in (
        "wav2vec2 CTC, layer norm, large",
        "wav2vec2 CTC, group norm, base",
        "wav2vec2 CTC, group norm, large",
        "hubert CTC, HuBERT, layer norm, large",
    )
)
OF_EARLIER = (*OTHERWISE, *ALIKE)
