"""Tensors of a model with heads are known by their names in the model without them."""

from __future__ import annotations

from toolkit.folder.heads import head_names, inner_names

CONFIG = {"model_type": "wav2vec2"}
WANTED = ("masked_spec_embed", "encoder.layer_norm.weight")
HEADED = ("lm_head.bias", "wav2vec2.encoder.layer_norm.weight", "wav2vec2.masked_spec_embed")


def test_names_lose_what_those_of_the_inner_model_begin_with() -> None:
    assert inner_names(HEADED, CONFIG, WANTED) == {name: f"wav2vec2.{name}" for name in WANTED}
    assert head_names(HEADED, CONFIG, WANTED) == ("lm_head.bias",)


def test_names_that_the_model_has_stay_what_they_are() -> None:
    for wanted in (HEADED, HEADED[:1]):
        assert inner_names(HEADED, CONFIG, wanted) == {name: name for name in HEADED}
        assert head_names(HEADED, CONFIG, wanted) == ()


def test_what_begins_otherwise_or_is_of_no_known_class_stays_what_it_is() -> None:
    for config in ({"model_type": "hubert"}, {"model_type": "of nobody"}, {}):
        assert inner_names(HEADED, config, WANTED) == {name: name for name in HEADED}
        assert head_names(HEADED, config, WANTED) == ()
