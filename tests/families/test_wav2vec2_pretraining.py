"""Pretrained wav2vec 2.0 of every kind and era: what converts exactly, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.breaking import scale, set_key
from tests.families.exactness import CLIPS, EXACT, ROUNDED
from tests.families.faulted import check_all_blamed
from tests.sampling import wide
from tests.variants.pretraining_building import build_pretraining
from tests.variants.pretraining_kinds import PRETRAINING_VARIANTS
from toolkit import assert_parity, convert, diff, inspect, record, verify
from toolkit.core.errors import BadInput
from toolkit.core.result import Result
from toolkit.pipeline.faulting import faults

BY_NAME = {variant.name: variant for variant in PRETRAINING_VARIANTS}
REFUSED = {name for name, variant in BY_NAME.items() if "refused" in variant.ends}
PLAIN = "group norm"
FAST = ("layer norm",)
HEADS = {"projected features", "projected code vectors", "perplexity of the codes"}
LOSS = "contrastive loss"
CLASS = "Wav2Vec2(ForPreTraining|Conformer)"

Build = Callable[[str], Path]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Writes the checkpoint of a variant, once."""
    known: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in known:
            known[name] = build_pretraining(BY_NAME[name], tmp_path_factory.mktemp("pretrained"))
        return known[name]

    return make


@pytest.fixture(scope="session")
def plain(build: Build, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Result]:
    """A checkpoint, its conversion and the proof; read them, never write to them."""
    folder = tmp_path_factory.mktemp("plain") / "hf"
    checkpoint = build(PLAIN)
    return checkpoint, folder, convert(checkpoint, folder, verify=True, audio=CLIPS)


@pytest.fixture
def broken(plain: tuple[Path, Path, Result], tmp_path: Path) -> Path:
    """A copy of the conversion, to be broken by the test."""
    return Path(shutil.copytree(plain[1], tmp_path / "broken"))


def check_exact(result: Result, *, masks: bool = True) -> None:
    levels = {level.name: level for level in result.levels}
    assert result.verdict == "match"
    assert levels["weights"].worst is not None
    assert levels["weights"].worst.error == 0.0
    for name in ("layers", "outputs"):
        exact, rounded = levels[name].measures[:2]
        assert exact.error <= EXACT
        assert rounded.error <= ROUNDED
    outputs = {m.name.removeprefix("float64 "): m.error for m in levels["outputs"].measures}
    assert (LOSS in outputs) is masks
    assert all(outputs[name] <= EXACT for name in (*HEADS, *([LOSS] if masks else [])))
    assert outputs["codes that are other ones"] == 0
    assert [measure.error for measure in levels["padding"].measures] <= [ROUNDED, 0.0]
    declared = {deviation.name for deviation in result.deviations}
    assert "diversity_loss" in declared
    assert declared <= {"diversity_loss", "normalization_epsilon"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in FAST else pytest.mark.wide)
        for name in BY_NAME
        if name not in REFUSED
    ],
)
def test_every_variant_converts_exactly(name: str, build: Build, tmp_path: Path) -> None:
    result = convert(build(name), tmp_path / "hf", verify=True, audio=CLIPS)
    check_exact(result, masks=name != "nothing masked")


def test_a_right_folder_gives_no_finding(plain: tuple[Path, Path, Result]) -> None:
    checkpoint, folder, proof = plain
    result = diff(checkpoint, folder, audio=CLIPS[:2])
    assert (result.verdict, result.findings, result.notes) == ("match", (), ())
    assert result.task == proof.task == "features"
    assert {"vocabulary", "greedy", "beam", "logits"} == set(result.absent_levels)


def test_users_load_it_with_and_without_its_heads(plain: tuple[Path, Path, Result]) -> None:
    import transformers

    _, folder, _ = plain
    files = {path.name for path in folder.iterdir()}
    assert files == {
        "README.md",
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "verification.json",
    }
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    assert (extractor.do_normalize, extractor.return_attention_mask) == (False, True)
    whole = transformers.AutoModelForPreTraining.from_pretrained(folder)
    assert type(whole) is transformers.Wav2Vec2ForPreTraining
    bare, told = transformers.AutoModel.from_pretrained(folder, output_loading_info=True)
    assert type(bare) is transformers.Wav2Vec2Model
    assert not told["missing_keys"]


