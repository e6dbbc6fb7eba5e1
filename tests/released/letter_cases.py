"""Checkpoints with a decoder of letters, and what the script for them makes of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.released.encoder_causes import (
    GONE_BLOCKS,
    GONE_DECODER,
    GONE_TOKENIZER,
    NORMALIZED,
    PROJECTION,
    UNENDED,
    UNSEARCHED,
    Cause,
    key,
)
from tests.released.encoder_scripts import BASE, LARGE, LETTERS, Case
from tests.released.expected import Expected, expect
from tests.variants.ctc_kinds import EQUAL_WIDTHS, GROUP_NORM, CtcVariant
from tests.variants.seq2seq_kinds import LEARNED, SEQ2SEQ_VARIANTS

KNOWN = {v.name.removeprefix("letters, "): v for v in SEQ2SEQ_VARIANTS}
WIDER = KNOWN["wider decoder"]
BESIDE = (GONE_TOKENIZER, UNSEARCHED, UNENDED)


def _letters(variant: CtcVariant, *causes: Cause, **more: Any) -> Expected:
    case = Case(script=LETTERS, variant=variant)
    if "gives_up" in more:
        return expect((), case, **more)
    carried = variant.ends == "bundled exact"
    return expect((*causes, GONE_BLOCKS if carried else GONE_DECODER, *BESIDE), case, **more)


def _wider(name: str, **changes: Any) -> CtcVariant:
    return replace(WIDER, name=f"letters, wider decoder, {name}", **changes)


OF_LETTERS = (
    _letters(WIDER),
    _letters(KNOWN["norms before, wider decoder"]),
    _letters(_wider("learned positions", outer={**WIDER.outer, **LEARNED})),
    _letters(_wider("not normalized", normalize=False), NORMALIZED),
    _letters(_wider("group norm", kind=GROUP_NORM), NORMALIZED, config=BASE),
    _letters(_wider("equal widths", inner=EQUAL_WIDTHS), PROJECTION),
    _letters(
        WIDER,
        key("encoder.num_attention_heads", 2),
        config={**LARGE, "num_attention_heads": 4},
    ),
    _letters(WIDER, config=BASE, gives_up="AttributeError: 'NoneType' object"),
    _letters(KNOWN["norms behind"], gives_up="AttributeError: 'NoneType' object"),
    _letters(KNOWN["tied output"], gives_up="ValueError: list.remove"),
    _letters(KNOWN["no w2v_args"], gives_up="FileNotFoundError"),
    _letters(KNOWN["Namespace"], gives_up="ConfigCompositionException"),
)
