"""wav2vec 2.0 CTC of both kinds and every era: what converts exactly, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.breaking import scale, set_key
from tests.families.exactness import CLIPS, ROUNDED, check_exact
from tests.sampling import wide
from tests.variants.ctc_building import build_ctc
from tests.variants.ctc_kinds import CTC_VARIANTS, CtcVariant, without_w2v_args
from tests.variants.data2vec_kinds import DATA2VEC_VARIANTS
from toolkit import convert, diff, inspect, record, verify
from toolkit.core.errors import BadInput
from toolkit.core.settled import settled

NORM_BEFORE = "conformer, norm before the layers"
BY_NAME = {variant.name: variant for variant in (*CTC_VARIANTS, *DATA2VEC_VARIANTS)}
REFUSED = {name for name, variant in BY_NAME.items() if "refused" in variant.ends}
SPLIT = "weight norm removed"
"""Exact but for one rounding: the weight is split again into two float32 factors."""
FAST = ("group norm", "conformer, relative positions")
DATA2VEC = "data2vec, leftovers of pretraining"

Build = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Writes the checkpoint of a variant, of which some may be changed."""

    def make(name: str, **changes: object) -> Path:
        folder = tmp_path / "checkpoint"
        folder.mkdir()
        variant: CtcVariant = replace(BY_NAME[name], **changes)
        return build_ctc(variant, folder).path

    return make


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in FAST else pytest.mark.wide)
        for name in BY_NAME
        if name not in {*REFUSED, SPLIT}
    ],
)
def test_every_variant_converts_exactly(name: str, build: Build, tmp_path: Path) -> None:
    check_exact(convert(build(name), tmp_path / "hf", verify=True, audio=CLIPS), padded=True)


@pytest.mark.wide
def test_a_weight_norm_that_was_taken_off_is_exact_but_for_one_rounding(
    build: Build, tmp_path: Path
) -> None:
    result = convert(build(SPLIT), tmp_path / "hf", verify=True, audio=CLIPS)
    assert result.verdict == "match"
    exact, rounded = result.level("layers").measures[:2]
    assert 1e-9 < exact.error <= exact.tolerance == 1e-6
    assert rounded.error <= ROUNDED


@pytest.mark.parametrize("name", ["conformer, relative positions"])
def test_a_conformer_becomes_a_conformer_that_users_load(
    name: str, build: Build, tmp_path: Path
) -> None:
    import transformers

    convert(build(name), tmp_path / "hf", verify=False)
    model = transformers.AutoModelForCTC.from_pretrained(tmp_path / "hf")
    assert type(model) is transformers.Wav2Vec2ConformerForCTC
    assert model.config.architectures == ["Wav2Vec2ConformerForCTC"]


def test_a_stock_class_of_a_conformer_that_needs_a_carried_one_is_the_one_finding(
    build: Build, tmp_path: Path
) -> None:
    checkpoint, stock = build(NORM_BEFORE), tmp_path / "stock"
    convert(checkpoint, stock, verify=False)
    for file in ("config.json", "preprocessor_config.json"):
        held = json.loads((stock / file).read_text(encoding="utf-8"))
        del held["auto_map"]
        (stock / file).write_text(json.dumps(held), encoding="utf-8")
    set_key("config.json", "model_type", "wav2vec2-conformer")(stock)
    (finding,) = diff(checkpoint, stock, audio=CLIPS[:1]).findings
    assert finding.config_keys == ("model_type",)
    assert finding.hypothesis is not None
    assert finding.hypothesis.name == "norm_order"
    assert "before its first layer" in finding.summary
    assert "`toolkit convert`" in finding.fix


@pytest.mark.wide
@pytest.mark.parametrize(
    ("key", "value"), [("do_stable_layer_norm", True), ("position_embeddings_type", "rotary")]
)
def test_a_wrong_key_of_a_carried_conformer_is_the_one_finding(
    key: str, value: object, build: Build, tmp_path: Path
) -> None:
    checkpoint = build(NORM_BEFORE)
    convert(checkpoint, tmp_path / "hf", verify=False)
    set_key("config.json", key, value)(tmp_path / "hf")
    (finding,) = diff(checkpoint, tmp_path / "hf", audio=CLIPS[:1]).findings
    assert finding.config_keys == (key,)


@pytest.mark.parametrize(
    ("parameter", "module"),
    [
        wide("conv_module.depthwise_conv.weight", "conv_module.depthwise_conv"),
        wide("self_attn.pos_bias_u", "self_attn"),
        wide("ffn1.intermediate_dense.bias", "ffn1.intermediate_dense"),
    ],
)
def test_a_fault_in_a_conformer_layer_is_blamed(
    parameter: str, module: str, build: Build, tmp_path: Path
) -> None:
    checkpoint = build("conformer, relative positions")
    convert(checkpoint, tmp_path / "hf", verify=False)
    layer = "wav2vec2_conformer.encoder.layers.1."
    scale(layer + parameter, 1.5)(tmp_path / "hf")
    first, *others = diff(checkpoint, tmp_path / "hf", audio=CLIPS).findings
    assert first.target_parameters == (layer + parameter,)
    assert first.target_module == layer + module
    assert others == []