def test_that_a_folder_of_the_encoder_alone_does_without_heads_is_said_and_nothing_else(
    plain: tuple[Path, Path, Result], tmp_path: Path
) -> None:
    import transformers

    checkpoint, folder, _ = plain
    transformers.Wav2Vec2Model.from_pretrained(folder).save_pretrained(tmp_path / "alone")
    shutil.copy(folder / "preprocessor_config.json", tmp_path / "alone")
    proof = verify(checkpoint, tmp_path / "alone", audio=CLIPS[:2])
    assert (proof.verdict, proof.findings) == ("match", ())
    assert [deviation.name for deviation in proof.deviations] == ["heads_left_out"]
    result = diff(checkpoint, tmp_path / "alone", audio=CLIPS[:1])
    assert (result.verdict, result.findings) == ("match", ())


@pytest.mark.wide
def test_so_is_it_of_a_folder_that_carries_a_conformer_alone(build: Build, tmp_path: Path) -> None:
    import transformers

    checkpoint, whole = build("conformer, norm before the layers"), tmp_path / "whole"
    convert(checkpoint, whole, verify=False)
    bare = transformers.AutoModel.from_pretrained(whole, trust_remote_code=True)
    bare.save_pretrained(tmp_path / "alone")
    for file in ("preprocessor_config.json", "feature_extraction_fairseq.py"):
        shutil.copy(whole / file, tmp_path / "alone")
    proof = verify(checkpoint, tmp_path / "alone", audio=CLIPS[:2])
    assert (proof.verdict, proof.findings) == ("match", ())
    assert [deviation.name for deviation in proof.deviations] == ["heads_left_out"]


def test_a_folder_that_is_meant_to_have_heads_and_lost_them_is_none_without(
    plain: tuple[Path, Path, Result], tmp_path: Path
) -> None:
    import transformers

    checkpoint, folder, _ = plain
    transformers.Wav2Vec2Model.from_pretrained(folder).save_pretrained(tmp_path / "lost")
    for file in ("config.json", "preprocessor_config.json"):
        shutil.copy(folder / file, tmp_path / "lost")
    result = diff(checkpoint, tmp_path / "lost", audio=CLIPS[:1])
    assert result.verdict == "mismatch"


def test_the_model_card_says_how_to_get_at_layers_and_shows_no_pipeline_of_words(
    plain: tuple[Path, Path, Result],
) -> None:
    card = (plain[1] / "README.md").read_text(encoding="utf-8")
    assert "pipeline_tag: feature-extraction" in card
    assert "`hidden_states[k]`" in card
    assert "diversity_loss" in card
    assert "vocabulary" not in card


@pytest.mark.parametrize(
    ("parameter", "module"),
    [
        wide("quantizer.codevectors", "quantizer"),
        ("quantizer.weight_proj.weight", "quantizer.weight_proj"),
        wide("project_q.bias", "project_q"),
        wide("project_hid.weight", "project_hid"),
        ("wav2vec2.encoder.layers.1.attention.v_proj.weight",) * 2,
    ],
)
def test_a_wrong_head_is_blamed(
    parameter: str, module: str, plain: tuple[Path, Path, Result], broken: Path
) -> None:
    scale(parameter, 1.5)(broken)
    (finding,) = diff(plain[0], broken, audio=CLIPS[:1]).findings
    assert finding.target_parameters == (parameter,)
    assert finding.target_module == module.removesuffix(".weight")


