"""Every kind of CTC checkpoint builds, and its arguments are read wherever it keeps them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.sampling import one_in
from tests.variants.ctc_building import BuiltCtc, build_ctc
from tests.variants.ctc_kinds import (
    CTC_VARIANTS,
    GROUP_NORM,
    YOUNGER,
    CtcVariant,
    as_first_hydra,
    as_namespace,
    as_parametrized,
    without_mask_embedding,
    without_w2v_args,
    without_weight_norm,
)
from toolkit.blocks.arguments import own_arguments
from toolkit.checkpoint import Checkpoint, open_checkpoint

Build = Callable[[str], BuiltCtc]
BY_NAME = {variant.name: variant for variant in CTC_VARIANTS}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Builds the variant of a name, once."""
    known: dict[str, BuiltCtc] = {}

    def build(name: str) -> BuiltCtc:
        if name not in known:
            known[name] = build_ctc(BY_NAME[name], tmp_path_factory.mktemp("ctc"))
        return known[name]

    return build


def read(built: BuiltCtc) -> Checkpoint:
    return open_checkpoint(built.path)


def named(save: object) -> str:
    return next(variant.name for variant in CTC_VARIANTS if variant.save is save)


@pytest.mark.parametrize(
    "variant", one_in(3, CTC_VARIANTS, lambda variant: variant.name, pytest.mark.wide)
)
def test_a_variant_opens_with_its_weights_and_arguments(variant: CtcVariant, built: Build) -> None:
    made = built(variant.name)
    checkpoint = read(made)
    arguments = own_arguments(checkpoint)
    if variant.save not in (without_weight_norm, as_parametrized, without_mask_embedding):
        assert checkpoint.tensors.keys() == made.model.state_dict().keys()
    assert arguments.task["normalize"] is arguments.model["normalize"] is variant.normalizes
    assert arguments.model["w2v_path"] in ("/checkpoint/somebody/wav2vec2.pt", "???")
    if variant.save is not without_w2v_args:
        inner = arguments.w2v_model
        assert {key: inner[key] for key in variant.kind} == {**variant.kind, **overlap(variant)}
        assert arguments.w2v_task["normalize"] is variant.normalizes


def overlap(variant: CtcVariant) -> dict[str, object]:
    return {key: value for key, value in variant.inner.items() if key in variant.kind}


@pytest.mark.parametrize("variant", CTC_VARIANTS, ids=lambda variant: variant.name)
def test_no_norm_and_no_bias_is_trivial(variant: CtcVariant, built: Build) -> None:
    state = built(variant.name).model.state_dict()
    for name, tensor in state.items():
        if tensor.dim() == 1:
            assert tensor.std() > 0.02, name
            assert (tensor != 0).all(), name


def test_every_row_of_the_dictionary_has_a_logit(built: Build) -> None:
    for name in ("layer norm", "phones of several letters", "odd symbols"):
        made = built(name)
        rows = (made.path.parent / "dict.ltr.txt").read_text(encoding="utf-8").splitlines()
        assert len(rows) == len(BY_NAME[name].symbols)
        assert made.model.w2v_encoder.proj.out_features == len(made.task.target_dictionary)
        assert len(made.task.target_dictionary) == len(rows) + 4


def test_namespaces_of_2020_lack_what_came_later_and_name_another_width(built: Build) -> None:
    arguments = own_arguments(read(built(named(as_namespace))))
    assert arguments.model is arguments.task
    assert not set(YOUNGER) & set(arguments.model)
    assert (arguments.model["encoder_embed_dim"], arguments.w2v_model["encoder_embed_dim"]) == (
        512,
        32,
    )
    assert arguments.w2v_model["latent_temp"] == "(2,0.5,0.999995)"


def test_an_old_inner_configuration_is_whole_and_has_keys_of_its_own(built: Build) -> None:
    arguments = own_arguments(read(built(named(as_first_hydra))))
    assert {"bmuf", "checkpoint", "common", "model", "task"} <= set(arguments.w2v)
    assert arguments.w2v_task["eval_wer"] is False
    assert "layer_type" not in arguments.w2v_model


def test_equal_widths_have_no_projection_behind_the_extractor(built: Build) -> None:
    name = "w2v_encoder.w2v_model.post_extract_proj.weight"
    assert name in built("group norm").model.state_dict()
    assert name not in built("group norm, equal widths").model.state_dict()


def test_both_kinds_come_in_every_era() -> None:
    eras = {v.save for v in CTC_VARIANTS if v.kind is GROUP_NORM}
    assert {None, as_namespace, as_first_hydra} <= eras
    assert len({v.name for v in CTC_VARIANTS}) == len(CTC_VARIANTS)
