"""Checkpoints of forks that no package has, and what their scripts make of them."""

from __future__ import annotations

from typing import Any

from tests.released.encoder_causes import (
    ALL_NORMED,
    BIASED,
    NO_EXTRACTOR,
    PROJECTION,
    STABLE,
    Cause,
    key,
)
from tests.released.encoder_scripts import BASE, LARGE, Case
from tests.released.expected import Expected, expect
from tests.variants.bare_kinds import UNISPEECH_VARIANTS, WAVLM_VARIANTS

KNOWN = {variant.name: variant for variant in (*UNISPEECH_VARIANTS, *WAVLM_VARIANTS)}
UNISPEECH, SAT, WAVLM = "unispeech", "unispeech-sat", "wavlm"


def _pretrained(script: str, name: str, *causes: Cause, **more: Any) -> Expected:
    causes = () if "gives_up" in more else (NO_EXTRACTOR, *causes)
    return expect(causes, Case(script=script, variant=KNOWN[name]), **more)


OF_FORKS = (
    _pretrained(UNISPEECH, "UniSpeech, layer norm"),
    _pretrained(UNISPEECH, "UniSpeech, group norm", config=BASE),
    _pretrained(UNISPEECH, "UniSpeech, group norm", BIASED, ALL_NORMED, STABLE),
    _pretrained(UNISPEECH, "UniSpeech, equal widths", PROJECTION),
    _pretrained(UNISPEECH, "UniSpeech, float16 weights"),
    _pretrained(
        UNISPEECH,
        "UniSpeech, layer norm",
        config={**LARGE, "num_ctc_classes": 80},
        gives_up="AssertionError: Shape of hf ctc_proj",
    ),
    _pretrained(SAT, "UniSpeech-SAT, layer norm"),
    _pretrained(SAT, "UniSpeech-SAT, group norm", config=BASE),
    _pretrained(SAT, "UniSpeech-SAT, no codes"),
    _pretrained(
        SAT,
        "UniSpeech-SAT, layer norm",
        key("num_attention_heads", 2),
        config={**LARGE, "num_attention_heads": 4},
    ),
    _pretrained(WAVLM, "WavLM, layer norm"),
    _pretrained(WAVLM, "WavLM, group norm", config=BASE),
    _pretrained(WAVLM, "WavLM, as its fork saves"),
    _pretrained(
        WAVLM,
        "WavLM, layer norm",
        key("max_bucket_distance", 80),
        config={**LARGE, "max_bucket_distance": 800},
    ),
    _pretrained(
        WAVLM,
        "WavLM, layer norm",
        config={**LARGE, "num_buckets": 320},
        gives_up="AssertionError: Shape of hf encoder.layers.0.attention.rel_attn_embed",
    ),
)