def test_a_wrong_mask_embedding_shows_in_the_loss_alone_of_all_outputs(
    plain: tuple[Path, Path, Result], broken: Path
) -> None:
    scale("wav2vec2.masked_spec_embed", 1.5)(broken)
    result = verify(plain[0], broken, audio=CLIPS[1:2])
    failing = {m.name for m in result.level("outputs").measures if m.verdict == "fail"}
    assert failing == {f"float64 {LOSS}"}
    assert [finding.target_parameters for finding in result.findings] == [
        ("wav2vec2.masked_spec_embed",)
    ]


@pytest.mark.parametrize(
    ("key", "value"), [("contrastive_logits_temperature", 0.7), ("apply_spec_augment", False)]
)
def test_verify_and_diff_agree_that_a_wrong_loss_is_a_fault(
    key: str, value: object, plain: tuple[Path, Path, Result], broken: Path
) -> None:
    set_key("config.json", key, value)(broken)
    for command in (verify, diff):
        result = command(plain[0], broken, audio=CLIPS[1:2])
        assert [finding.config_keys for finding in result.findings] == [(key,)]


@pytest.mark.wide
def test_the_plugins_assertion_holds(plain: tuple[Path, Path, Result]) -> None:
    assert_parity(plain[0], plain[1], audio=CLIPS[:1])


@pytest.mark.wide
def test_a_recording_proves_it_without_fairseq(
    plain: tuple[Path, Path, Result], tmp_path: Path
) -> None:
    checkpoint, folder, _ = plain
    record(checkpoint, tmp_path / "recording", audio=CLIPS[:2])
    check_exact(verify(checkpoint, folder, recording=tmp_path / "recording"))


def test_what_was_lost_of_the_arguments_is_assumed_and_said(build: Build, tmp_path: Path) -> None:
    result = convert(build("no arguments"), tmp_path / "hf", verify=False)
    assert {reason.name for reason in result.assumptions} == {
        *("num_attention_heads", "hidden_act", "conv_stride", "do_stable_layer_norm"),
        "preprocessor_config.do_normalize",
    }


def test_groups_and_widths_of_codes_are_read_off_shapes(build: Build, tmp_path: Path) -> None:
    convert(build("four groups of codes"), tmp_path / "hf", verify=False)
    config = json.loads((tmp_path / "hf" / "config.json").read_text(encoding="utf-8"))
    assert config["num_codevector_groups"] == 4
    assert config["num_codevectors_per_group"] == 3
    assert config["codevector_dim"] == config["proj_codevector_dim"] == 8


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_no_class_computes_is_refused_by_name(name: str, build: Build, tmp_path: Path) -> None:
    _, _, refused = BY_NAME[name].ends.partition(": ")
    with pytest.raises(BadInput, match=f"{refused}`: .*({CLASS}|no class)"):
        convert(build(name), tmp_path / "hf", verify=False)
    assert not (tmp_path / "hf").exists()


def test_inspect_knows_the_family_and_asks_for_no_file(build: Build) -> None:
    found = inspect(build(PLAIN))
    assert found.family == "wav2vec2_pretraining"
    assert (found.unknown, found.refusals, found.sidecars, found.dropped) == ((), (), {}, ())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"target_lang": "de"}, "--target-lang de.*has no words"),
        ({"config_yaml": Path("config.yaml")}, "--config-yaml.*has no words"),
        ({"dict": Path("dict.txt")}, "--dict.*has no words"),
        ({"spm": Path("spm.model")}, "--spm.*has no words"),
        ({"padding_reference": "unmasked"}, "--padding-reference unmasked.*has none"),
        ({"decoder_config": {"vocab_size": 3}}, "--decoder-config.*has only `encoder`"),
    ],
)
def test_options_that_mean_nothing_here_are_refused(
    options: dict[str, object], said: str, build: Build, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=said):
        convert(build(PLAIN), tmp_path / "hf", verify=False, **options)


@pytest.mark.slow
def test_every_fault_is_found_and_blamed_first_and_alone(build: Build) -> None:
    result = faults(build(PLAIN))
    check_all_blamed(result)
    assert len(result.singles) >= 300
    assert len(result.doubles) >= 50
