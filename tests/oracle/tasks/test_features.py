"""fairseq's pretrained encoders are asked for what they give, and for their loss."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.variants.pretraining_building import build_pretraining
from tests.variants.pretraining_kinds import PRETRAINING_VARIANTS
from toolkit.blocks.arguments import own_arguments
from toolkit.checkpoint import open_checkpoint
from toolkit.oracle.asking import Pass
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.search import Search
from toolkit.oracle.tasks.features import (
    NEGATIVES,
    FeatureReference,
    build_features,
    further_prefixes,
    negatives_of,
)
from toolkit.oracle.tasks.features.build import heads_of, place_of

BY_NAME = {variant.name: variant for variant in PRETRAINING_VARIANTS}
Build = Callable[[str], FeatureReference]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The reference of a variant, built once of what its checkpoint says."""
    known: dict[str, FeatureReference] = {}

    def make(name: str) -> FeatureReference:
        if name not in known:
            path = build_pretraining(BY_NAME[name], tmp_path_factory.mktemp("features"))
            checkpoint = open_checkpoint(path)
            arguments = own_arguments(checkpoint)
            with quiet_fairseq():
                known[name] = build_features(
                    {**arguments.task, **arguments.model}, checkpoint.mapped_state_dict()
                )
        return known[name]

    return make


@pytest.fixture
def source() -> Tensor:
    return torch.randn(9_000, generator=torch.Generator().manual_seed(1))


def given(codes: list[list[int]]) -> Pass:
    return Pass(outputs={"codes": torch.tensor([codes])}, calls={})


@pytest.mark.parametrize("name", ["layer norm", "group norm", "Namespace"])
def test_features_and_layers_are_what_fairseq_extracts(
    name: str, build: Build, source: Tensor
) -> None:
    reference = build(name)
    outputs = reference.forward([source]).outputs
    assert next(iter(outputs)) == "features"
    with torch.no_grad():
        extract = reference.model.extract_features
        batch, mask = source.unsqueeze(0), torch.zeros(1, len(source), dtype=torch.bool)
        assert outputs["features"].equal(extract(batch, mask)["x"])
        for number in (1, 2, 3):
            layer = extract(batch, mask, layer=number - 1)["x"]
            assert outputs[f"layers.{number}"].equal(layer)


def test_codes_choose_the_vectors_that_fairseq_quantizes_to(build: Build, source: Tensor) -> None:
    reference = build("four groups of codes")
    outputs = reference.forward([source]).outputs
    with torch.no_grad():
        vectors, codes = reference.model.quantize(source.unsqueeze(0))
        assert outputs["codes"].equal(codes)
        assert outputs["quantized"].equal(reference.model.project_q(vectors))


def test_frames_beyond_a_clip_are_told(build: Build, source: Tensor) -> None:
    mask = build("layer norm").forward([source, source[:5_000]]).outputs["padding_mask"]
    frames = [int((~row).sum()) for row in mask]
    assert frames == [mask.shape[1], 15]


def test_the_loss_is_that_of_the_masked_frames_among_the_chosen_others(
    build: Build, source: Tensor
) -> None:
    reference = build("layer norm")
    masked = (2, 5, 9, 12)
    found = reference.forward([source], [masked]).outputs["contrastive_loss"]
    with torch.no_grad():
        net = reference.model(
            source.unsqueeze(0),
            mask=True,
            mask_indices=torch.tensor([[frame in masked for frame in range(27)]]),
            features_only=True,
        )
        predicted = reference.model.final_proj(net["x"][0, list(masked)])
        chosen = reference.model.quantizer(net["features"][:, list(masked)])["x"]
        targets = reference.model.project_q(chosen)[0]
        near = torch.cosine_similarity(predicted.unsqueeze(1), targets.unsqueeze(0), dim=-1) / 0.1
        others = near.gather(1, negatives_of(len(masked)))
        loss = others.exp().sum(1).add(near.diagonal().exp()).log().sub(near.diagonal()).sum()
    assert abs(float(found - loss)) < 1e-4 * float(loss)


def test_the_model_is_as_before_once_a_loss_was_asked_for(build: Build, source: Tensor) -> None:
    reference = build("negatives from the codes")
    before = reference.forward([source]).outputs["quantized"]
    reference.forward([source], [(1, 4, 7)])
    assert reference.forward([source]).outputs["quantized"].equal(before)
    assert "sample_negatives" not in vars(reference.model)
    assert "forward" not in vars(reference.model.quantizer)
    assert reference.model.codebook_negatives == 3


@pytest.mark.parametrize("masked", [2, 3, 8, 30])
def test_no_frame_is_told_apart_from_itself(masked: int) -> None:
    others = negatives_of(masked)
    assert others.shape == (masked, NEGATIVES)
    assert ((others >= 0) & (others < masked)).all()
    assert (others != torch.arange(masked).unsqueeze(1)).all()


def test_no_two_masked_frames_have_the_same_codes() -> None:
    codes = [[frame // 2, 1] for frame in range(30)]
    (masked,) = further_prefixes(given(codes))
    assert masked == (2, 8, 14, 20, 26)


@pytest.mark.parametrize(
    ("codes", "masked"),
    [([[1], [2], [1]], ((0, 1),)), ([[1], [1], [1]], ()), ([[1]], ())],
)
def test_of_few_frames_all_that_differ_are_masked(
    codes: list[list[int]], masked: tuple[tuple[int, ...], ...]
) -> None:
    assert further_prefixes(given(codes)) == masked


def test_sound_is_standardized_where_the_task_says_so(build: Build, source: Tensor) -> None:
    loud = 3 * source + 1
    assert abs(float(build("layer norm").front_end(loud).mean())) < 1e-6
    assert build("group norm").front_end(loud) is loud


def test_there_are_no_words(build: Build, source: Tensor) -> None:
    reference = build("layer norm")
    assert reference.start_token is None
    assert reference.search(source, Search(beam=1)) == []
    assert (reference.text((4, 5)), reference.encode("a word")) == ("", ())


def test_what_pretraining_alone_needs_is_told_whatever_it_is_called(build: Build) -> None:
    encoder = build("layer norm").encoder
    before = dict(encoder.state_dict())
    heads = heads_of(encoder)
    assert {name.partition(".")[0] for name in heads} == {"final_proj", "project_q", "quantizer"}
    assert encoder.state_dict().keys() == before.keys()


def test_an_encoder_stands_where_its_names_say(build: Build) -> None:
    encoder = build("layer norm").encoder
    names = list(encoder.state_dict())
    assert place_of(encoder, names) == ""
    assert place_of(encoder, [f"a.b.{name}" for name in names[3:]]) == "a.b."
    assert place_of(encoder, ["another.weight"]) == ""
