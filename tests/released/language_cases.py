"""Checkpoints of several languages, and what the script for wav2vec 2.0 makes of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.released.encoder_causes import (
    NO_LANGUAGE,
    NORMALIZED,
    ONE_LANGUAGE,
    ONE_VOCABULARY,
    RANDOM_ADAPTERS,
    UNMASKED,
    UNSPOKEN,
    Cause,
)
from tests.released.encoder_scripts import BASE, LARGE, Case
from tests.released.expected import Expected, expect
from tests.variants.adapter_kinds import ADAPTER_VARIANTS, SYMBOLS, in_sets
from tests.variants.ctc_kinds import Groups, State

KNOWN = {variant.name: variant for variant in ADAPTER_VARIANTS}
SETS = "MMS, a set of weights for each language"
ADAPTING = {**LARGE, "adapter_attn_dim": 8}


def in_sets_of_its_own(groups: Groups, state: State) -> dict[str, Any]:
    """As a model that speaks one of its languages before it is told which."""
    saved = in_sets(groups, state)
    own: dict[str, Any] = saved["adapter"]["fra"]["model"]
    own.update({name: saved["model"][name] for name in own})
    return saved


def _ctc(name: str, *causes: Cause, **more: Any) -> Expected:
    case = Case(script="wav2vec2", variant=KNOWN[name], config=ADAPTING)
    return expect(causes, case, **more)


def _changed(expected: Expected, name: str, **changes: Any) -> Expected:
    variant = replace(expected.case.variant, name=name, **changes)
    return replace(expected, case=replace(expected.case, variant=variant))


OF_STACKED = (
    _ctc("several languages, adapters in one tensor", ONE_LANGUAGE, ONE_VOCABULARY),
    _ctc(
        "several languages, adapters in some layers",
        RANDOM_ADAPTERS,
        ONE_LANGUAGE,
        ONE_VOCABULARY,
    ),
    _ctc(
        "several languages, group norm, norms first",
        ONE_LANGUAGE,
        ONE_VOCABULARY,
        NORMALIZED,
        UNMASKED,
        config={**BASE, "adapter_attn_dim": 8, "do_stable_layer_norm": True},
    ),
    _ctc(
        "several languages, adapters in one tensor",
        config=LARGE,
        gives_up="AttributeError: 'NoneType'",
    ),
)
SPEECHLESS = (UNSPOKEN, NO_LANGUAGE, ONE_VOCABULARY)
OF_SETS = (
    _ctc(SETS, *SPEECHLESS),
    _ctc("MMS, float16 weights", *SPEECHLESS),
    _changed(_ctc(SETS, *SPEECHLESS, NORMALIZED), "MMS, not normalized", normalize=False),
    _changed(_ctc(SETS, *SPEECHLESS), "MMS, as many letters as English", symbols=SYMBOLS["eng"]),
    _changed(
        _ctc(SETS, *SPEECHLESS),
        "MMS, French before it is told",
        symbols=SYMBOLS["fra"],
        save=in_sets_of_its_own,
    ),
    _ctc(SETS, config=LARGE, gives_up="AttributeError: 'NoneType'"),
    _ctc(SETS, config={**LARGE, "adapter_attn_dim": 16}, gives_up="ValueError: Shape of hf"),
    _ctc("MMS, Namespace", gives_up="ConfigCompositionException"),
)
OF_LANGUAGES = (*OF_STACKED, *OF_SETS)
