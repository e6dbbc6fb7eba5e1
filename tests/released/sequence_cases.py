"""Checkpoints of models that write texts, and what the scripts for them make of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.breaking import Break
from tests.released.encoder_causes import AGAIN
from tests.released.right_parts import CONFIG, RIGHT, SEARCH, SPELLING, files_of
from tests.released.sequence_scripts import M2M, MBART, SPEECH, Case
from tests.variants.s2t_kinds import S2T_VARIANTS
from tests.variants.states import as_cfg
from tests.variants.text_kinds import TEXT_VARIANTS, TextVariant

S2T = {variant.name: variant for variant in S2T_VARIANTS}
TEXTS = {variant.name: variant for variant in TEXT_VARIANTS}


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One thing that a script did wrong; several may be told in the same words."""

    says: str
    """Words of the finding that names it."""
    told: str
    """What the documentation says is wrong."""
    todo: str
    """What it says to do."""
    mend: Break | None
    """None where no edit of ours makes the folder right; diff's own does."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a script makes of a checkpoint."""

    case: Case
    causes: tuple[Cause, ...] = ()
    gives_up: str = ""
    """What the script says where it makes no folder."""


def said_of(file: str, *keys: str) -> Break:
    """Gives keys of a JSON file the values of the right folder, which may have none."""

    def mend(folder: Path) -> None:
        own = json.loads((folder / file).read_text(encoding="utf-8"))
        right = json.loads((folder.parent / RIGHT / file).read_text(encoding="utf-8"))
        for key in keys:
            own.pop(key, None)
            if key in right:
                own[key] = right[key]
        (folder / file).write_text(json.dumps(own), encoding="utf-8")

    return mend


def key(name: str, value: Any, told: str, mend: Break | None = None) -> Cause:
    """A key of `config.json` that the checkpoint says otherwise."""
    return Cause(
        says=f"`{name}` must be {value!r}",
        told=told,
        todo=f"set `{name}` to `{json.dumps(value)}`",
        mend=mend or said_of(CONFIG, name),
    )


def token(name: str, value: int) -> Cause:
    """A token of `generation_config.json` that is missing or another."""
    return Cause(
        says=f"`generation_config.{name}` must be {value!r}",
        told="tokens that a search starts, ends or must begin with are others, or none",
        todo=AGAIN,
        mend=said_of(SEARCH, name),
    )


def searched(number: int) -> Cause:
    """Settings of a search that are told as one finding."""
    return Cause(
        says=f"{number} search settings",
        told="settings of a search are none of the checkpoint's",
        todo=AGAIN,
        mend=said_of(
            SEARCH,
            *("suppress_tokens", "max_length", "early_stopping", "min_new_tokens", "num_beams"),
            *("length_penalty", "no_repeat_ngram_size"),
        ),
    )


UNSPELLED = Cause(
    says="tokenizer.json",
    told="there is no tokenizer",
    todo=AGAIN,
    mend=files_of(*SPELLING),
)
UNHEARD = Cause(
    says="preprocessor_config.json",
    told="there is no `preprocessor_config.json`",
    todo=AGAIN,
    mend=files_of("preprocessor_config.json", "processor_config.json", "*.py"),
)
OF_ALL = {UNSPELLED.told, UNHEARD.told, searched(2).told, token("", 2).told}
"""What is wrong with every folder, in words."""
RELU = "`activation_function` is relu, whatever the checkpoint says"
SCALED = "`scale_embedding` is true, whatever the checkpoint says"
OF_SPEECH = (
    UNHEARD,
    searched(2),
    token("forced_eos_token_id", 2),
    token("forced_bos_token_id", 183),
    UNSPELLED,
)
"""What is wrong with every folder of the script for speech."""
END = 124
"""The language that ends each text of the small mBART-25."""
ENDS = tuple(
    key(name, END, "texts end with `</s>`, and not with their language")
    for name in ("eos_token_id", "forced_eos_token_id")
)
OF_MBART = (
    searched(4),
    *(token(name, END) for name in ("eos_token_id", "decoder_start_token_id")),
    token("forced_eos_token_id", END),
    UNSPELLED,
)
OF_MBART_50 = (
    searched(3),
    token("decoder_start_token_id", 2),
    token("forced_bos_token_id", END),
    UNSPELLED,
)
OF_M2M = (
    searched(4),
    token("forced_eos_token_id", 2),
    token("forced_bos_token_id", END),
    UNSPELLED,
)
LONGER = key(
    "max_position_embeddings",
    256,
    "`max_position_embeddings` is 1024, whatever the checkpoint says",
)


