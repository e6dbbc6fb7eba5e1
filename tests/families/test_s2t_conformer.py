"""S2T-Conformers: what a folder says of them, and how users get their words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.breaking import scale, set_key
from tests.bundled.elsewhere import SCRIPT, make_elsewhere
from tests.sampling import wide
from tests.variants.s2t_building import build_s2t
from tests.variants.s2t_kinds import CONFORMER_VARIANTS
from toolkit import convert, diff, inspect
from toolkit.audio import golden_folder
from toolkit.families.s2t_conformer import FAMILY
from toolkit.families.s2t_transformer import CARRIED
from toolkit.pipeline.golden import golden_of
from toolkit.pipeline.prepare import Inputs, prepare

BY_NAME = {variant.name: variant for variant in CONFORMER_VARIANTS}
CLIP = golden_folder() / "ru_2.flac"
RELATIVE, ROTARY = "ESPnet's attention, rel_pos", "ESPnet's attention, rope"


def test_a_folder_says_what_its_layers_are(tmp_path: Path) -> None:
    convert(golden_of("s2t_conformer"), tmp_path / "hf", verify=False)
    config = json.loads((tmp_path / "hf" / "config.json").read_text())
    assert config["auto_map"] == CARRIED.config["auto_map"]
    encoder, decoder = config["encoder"], config["decoder"]
    assert (encoder["layer_type"], encoder["position_embeddings_type"]) == ("conformer", "relative")
    assert (encoder["d_model"], encoder["encoder_attention_heads"]) == (16, 4)
    assert (encoder["hidden_act"], decoder["activation_function"]) == ("swish", "relu")
    assert encoder["conv_depthwise_kernel_size"] == 31
    assert (decoder["position_embeddings"], decoder["dropout"]) == ("sinusoidal", 0.1)


def test_positions_and_heads_are_told_by_tensors_where_there_are_any(tmp_path: Path) -> None:
    def without(args, state):
        for name in ("pos_enc_type", "attn_type", "encoder_attention_heads"):
            delattr(args, name)
        return {"args": args, "model": state}

    network = prepare(
        Inputs(checkpoint=build_s2t(replace(BY_NAME[ROTARY], save=without), tmp_path))
    ).network
    assert network.config["encoder.position_embeddings_type"].value == "rotary"
    assert network.config["encoder.encoder_attention_heads"].value == 4
    assert network.unpaired == ("encoder.embed_positions.inv_freq",)


def test_frames_are_counted_as_those_of_a_transformer(tmp_path: Path) -> None:
    network = prepare(Inputs(checkpoint=build_s2t(BY_NAME["one convolution"], tmp_path))).network
    assert [FAMILY.frames(network, samples) for samples in (400, 560, 720, 16_000)] == [1, 1, 2, 49]


@pytest.mark.parametrize(
    ("module", "key", "value"),
    [
        ("encoder.layers.1.conv_module.depthwise_conv", None, None),
        wide("encoder.linear", None, None),
        wide("encoder.layers.0.self_attn.linear_pos", None, None),
        wide("encoder.layers.0.ffn2.output_dense", None, None),
        wide("decoder.model.decoder.layers.1.encoder_attn.v_proj", None, None),
        (None, "encoder.scale_embedding", False),
        wide(None, "encoder.hidden_act", "gelu"),
        wide(None, "decoder.activation_function", "gelu"),
        wide(None, "encoder.encoder_attention_heads", 2),
    ],
)
def test_a_fault_is_blamed(module, key, value, tmp_path: Path) -> None:
    checkpoint, out = golden_of("s2t_conformer"), tmp_path / "hf"
    convert(checkpoint, out, verify=False)
    scale(f"{module}.weight", 1.5)(out) if module else set_key("config.json", key, value)(out)
    (first, *_) = diff(checkpoint, out, audio=[CLIP]).findings
    assert (first.target_module == module) if module else (first.config_keys == (key,))


def test_it_is_recognized() -> None:
    assert inspect(golden_of("s2t_conformer")).family == "s2t_conformer"


def test_users_hear_it_without_fairseq_and_the_toolkit(tmp_path: Path) -> None:
    clip = golden_folder() / "en_1.flac"
    proof = convert(golden_of("s2t_conformer"), tmp_path / "hf", verify=True, audio=[clip])
    assert proof.verdict == "match"
    said = make_elsewhere(tmp_path).run(SCRIPT, tmp_path / "hf", clip)
    assert said["absent"] == ["toolkit", "fairseq"]
    assert said["class"].endswith("modeling_fairseq_s2t.SpeechEncoderDecoderModel")
    assert said["pipeline"] == said["text"]
    tokens = {hypothesis.reference for hypothesis in proof.tokens[0].beam[:1]}
    assert tuple(said["searches"]["5"][1:]) in tokens
