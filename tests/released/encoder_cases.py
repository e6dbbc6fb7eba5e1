"""Which checkpoints the scripts for encoders are held over, and what is wrong with each folder.

The causes were found without diff: by comparing the files of a folder with those of a conversion,
and by mending them in it until it was right, which the tests do again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.released.encoder_causes import (
    ADAPTED,
    ALL_NORMED,
    BIASED,
    BLANK,
    LETTERS,
    NO_EXTRACTOR,
    NORMALIZED,
    PROJECTION,
    SILENT_HEAD,
    STABLE,
    TIDIED,
    UNMASKED,
    UNSTABLE,
    Cause,
    beyond_layers,
    key,
)
from tests.released.encoder_scripts import BASE, LARGE, Case
from tests.released.expected import Expected, expect
from tests.released.fork_cases import OF_FORKS
from tests.released.language_cases import OF_LANGUAGES
from tests.released.letter_cases import OF_LETTERS
from tests.variants import ctc_kinds
from tests.variants.bare_kinds import DATA2VEC_PRETRAINING_VARIANTS
from tests.variants.class_kinds import CLASS_VARIANTS
from tests.variants.ctc_kinds import CTC_VARIANTS, PHONES, CtcVariant
from tests.variants.data2vec_kinds import DATA2VEC_VARIANTS
from tests.variants.hubert_kinds import HUBERT_VARIANTS
from tests.variants.hubert_pretraining_kinds import HUBERT_PRETRAINING_VARIANTS
from tests.variants.pretraining_kinds import PRETRAINING_VARIANTS

CTC = {variant.name: variant for variant in (*CTC_VARIANTS, *HUBERT_VARIANTS, *DATA2VEC_VARIANTS)}
PRETRAINED = {
    variant.name: variant
    for variant in (
        *PRETRAINING_VARIANTS,
        *HUBERT_PRETRAINING_VARIANTS,
        *DATA2VEC_PRETRAINING_VARIANTS,
    )
}
CLASSIFIERS = {v.name.removeprefix("classifier, "): v for v in CLASS_VARIANTS}
W2V, CONFORMER = "wav2vec2", "wav2vec2-conformer"
HUBERT, DATA2VEC = "hubert", "data2vec-audio"
POST_NORM = {**LARGE, "do_stable_layer_norm": False, "conv_bias": False}
"""What data2vec's models on the hub say beside their sizes."""
STRIDES = [5, 2, 2, 2, 2, 2, 1]


def _ctc(script: str, name: str, *causes: Cause, **more: Any) -> Expected:
    return expect(causes, Case(script=script, variant=CTC[name]), **more)


def _pretrained(script: str, name: str, *causes: Cause, **more: Any) -> Expected:
    causes = () if "gives_up" in more else (NO_EXTRACTOR, *causes)
    return expect(causes, Case(script=script, variant=PRETRAINED[name]), **more)


def _classifier(name: str, *causes: Cause, **more: Any) -> Expected:
    return expect(causes, Case(script=W2V, variant=CLASSIFIERS[name]), **more)


def _with_symbols(expected: Expected, name: str, symbols: Any) -> Expected:
    variant = replace(expected.case.variant, name=name, symbols=symbols)
    return replace(expected, case=replace(expected.case, variant=variant))