@pytest.mark.parametrize(
    ("parameter", "module"),
    [
        ("pos_conv_embed.layers.3.conv.weight", "pos_conv_embed.layers.3.conv"),
        wide("layers.1.attention.out_proj.bias", "layers.1.attention.out_proj"),
    ],
)
def test_a_fault_in_data2vec_is_blamed(
    parameter: str, module: str, build: Build, tmp_path: Path
) -> None:
    import transformers

    checkpoint = build(DATA2VEC)
    convert(checkpoint, tmp_path / "hf", verify=False)
    model = transformers.AutoModelForCTC.from_pretrained(tmp_path / "hf")
    assert type(model) is transformers.Data2VecAudioForCTC
    scale(f"data2vec_audio.encoder.{parameter}", 1.5)(tmp_path / "hf")
    first, *others = diff(checkpoint, tmp_path / "hf", audio=CLIPS).findings
    assert first.target_parameters == (f"data2vec_audio.encoder.{parameter}",)
    assert first.target_module == f"data2vec_audio.encoder.{module}"
    assert others == []


def test_what_pretraining_kept_beside_the_weights_is_dropped_with_the_reason(build: Build) -> None:
    dropped = inspect(build(DATA2VEC)).dropped
    reasons = {reason.name.rpartition("w2v_model.")[2]: reason.because for reason in dropped}
    assert reasons.keys() == {"final_proj.weight", "final_proj.bias", "_ema"}
    assert "no tensor" in reasons["_ema"]


@pytest.mark.wide
def test_a_data2vec_written_as_wav2vec_is_one_finding(build: Build, tmp_path: Path) -> None:
    import transformers

    checkpoint = build(DATA2VEC)
    convert(checkpoint, tmp_path / "hf", verify=False)
    right = transformers.AutoModelForCTC.from_pretrained(tmp_path / "hf").state_dict()
    said = transformers.AutoConfig.from_pretrained(tmp_path / "hf").to_dict()
    kept = {k: v for k, v in said.items() if k not in ("model_type", "num_conv_pos_embeddings")}
    model = transformers.Wav2Vec2ForCTC(
        transformers.Wav2Vec2Config(**kept, feat_extract_norm="layer", num_conv_pos_embeddings=15)
    )
    renamed = {n.replace("data2vec_audio.", "wav2vec2."): tensor for n, tensor in right.items()}
    model.load_state_dict(renamed, strict=False)
    model.save_pretrained(tmp_path / "hf")
    first, *others = diff(checkpoint, tmp_path / "hf", audio=CLIPS).findings
    assert others == [], [other.summary for other in others]
    assert first.config_keys == ("model_type",)
    assert "write it as Data2VecAudio" in first.fix


def test_what_was_lost_of_the_arguments_is_assumed_and_said(build: Build, tmp_path: Path) -> None:
    result = convert(build("no w2v_args"), tmp_path / "hf", verify=False)
    assert {reason.name for reason in result.assumptions} == {
        *("num_attention_heads", "hidden_act", "conv_stride", "do_stable_layer_norm"),
    }


@pytest.mark.parametrize(
    ("said", "model_type", "written"),
    [
        (None, "fairseq_conformer", False),
        ({"do_stable_layer_norm": True}, "wav2vec2-conformer", None),
    ],
)
def test_the_order_of_a_conformers_norms_is_assumed_and_said_or_as_the_user_says(
    said: dict[str, bool] | None,
    model_type: str,
    written: bool | None,
    build: Build,
    tmp_path: Path,
) -> None:
    checkpoint = build(NORM_BEFORE, save=without_w2v_args)
    result = convert(checkpoint, tmp_path / "hf", verify=False, encoder_config=said)
    assumptions = {reason.name: reason.because for reason in result.assumptions}
    assert ("do_stable_layer_norm" in assumptions) == (said is None)
    config = json.loads((tmp_path / "hf" / "config.json").read_text(encoding="utf-8"))
    assert config["model_type"] == model_type
    assert config.get("do_stable_layer_norm") is written


@pytest.mark.wide
@pytest.mark.parametrize("behind", [True, False])
def test_a_recording_chooses_the_order_of_a_conformers_norms(
    behind: bool, build: Build, tmp_path: Path
) -> None:
    order = {"do_stable_layer_norm": behind}
    checkpoint = build("conformer, no w2v_args")
    record(checkpoint, tmp_path / "recording", audio=CLIPS[:1], encoder_config=order)
    result = convert(checkpoint, tmp_path / "hf", verify=True, recording=tmp_path / "recording")
    assert result.verdict == "match"
    told = {reason.name: reason for reason in settled(result.assumptions)}
    assert f"{behind!r}, as the recording" in told["do_stable_layer_norm"].because
    assert "isolated error of `wav2vec2_conformer.encoder`" in told["do_stable_layer_norm"].because
    config = json.loads((tmp_path / "hf" / "config.json").read_text(encoding="utf-8"))
    assert config["model_type"] == ("wav2vec2-conformer" if behind else "fairseq_conformer")
    assert verify(checkpoint, tmp_path / "hf", audio=CLIPS[:1], encoder_config=order).verdict == (
        "match"
    )


