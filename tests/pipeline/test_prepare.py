"""What says something of a part that a model has not is refused, not left unread."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit import BadInput
from toolkit.pipeline.golden import golden_of
from toolkit.pipeline.prepare import Inputs, prepare

OF_SPEECH = ("xm_transformer", "wav2vec2_ctc", "s2t_transformer", "wav2vec2_pretraining")
VOCODERS = ("hifigan", "code_hifigan")
WITHOUT = (*VOCODERS, "s2t_transformer", "s2ut_transformer", "mbart")
"""Families whose models have no pretrained encoder of waveforms."""


@pytest.mark.parametrize("family", [*OF_SPEECH, *VOCODERS])
def test_a_language_that_is_read_is_refused_where_no_text_is(family: str) -> None:
    with pytest.raises(BadInput, match="^`--source-lang de` must choose a language of texts"):
        prepare(Inputs(checkpoint=golden_of(family), source_lang="de"))


@pytest.mark.parametrize("family", VOCODERS)
def test_a_language_that_is_written_is_refused_where_no_text_is(family: str) -> None:
    with pytest.raises(BadInput, match="^`--target-lang de` must choose a language of texts"):
        prepare(Inputs(checkpoint=golden_of(family), target_lang="de"))


@pytest.mark.parametrize("family", WITHOUT)
def test_a_pretrained_encoder_is_refused_where_there_is_none(family: str) -> None:
    with pytest.raises(BadInput, match="^`--w2v w2v.pt` must give the arguments"):
        prepare(Inputs(checkpoint=golden_of(family), w2v=Path("w2v.pt")))


@pytest.mark.parametrize("family", WITHOUT)
def test_how_an_adaptor_pads_is_refused_where_there_is_none(family: str) -> None:
    with pytest.raises(BadInput, match="^`--padding-reference unmasked` must say"):
        prepare(Inputs(checkpoint=golden_of(family), padding_reference="unmasked"))