OF_WAV2VEC2 = (
    _ctc(W2V, "layer norm"),
    _ctc(W2V, "layer norm", old_torch=False),
    _ctc(W2V, "layer norm, not normalized", NORMALIZED),
    _ctc(W2V, "group norm", NORMALIZED, UNMASKED, config=BASE),
    _ctc(W2V, "group norm, normalized", UNMASKED, config=BASE),
    _ctc(W2V, "group norm, norms first", UNSTABLE, NORMALIZED, UNMASKED, config=BASE),
    _ctc(W2V, "group norm", BIASED, ALL_NORMED, STABLE, NORMALIZED),
    _ctc(W2V, "layer norm, no conv bias", BIASED),
    _ctc(W2V, "equal widths", PROJECTION),
    _ctc(W2V, "group norm, equal widths", PROJECTION, NORMALIZED, UNMASKED, config=BASE),
    _ctc(W2V, "relu", key("hidden_act", "relu")),
    _ctc(W2V, "relu", config={**LARGE, "hidden_act": "relu"}),
    _ctc(W2V, "odd positional kernel"),
    _ctc(W2V, "phones of several letters"),
    _ctc(W2V, "odd symbols"),
    _with_symbols(_ctc(W2V, "layer norm"), "no word delimiter", tuple("abcd")),
    _ctc(W2V, "DictConfig"),
    _ctc(W2V, "float16 weights"),
    _ctc(W2V, "outer dropouts and masks"),
    _ctc(
        W2V,
        "layer norm",
        key("num_attention_heads", 2),
        config={**LARGE, "num_attention_heads": 4},
    ),
    _ctc(
        W2V,
        "layer norm",
        key("conv_stride", [5, 2, 2, 2, 2, 2, 2]),
        config={**LARGE, "conv_stride": STRIDES},
    ),
    _ctc(W2V, "layer norm", key("layer_norm_eps", 1e-5), config={**LARGE, "layer_norm_eps": 1e-12}),
    _ctc(
        W2V,
        "layer norm",
        key("feat_extract_activation", "gelu"),
        config={**LARGE, "feat_extract_activation": "relu"},
    ),
    _ctc(W2V, "layer norm", ADAPTED, config={**LARGE, "add_adapter": True}),
    _ctc(W2V, "layer norm", config=BASE, gives_up="AttributeError: 'NoneType' object"),
    _ctc(W2V, "Namespace", gives_up="ConfigCompositionException"),
    _ctc(W2V, "no w2v_args", gives_up="FileNotFoundError"),
    _pretrained(W2V, "layer norm"),
    _pretrained(W2V, "group norm", config=BASE),
    _pretrained(W2V, "group norm", BIASED, ALL_NORMED, STABLE),
    _pretrained(W2V, "layer norm, not normalized"),
    _pretrained(W2V, "equal widths", PROJECTION),
    _pretrained(W2V, "projections as wide as the encoder"),
    _pretrained(W2V, "one group of codes"),
    _pretrained(W2V, "float16 weights"),
    _pretrained(W2V, "another temperature", key("contrastive_logits_temperature", 0.3)),
    _pretrained(
        W2V,
        "layer norm",
        config={**LARGE, "num_codevectors_per_group": 5},
        gives_up="ValueError: Shape of hf",
    ),
    _pretrained(W2V, "no arguments", gives_up="RuntimeError: Neither args nor cfg exist"),
)
OF_CONFORMER = (
    _ctc(CONFORMER, "conformer, relative positions"),
    _ctc(CONFORMER, "conformer, rotary positions", where="rope"),
    _ctc(CONFORMER, "conformer, rotary positions", gives_up="AttributeError"),
    _ctc(CONFORMER, "conformer, group norm", NORMALIZED, UNMASKED, config=BASE),
    _ctc(CONFORMER, "conformer, no outer layer_type", gives_up="RuntimeError"),
    _pretrained(CONFORMER, "conformer, relative positions"),
    _pretrained(CONFORMER, "conformer, rotary positions", where="rope"),
    _pretrained(CONFORMER, "conformer, group norm", config=BASE),
)
OF_HUBERT = (
    _ctc(HUBERT, "HuBERT, layer norm", BLANK),
    _ctc(HUBERT, "HuBERT, layer norm, not normalized", NORMALIZED, BLANK),
    _ctc(HUBERT, "HuBERT, group norm", NORMALIZED, UNMASKED, BLANK, config=BASE),
    _ctc(HUBERT, "HuBERT, group norm, normalized", UNMASKED, BLANK, config=BASE),
    _ctc(HUBERT, "HuBERT, equal widths", PROJECTION, BLANK),
    _ctc(HUBERT, "HuBERT, relu", key("hidden_act", "relu"), BLANK),
    _ctc(HUBERT, "HuBERT, batch norm", gives_up="AssertionError: Shape of hf"),
    _ctc(HUBERT, "HuBERT, layer norm", old_torch=False, gives_up="AttributeError"),
    _pretrained(HUBERT, "HuBERT, layer norm"),
    _pretrained(HUBERT, "HuBERT, layer norm, not normalized"),
    _pretrained(HUBERT, "HuBERT, group norm", config=BASE),
    _pretrained(HUBERT, "HuBERT, equal widths", PROJECTION, config=BASE),
    _pretrained(HUBERT, "HuBERT, batch norm", gives_up="AssertionError: Shape of hf"),
)
OF_DATA2VEC = (
    _ctc(DATA2VEC, "data2vec", config=POST_NORM),
    _ctc(DATA2VEC, "data2vec, not normalized", NORMALIZED, config=POST_NORM),
    _ctc(DATA2VEC, "data2vec, even positional kernels", config=POST_NORM),
    _ctc(DATA2VEC, "data2vec, conv bias", config={**POST_NORM, "conv_bias": True}),
    _ctc(DATA2VEC, "data2vec", gives_up="Exception: Something went wRoNg"),
    _ctc(DATA2VEC, "data2vec, equal widths", config=POST_NORM),
    _with_symbols(
        _ctc(DATA2VEC, "data2vec", LETTERS, config=POST_NORM),
        "data2vec, other letters",
        ctc_kinds.LETTERS[::-1],
    ),
    _with_symbols(
        _ctc(DATA2VEC, "data2vec", config=POST_NORM, gives_up="ValueError: Shape of hf lm_head"),
        "data2vec, phones",
        PHONES,
    ),
)
WIDE = {"quantize_targets": True, "final_dim": 256, "encoder_layers": 2}
"""A base model of two layers: all that is not said is the default of fairseq, and of a class."""
WIDE_HUBERT = {"label_rate": 50.0, "encoder_layers": 2, "final_dim": 256}
DEEP = key("num_hidden_layers", 2, beyond_layers(2))
OF_DEFAULTS = (
    expect(
        (DEEP, key("num_attention_heads", 8), NORMALIZED, UNMASKED),
        Case(
            script=W2V,
            variant=replace(
                CTC["group norm"],
                name="base width, 2 layers, 8 heads",
                usual=WIDE,
                inner={"encoder_attention_heads": 8},
            ),
            config=None,
        ),
    ),
    expect(
        (DEEP, key("hidden_act", "swish"), NORMALIZED, UNMASKED),
        Case(
            script=CONFORMER,
            variant=replace(
                CTC["conformer, group norm"],
                name="conformer, base width, 2 layers",
                usual=WIDE,
                inner={**ctc_kinds.CONFORMER, "depthwise_conv_kernel_size": 31},
            ),
            config=None,
        ),
    ),
    expect(
        (NO_EXTRACTOR, DEEP),
        Case(
            script=HUBERT,
            variant=replace(
                PRETRAINED["HuBERT, group norm"],
                name="HuBERT, base width, 2 layers",
                usual=WIDE_HUBERT,
            ),
            config=None,
        ),
    ),
)
PUBLISHED = "data2vec as pretrained, projection as published"
OF_CLASSIFIERS = (
    _classifier("layer norm", SILENT_HEAD),
    _classifier("nothing behind the mean"),
    _classifier("group norm", SILENT_HEAD, NORMALIZED, config=BASE),
    _classifier("group norm, nothing behind the mean", NORMALIZED, config=BASE),
    _classifier("equal widths", PROJECTION, SILENT_HEAD),
    _classifier("wider head, nothing behind the mean"),
    _classifier(
        "nothing behind the mean",
        config={**LARGE, "classifier_proj_size": 256},
        gives_up="ValueError: Shape of hf projector.weight",
    ),
    _classifier("no w2v_args", gives_up="FileNotFoundError"),
    _classifier(
        "data2vec, nothing behind the mean",
        gives_up="ValueError: Shape of hf wav2vec2.encoder.pos_conv_embed",
    ),
)
OF_DATA2VEC_PRETRAINED = (
    expect((), Case(script=DATA2VEC, variant=PRETRAINED[PUBLISHED]), config=POST_NORM),
    expect(
        (),
        Case(script=DATA2VEC, variant=PRETRAINED["data2vec as pretrained"]),
        config=POST_NORM,
        gives_up="KeyError: 'final_proj.0.weight'",
    ),
)
EXPECTED = (
    *(*OF_WAV2VEC2, *OF_LANGUAGES, *OF_CLASSIFIERS, *OF_CONFORMER, *OF_HUBERT),
    *(*OF_DATA2VEC, *OF_DATA2VEC_PRETRAINED, *OF_DEFAULTS, *OF_FORKS, *OF_LETTERS),
)
OLD = "4.30.2"
NAMES_OF_OLD = ("layer norm", "group norm", "HuBERT, group norm", "conformer, relative positions")
"""Checkpoints for which the scripts of an older wheel are run as well."""