def test_the_fine_tuned_models_own_regularization_is_written(build: Build, tmp_path: Path) -> None:
    import json

    convert(build("outer dropouts and masks"), tmp_path / "hf", verify=False)
    config = json.loads((tmp_path / "hf" / "config.json").read_text(encoding="utf-8"))
    assert config["hidden_dropout"] == 0.0
    assert config["attention_dropout"] == 0.2
    assert config["layerdrop"] == 0.1
    assert config["mask_time_prob"] == 0.65
    assert config["apply_spec_augment"] is True


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_no_class_computes_is_refused_by_name(name: str, build: Build, tmp_path: Path) -> None:
    _, _, refused = BY_NAME[name].ends.partition(": ")
    with pytest.raises(BadInput, match=f"`{refused}`: "):
        convert(build(name), tmp_path / "hf", verify=False)
    assert not (tmp_path / "hf").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"target_lang": "de"}, "--target-lang de.*writes what it hears"),
        ({"config_yaml": Path("config.yaml")}, "--config-yaml.*letters of a dictionary alone"),
        ({"padding_reference": "unmasked"}, "--padding-reference unmasked.*has none"),
        ({"spm": Path("spm.model")}, "--spm.*letters of a dictionary alone"),
        ({"decoder_config": {"vocab_size": 3}}, "--decoder-config.*has only `encoder`"),
        ({"dict": Path("nowhere.txt")}, "nowhere.txt"),
    ],
)
def test_options_that_mean_nothing_here_are_refused(
    options: dict[str, object], said: str, build: Build, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=said):
        convert(build("group norm"), tmp_path / "hf", verify=False, **options)


def test_without_its_dictionary_nothing_is_written_and_the_names_are_said(
    build: Build, tmp_path: Path
) -> None:
    checkpoint = build("group norm")
    (checkpoint.parent / "dict.ltr.txt").unlink()
    with pytest.raises(BadInput, match=r"looked for: `dict.ltr.txt`, `dict.txt`.*--dict"):
        convert(checkpoint, tmp_path / "hf", verify=False)
    assert any("dict.ltr.txt" in reason.because for reason in inspect(checkpoint).unknown)


def test_a_dictionary_of_another_size_is_refused(build: Build, tmp_path: Path) -> None:
    checkpoint = build("group norm")
    (checkpoint.parent / "dict.ltr.txt").write_text("| 1\na 1\n", encoding="utf-8")
    with pytest.raises(BadInput, match="must give 32 symbols.*but gives 6"):
        convert(checkpoint, tmp_path / "hf", verify=False)


def edit_checkpoint(path: Path, edit: Callable[[dict], None]) -> None:
    saved = torch.load(path, weights_only=False)
    edit(saved)
    torch.save(saved, path)


def call_hubert(saved: dict) -> None:
    saved["cfg"]["model"]["_name"] = "hubert_ctc"


def call_it_another(saved: dict) -> None:
    saved["cfg"]["model"]["w2v_args"]["model"]["_name"] = "data2vec_multi"


def test_a_hubert_with_the_same_tensors_is_not_taken_for_wav2vec(
    build: Build, tmp_path: Path
) -> None:
    checkpoint = build("layer norm")
    edit_checkpoint(checkpoint, call_hubert)
    with pytest.raises(BadInput, match="the encoder is `wav2vec2`, whose layers are other ones"):
        convert(checkpoint, tmp_path / "hf", verify=False)


def test_an_encoder_of_another_kind_is_refused_by_name(build: Build, tmp_path: Path) -> None:
    checkpoint = build("layer norm")
    edit_checkpoint(checkpoint, call_it_another)
    with pytest.raises(BadInput, match="the encoder is `data2vec_multi`"):
        convert(checkpoint, tmp_path / "hf", verify=False)


def test_what_task_and_model_say_otherwise_of_the_sound_is_told(
    build: Build, tmp_path: Path
) -> None:
    checkpoint = build("layer norm")

    def contradict(saved: dict) -> None:
        saved["cfg"]["task"]["normalize"] = False

    edit_checkpoint(checkpoint, contradict)
    result = convert(checkpoint, tmp_path / "hf", verify=True, audio=CLIPS)
    assert result.verdict == "match"
    (reason,) = result.assumptions
    assert "task.normalize says False" in reason.because
    assert "args.normalize" in reason.because
