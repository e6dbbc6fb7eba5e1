"""A folder is judged as the classes that it is written in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from tests.families.networks import network_of, specimen
from tests.variants.building import build_variant
from tests.variants.kinds import VARIANTS
from tests.written import write_stock
from toolkit import verify
from toolkit.audio import golden_folder
from toolkit.blocks.forms import Lack, Part, find_misfits, lost_prefixes
from toolkit.core.result import Result
from toolkit.families import Form
from toolkit.oracle.mends.conformer import mended_conformer
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.pipeline.difference import diff
from toolkit.pipeline.prepare import Inputs, prepare

AUDIO = [golden_folder() / "tiny.flac"]
POSTNORM = {"decoder_normalize_before": False}
BARE = {"layernorm_embedding": False}
WIDE = {"decoder_embed_dim": 48}
COMPUTED = {"decoder_learned_pos": False}

Judge = Callable[..., Result]


@pytest.fixture
def judged(tmp_path: Path) -> Judge:
    """What `diff`, or another command, says of a variant written in stock classes."""

    def judge(name: str, command: Callable[..., Result] = diff, **written: Any) -> Result:
        (variant,) = (variant for variant in VARIANTS if variant.name == name)
        with quiet_fairseq(), mended_conformer():
            checkpoint = build_variant(variant, golden_folder() / "checkpoint", tmp_path)
        natural = prepare(Inputs(checkpoint=checkpoint))
        return command(checkpoint, write_stock(natural, tmp_path / "hf", **written), audio=AUDIO)

    return judge


def misfits_of(model: dict[str, Any], w2v: dict[str, Any] | None = None, **form: Any) -> list[str]:
    kinds = {"encoder": "wav2vec2", "decoder": "mbart", **form}
    carries_code = bool(kinds.pop("carries_code", False))
    named = Form(kinds=kinds, carries_code=carries_code)
    found = network_of(specimen(model, w2v), form=named).misfits
    return [f"{misfit.key} {misfit.actual} for {misfit.expected}" for misfit in found]


@pytest.mark.parametrize(
    ("model", "form", "expected"),
    [
        ({}, {}, []),
        ({}, {"decoder": "bart"}, ["decoder.model_type bart for mbart"]),
        ({}, {"decoder": "trocr"}, ["decoder.model_type trocr for mbart"]),
        (POSTNORM, {}, ["decoder.model_type mbart for bart"]),
        (POSTNORM, {"decoder": "bart"}, []),
        (POSTNORM, {"decoder": "trocr"}, []),
        ({**POSTNORM, **BARE}, {"decoder": "bart"}, ["decoder.model_type bart for trocr"]),
        ({**POSTNORM, **BARE}, {"decoder": "trocr"}, []),
        (BARE, {}, ["decoder.model_type mbart for xm_transformer_decoder"]),
        ({"decoder_learned_pos": False}, {}, []),
        ({**BARE, **COMPUTED}, {"decoder": "xglm"}, []),
        ({**BARE, **COMPUTED}, {}, ["decoder.model_type mbart for xglm"]),
        ({}, {"decoder": "xglm"}, ["decoder.model_type xglm for mbart"]),
        (COMPUTED, {"decoder": "xglm"}, ["decoder.model_type xglm for mbart"]),
        (BARE, {"decoder": "xglm"}, ["decoder.model_type xglm for xm_transformer_decoder"]),
        ({"no_token_positional_embeddings": True}, {}, []),
        (WIDE, {}, ["decoder.model_type mbart for xm_transformer_decoder"]),
        ({**WIDE, **POSTNORM}, {"decoder": "bart"}, ["decoder.model_type bart for trocr"]),
        ({}, {"decoder": "gpt2"}, ["decoder.model_type gpt2 for mbart"]),
        ({}, {"encoder": "hubert"}, ["encoder.model_type hubert for wav2vec2"]),
        ({}, {"encoder": None, "decoder": None}, []),
        (
            {"adaptor_proj": True},
            {},
            ["encoder.model_type wav2vec2 for xm_transformer_encoder"],
        ),
        ({"adaptor_proj": True, **POSTNORM}, {"carries_code": True}, []),
    ],
)
def test_a_class_that_cannot_express_its_part_is_a_misfit(model, form, expected):
    assert misfits_of(model, **form) == expected


@pytest.mark.parametrize(
    ("w2v", "encoder", "expected"),
    [
        ({"pos_conv_depth": 2}, "wav2vec2", "several positional convolutions"),
        ({}, "wav2vec2-conformer", "it has transformer layers, Wav2Vec2Conformer has none"),
    ],
)
def test_an_encoder_of_another_kind_is_said(w2v, encoder, expected):
    form = Form(kinds={"encoder": encoder, "decoder": "mbart"}, carries_code=False)
    (misfit,) = network_of(specimen({}, w2v), form=form).misfits
    assert misfit.part == "encoder"
    assert expected in misfit.because


def test_all_that_one_class_cannot_express_is_one_misfit():
    form = Form(kinds={"encoder": "wav2vec2", "decoder": "mbart"}, carries_code=False)
    (misfit,) = network_of(specimen({**POSTNORM, **BARE}), form=form).misfits
    assert misfit.hypothesis == "norm_order"
    assert "normalizes after each block, MBart before" in misfit.because
    assert "does not normalize its embeddings" in misfit.because
    assert misfit.advice == "write it as TrOCR"


def test_a_misfit_covers_its_own_keys_alone():
    form = Form(kinds={"encoder": "hubert", "decoder": "bart"}, carries_code=False)
    encoder, decoder = network_of(specimen(), form=form).misfits
    assert encoder.covers("encoder.hidden_act")
    assert not encoder.covers("decoder.hidden_act")
    assert decoder.covers("decoder.model_type")
    assert not decoder.covers("decoder.activation_function")
    assert decoder.holds("decoder.model.decoder.layers.0")
    assert not decoder.holds("encoder.encoder")
    assert encoder.holds("decoder.model.decoder.layers.1.encoder_attn")
    assert not encoder.holds("decoder.model.decoder.layers.1.self_attn")


@pytest.mark.parametrize("kind", ["wav2vec2-conformer", "hubert"])
def test_a_model_without_parts_is_judged_as_a_whole(kind):
    lack = Lack(name="w2v_args.layer_type", because="it has none", module="wav2vec2.encoder")
    names = {"wav2vec2": "Wav2Vec2", "wav2vec2-conformer": "Wav2Vec2Conformer"}
    whole = Part(name="", found=kind, nearest="wav2vec2", names=names, lacks=[lack])
    (misfit,) = find_misfits([whole])
    assert (misfit.key, misfit.expected, misfit.actual) == ("model_type", "wav2vec2", kind)
    assert "the checkpoint's model is " in misfit.because
    assert misfit.holds("wav2vec2.encoder.layers.0")
    assert misfit.covers("model_type")
    assert misfit.covers("hidden_act") == whole.unknown
    assert not misfit.covers("preprocessor_config.do_normalize")
    assert lost_prefixes([whole]) == (("",) if whole.unknown else ())


def test_a_conversion_has_no_misfit(prepared):
    assert prepared.network.misfits == ()
    assert prepared.task.contents.misfits == ()


def test_a_post_norm_decoder_in_mbart_is_one_finding(judged):
    result = judged("post-norm decoder")
    assert result.verdict == "mismatch"
    (finding,) = result.findings
    assert finding.config_keys == ("decoder.model_type",)
    assert finding.target_module == "decoder.model.decoder.layers.0"
    assert finding.hypothesis is not None
    assert (finding.hypothesis.name, finding.hypothesis.confirmed) == ("norm_order", True)
    assert "write it as Bart" in finding.summary


@pytest.mark.slow
def test_a_post_norm_decoder_in_bart_is_right(judged):
    result = judged("post-norm decoder", decoder="bart")
    assert (result.verdict, result.findings) == ("match", ())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("untied output", {}),
        ("sinusoidal positions", {}),
        ("sinusoidal positions, post-norm decoder", {"decoder": "bart"}),
        ("post-norm decoder, no layernorm_embedding", {"decoder": "trocr"}),
        ("conformer, rel_pos", {"encoder": "wav2vec2-conformer"}),
        ("encoder_proj to a wider decoder, no adaptor", {}),
    ],
)
def test_a_folder_of_classes_that_express_its_checkpoint_is_right(judged, name, written):
    result = judged(name, **written)
    assert (result.verdict, result.findings) == ("match", ())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "written", "said"),
    [
        ("post-norm decoder, no layernorm_embedding", {}, "MBart before"),
        ("v0, equal widths", {"decoder": "bart"}, "Bart after"),
        ("no layernorm_embedding", {}, "does not normalize its embeddings"),
        ("decoder wider than a v0 encoder", {}, "states of width 32"),
        ("adaptor_proj (v1), equal widths", {}, "feed-forward blocks"),
        ("adaptor_proj (v1), wider decoder", {}, "feed-forward blocks"),
        ("adaptor_layernorm and adaptor_proj", {}, "a layer norm before or between"),
        ("July 2021, wider decoder", {}, "changes the width"),
        ("encoder_proj to a wider decoder", {}, "projects after its layers"),
        ("adaptor kernel 2", {}, "wrong for kernels of 2"),
        ("adaptor kernel 5", {}, "wrong for kernels of 5"),
        ("pos_conv_depth 2", {}, "several positional convolutions"),
        ("conformer, rel_pos", {}, "conformer layers"),
        ("conformer, abs", {"encoder": "wav2vec2-conformer"}, "its positional convolution"),
        ("v0, equal widths", {"encoder": "hubert"}, "`hubert`"),
        ("v0, equal widths", {"decoder": "blenderbot"}, "`blenderbot`"),
    ],
)
@pytest.mark.parametrize("command", [diff, verify])
def test_a_class_that_does_not_fit_is_the_one_finding(judged, name, written, said, command):
    result = judged(name, command, **written)
    assert result.verdict == "mismatch"
    (finding,) = result.findings
    assert said in finding.summary
    assert finding.consequence == "output"
    assert finding.config_keys[0].endswith(".model_type")


@pytest.mark.slow
@pytest.mark.parametrize("command", [diff, verify])
def test_positions_left_random_are_the_one_finding(judged, command):
    (finding,) = judged("sinusoidal positions", command, sinusoids=False).findings
    assert finding.target_parameters == ("decoder.model.decoder.embed_positions.weight",)
    assert "table of sinusoids" in finding.summary


@pytest.mark.slow
def test_a_wrong_tensor_beside_a_misfit_is_a_finding_of_its_own(judged):
    def lose(tensors: dict[str, Tensor]) -> None:
        tensors["encoder.feature_projection.projection.weight"].normal_()

    tensor, misfit = judged("post-norm decoder", change=lose).findings
    assert tensor.target_parameters == ("encoder.feature_projection.projection.weight",)
    assert misfit.config_keys == ("decoder.model_type",)