def _of_old(expected: Expected) -> Expected:
    """The same of a wheel whose tokenizers tidy what they spell by default."""
    spells = isinstance(expected.case.variant, CtcVariant) and not expected.gives_up
    return replace(expected, causes=(*expected.causes, *((TIDIED,) if spells else ())))


OF_OLD = tuple(
    _of_old(e) for e in EXPECTED if e.case.variant.name in NAMES_OF_OLD and e.case.old_torch
)
NOT_RUN = (
    (
        "convert_unispeech_original_pytorch_checkpoint_to_pytorch.py",
        "with a dictionary it reads JSON, which the fork's `Dictionary` alone does",
    ),
    (
        "convert_*_original_s3prl_checkpoint_to_pytorch.py, "
        "convert_distilhubert_original_s3prl_checkpoint_to_pytorch.py",
        "read checkpoints of s3prl, which are none of fairseq's",
    ),
    (
        "convert_bart_original_pytorch_checkpoint_to_pytorch.py",
        "loads the BARTs of `torch.hub` alone, and refuses what their tokenizer does not cut alike",
    ),
    (
        "convert_fsmt_original_pytorch_checkpoint_to_pytorch.py",
        "converts models of two dictionaries, which `toolkit convert` refuses",
    ),
    (
        "convert_nllb_moe_sharded_original_checkpoint_to_pytorch.py",
        "converts mixtures of experts, which this fairseq does not build",
    ),
    (
        "convert_sew*_original_pytorch_checkpoint_to_pytorch.py, "
        "convert_speecht5_original_pytorch_checkpoint_to_pytorch.py",
        "convert models that `toolkit convert` does not",
    ),
)
"""Scripts of the same wheels that are not run here, or not in every way, and why."""