def unfit(says: str, told: str) -> Cause:
    """What no stock class expresses."""
    return Cause(says=says, told=told, todo=AGAIN, mend=None)


def _speech(name: str, *causes: Cause, gives_up: str = "") -> Expected:
    case = Case(script=SPEECH, variant=S2T[name])
    return Expected(case=case, causes=() if gives_up else (*causes, *OF_SPEECH), gives_up=gives_up)


def _mbart(
    variant: TextVariant, causes: Sequence[Cause], *switches: str, gives_up: str = "", **lent: Any
) -> Expected:
    case = Case(script=MBART, variant=variant, switches=switches, lent=lent)
    return Expected(case=case, causes=tuple(causes), gives_up=gives_up)


def _m2m(variant: TextVariant, *causes: Cause, gives_up: str = "") -> Expected:
    case = Case(script=M2M, variant=variant, is_called=not gives_up)
    return Expected(case=case, causes=() if gives_up else (*causes, *OF_M2M), gives_up=gives_up)


def _pair(name: str, **changes: Any) -> TextVariant:
    """An M2M-100 of one pair with as many positions as the published ones, but for changes."""
    sized = {"max_source_positions": 1024, "max_target_positions": 1024, **changes}
    plain = TEXTS["M2M-100, one pair"]
    return replace(plain, name=f"M2M-100{name}", model={**plain.model, **sized})


PAIR = _pair("")
FINETUNED, FIFTY = "--finetuned", "--mbart_50"
OF_SEQUENCES = (
    _speech("filter banks"),
    _speech("untied output"),
    _speech("gelu", key("activation_function", "gelu", RELU)),
    _speech("no_scale_embedding", key("scale_embedding", False, SCALED)),
    _speech(
        "layernorm_embedding",
        unfit("it normalizes its embeddings", "the norm of its embeddings is dropped"),
    ),
    _speech(
        "learned positions",
        unfit("its positions are learned", "its positions are dropped, and computed ones there"),
    ),
    _speech("no positions", unfit("its positions are none", "it has positions")),
    _speech("post-norm encoder", gives_up="ValueError: Only"),
    _speech("wider decoder", gives_up="RuntimeError: Error(s) in loading state_dict"),
    _speech("cfg instead of args", gives_up="AttributeError: 'NoneType' object"),
    _mbart(TEXTS["mBART-25"], (*ENDS, *OF_MBART), FINETUNED),
    _mbart(TEXTS["mBART-25"], (*ENDS, *OF_MBART)),
    _mbart(TEXTS["mBART-25, cfg instead of args"], (*ENDS, *OF_MBART), FINETUNED),
    _mbart(
        TEXTS["mBART-25, relu"],
        (key("activation_function", "relu", "`activation_function` is lent"), *ENDS, *OF_MBART),
        FINETUNED,
    ),
    _mbart(
        TEXTS["mBART-25, relu"],
        (*ENDS, *OF_MBART),
        FINETUNED,
        activation_function="relu",
    ),
    _mbart(
        TEXTS["mBART-25, no_scale_embedding"],
        (key("scale_embedding", False, "`scale_embedding` is lent"), *ENDS, *OF_MBART),
        FINETUNED,
    ),
    _mbart(TEXTS["mBART-50"], OF_MBART_50, FINETUNED),
    _mbart(
        TEXTS["mBART-50"],
        (key("activation_function", "gelu", RELU), *OF_MBART_50),
        FINETUNED,
        FIFTY,
    ),
    _mbart(
        TEXTS["BART with sentencepiece"],
        (),
        FINETUNED,
        gives_up="RuntimeError: Error(s) in loading state_dict",
    ),
    _m2m(PAIR),
    _m2m(TEXTS["M2M-100, one pair"], LONGER),
    _m2m(TEXTS["NLLB"], LONGER),
    _m2m(
        _pair(", gelu", activation_fn="gelu"),
        key("activation_function", "gelu", RELU),
    ),
    _m2m(
        _pair(", no_scale_embedding", no_scale_embedding=True),
        key("scale_embedding", False, SCALED),
    ),
    _m2m(replace(PAIR, save=as_cfg, name="M2M-100, cfg instead of args")),
    _m2m(PAIR, gives_up="AttributeError: 'Namespace' object has no attribute 'fairseq_pathß'"),
)
